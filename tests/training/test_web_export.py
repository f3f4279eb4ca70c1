import base64
import gzip
import hashlib
import os
import re
from pathlib import Path

import pytest

from benchmarks.web_export import CHROMIUM, compare, drawings, opened
from toolkit.errors import ToolkitError
from toolkit.models.bundle import ModelCard, load_model
from toolkit.training import web_export
from toolkit.training.web_export import SHA256, VERSION, export_web

STAND_IN = {"dist/ort.wasm.bundle.min.mjs": b"export const ort = 1", "dist/ort-wasm-simd-threaded.wasm": b"\0asm"}
USERS_CACHE = Path(os.environ.get("TOOLKIT_CACHE") or Path.home() / ".cache/digit-toolkit")  # each test has its own
REAL = USERS_CACHE / f"onnxruntime-web@{VERSION}"


@pytest.fixture
def npm(monkeypatch):
    """A runtime that npm seems to bring, and how often it was asked; a model without torch's exporter."""
    asked = []

    def fetch(package, sha256):
        asked.append(package)
        return STAND_IN

    found = {name: hashlib.sha256(content).hexdigest() for name, content in STAND_IN.items()}
    monkeypatch.setattr(web_export, "SHA256", found)
    monkeypatch.setattr(web_export, "fetch_from_npm", fetch)
    monkeypatch.setattr(web_export, "make_onnx", lambda network, card: (b"a model", 1e-7))
    return asked


def card_of(**told) -> ModelCard:
    usual = {"name": "mine", "classes": ["a", "b"], "scores": {}}
    return ModelCard(architecture="mlp", arguments={}, recipe="none", options={}, versions={}, **(usual | told))


def written(path, **told) -> str:
    export_web(None, card_of(**told), path)
    return path.read_text(encoding="utf-8")


def test_one_file_holds_model_runtime_and_its_licence(npm, tmp_path):
    page = written(tmp_path / "page.html")
    held = dict(re.findall(r'<script type="text/plain" id="(\w+)">(.*?)</script>', page))
    unpacked = {name: gzip.decompress(base64.b64decode(text)) for name, text in held.items()}
    assert unpacked == {"runtime": b"export const ort = 1", "wasm": b"\0asm", "model": b"a model"}
    assert "{{" not in page
    assert re.search(r"Copyright \(c\) Microsoft Corporation\s+Permission is hereby granted", page)
    assert not re.search(r"(src|href)=|@import|url\(", page)  # nothing to load
    assert [path.name for path in tmp_path.glob("*.html")] == ["page.html"]


def test_the_same_model_gives_the_same_bytes(npm, tmp_path):
    assert written(tmp_path / "a.html") == written(tmp_path / "b.html")


def test_the_title_names_the_model_and_what_was_measured(npm, tmp_path):
    scores = {
        "held_out": {"accuracy": 0.5, "n": 10, "interval_95": [0.2, 0.8]},
        "mnist_test": {"accuracy": 0.9964, "n": 10000, "interval_95": [0.99502, 0.9974]},
    }
    title = "<title>mine: 99.64 % of 10,000 images right (mnist_test; 95 % interval 99.50-99.74 %)</title>"
    assert title in written(tmp_path / "page.html", scores=scores)
    assert "<title>mine: accuracy not measured</title>" in written(tmp_path / "page.html")


def test_names_from_outside_are_text(npm, tmp_path):
    page = written(tmp_path / "page.html", name="<b>{{wasm}}", classes=["</script><script>alert(1)", "b"])
    assert "<title>&lt;b&gt;{{wasm}}: " in page
    assert "alert(1)" in page
    assert page.count("<script") == 4


def test_the_runtime_is_fetched_once_and_mended_when_damaged(npm, tmp_path):
    for _ in range(2):
        written(tmp_path / "page.html")
    assert npm == [f"onnxruntime-web@{VERSION}"]
    cached = tmp_path / "cache" / f"onnxruntime-web@{VERSION}" / "ort-wasm-simd-threaded.wasm"
    cached.write_bytes(b"half a file")
    written(tmp_path / "page.html")
    assert len(npm) == 2
    assert cached.read_bytes() == b"\0asm"


def test_without_npm_nothing_is_written(no_network, tmp_path):
    with pytest.raises(ToolkitError, match=r"onnxruntime-web@.* npm, which is not installed"):
        export_web(None, card_of(), tmp_path / "page.html")
    assert list(tmp_path.iterdir()) == []


def test_the_browser_reads_what_python_reads(tmp_path, monkeypatch, small_model):
    pytest.importorskip("playwright", reason="Playwright is not installed")
    if not CHROMIUM:
        pytest.skip("there is no Chromium")
    if not all((REAL / Path(name).name).exists() for name in SHA256):
        pytest.skip("the cache holds no ONNX Runtime Web: python -m toolkit export mnist_mlp --to web brings it there")
    monkeypatch.setenv("TOOLKIT_CACHE", str(USERS_CACHE))
    network, card = load_model(small_model)
    export_web(network, card, tmp_path / "page.html")
    with opened(tmp_path / "page.html") as tab:
        requests = []
        tab.on("request", lambda request: requests.append(request.url))
        result = compare(tab, network, list(drawings(20)))
        assert result.same_answer == 20
        assert result.largest_difference < 0.05  # 1e-6 with Pillow 13; 12 resizes in another order
        assert tab.inner_text("#answer") == "Draw one sign, as large as you like."
        frame = tab.locator("#drawing").bounding_box()
        tab.mouse.move(frame["x"] + frame["width"] / 2, frame["y"] + frame["height"] / 4)
        tab.mouse.down()
        tab.mouse.move(frame["x"] + frame["width"] / 2, frame["y"] + frame["height"] / 2, steps=5)
        tab.mouse.up()
        tab.wait_for_function("answer.textContent.startsWith('I read')")
        assert tab.locator("#bars li").count() == 10
        tab.get_by_role("button", name="Clear").press("Enter")
        tab.wait_for_function("answer.textContent.startsWith('Draw')")
        assert requests == []
