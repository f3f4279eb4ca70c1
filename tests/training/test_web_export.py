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
from toolkit.training.web_export import SHA256, VERSION, make_page

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


def page_of(**told) -> str:
    return make_page(None, card_of(**told))[0].decode()


def test_one_file_holds_model_runtime_and_its_licence(npm):
    page = page_of()
    held = dict(re.findall(r'<script type="text/plain" id="(\w+)">(.*?)</script>', page))
    unpacked = {name: gzip.decompress(base64.b64decode(text)) for name, text in held.items()}
    assert unpacked == {"runtime": b"export const ort = 1", "wasm": b"\0asm", "model": b"a model"}
    assert "{{" not in page
    assert re.search(r"Copyright \(c\) Microsoft Corporation\s+Permission is hereby granted", page)
    assert not re.search(r"(src|href)=|@import|url\(", page)  # nothing to load


def test_the_same_model_gives_the_same_bytes_at_any_time(npm, monkeypatch):
    first = page_of()
    monkeypatch.setattr("time.time", lambda: 1e9)
    assert page_of() == first


def test_the_title_names_the_model_and_what_was_measured(npm):
    scores = {
        "held_out": {"accuracy": 0.5, "n": 10, "interval_95": [0.2, 0.8]},
        "mnist_test": {"accuracy": 0.9964, "n": 10000, "interval_95": [0.99502, 0.9974]},
    }
    title = "<title>mine: 99.64 % of 10,000 images right (mnist_test; 95 % interval 99.50-99.74 %)</title>"
    assert title in page_of(scores=scores)
    assert "<title>mine: accuracy not measured</title>" in page_of()


def test_names_from_outside_are_text(npm):
    page = page_of(name="<b>{{wasm}}", classes=["</script><script>alert(1)", "b"])
    assert "<title>&lt;b&gt;{{wasm}}: " in page
    assert "alert(1)" in page
    assert page.count("<script") == 4


def test_the_runtime_is_fetched_once_and_mended_when_damaged(npm, tmp_path):
    for _ in range(2):
        page_of()
    assert npm == [f"onnxruntime-web@{VERSION}"]
    cached = tmp_path / "cache" / f"onnxruntime-web@{VERSION}" / "ort-wasm-simd-threaded.wasm"
    cached.write_bytes(b"half a file")
    page_of()
    assert len(npm) == 2
    assert cached.read_bytes() == b"\0asm"


def test_without_npm_one_line_says_so(no_network):
    with pytest.raises(ToolkitError, match=r"onnxruntime-web@.* npm, which is not installed"):
        make_page(None, card_of())


def test_the_browser_reads_what_python_reads(tmp_path, monkeypatch, small_model):
    pytest.importorskip("playwright", reason="Playwright is not installed")
    if not CHROMIUM:
        pytest.skip("there is no Chromium")
    if not all((REAL / Path(name).name).exists() for name in SHA256):
        pytest.skip("the cache holds no ONNX Runtime Web: python -m toolkit export mnist_mlp --to web brings it there")
    monkeypatch.setenv("TOOLKIT_CACHE", str(USERS_CACHE))
    network, card = load_model(small_model)
    (tmp_path / "page.html").write_bytes(make_page(network, card)[0])
    with opened(tmp_path / "page.html") as tab:
        requests = []
        tab.on("request", lambda request: requests.append(request.url))
        result = compare(tab, network, list(drawings(20)))
        assert result.same_answer == 20
        assert result.largest_difference < 0.05  # some pixels differ by a few grey levels
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
