"""A model as one page that any browser opens by a double click and runs by itself: no server, no network."""

import base64
import gzip
import hashlib
import html
import json
import re
from pathlib import Path

from torch import nn

from toolkit.data.npm import fetch_from_npm
from toolkit.doors import read_file
from toolkit.models.bundle import ModelCard
from toolkit.paths import ROOT, cache_folder, write_file
from toolkit.training.onnx_export import make_onnx

VERSION = "1.30.0"
SHA256 = {  # of the files of npm's onnxruntime-web
    "dist/ort.wasm.bundle.min.mjs": "11e64bd8ffe11bd1a2a2f0d6275fdfbbba7262f0b76b99b53d228a8a22ef3d90",
    "dist/ort-wasm-simd-threaded.wasm": "3398c10d07d229bd91b364548e130e0e51a8e5704b88c7c083ebbeb78842dee2",
}
MICROSOFT = "Copyright (c) Microsoft Corporation"  # the text of the licence is that of our own, MIT


def make_page(network: nn.Module, card: ModelCard) -> tuple[bytes, float]:
    """``web_export.html`` with the model and ONNX Runtime Web inside, and ``make_onnx``'s difference from torch.

    In the page ``readDrawing(rgba)``, given the pixels of a canvas of 280x280, answers as Python does. Raises
    ``ToolkitError`` where npm cannot fetch the runtime, which the cache then keeps, or ``make_onnx`` does.
    """
    script, wasm = _runtime()
    model, difference = make_onnx(network, card)
    values = {
        "name": html.escape(card.name),
        "accuracy": html.escape(_accuracy(card)),
        "classes": json.dumps(card.classes).replace("<", "\\u003c"),  # or a name might end the script
        "version": VERSION,
        "licence": re.sub(r"Copyright .*", MICROSOFT, (ROOT / "LICENSE").read_text(encoding="utf-8")),
        "runtime": _packed(script),
        "wasm": _packed(wasm),
        "model": _packed(model),
    }
    template = Path(__file__).with_suffix(".html").read_text(encoding="utf-8")
    return re.sub(r"{{(\w+)}}", lambda found: values[found[1]], template).encode(), difference


def _runtime() -> list[bytes]:
    """The two files of ONNX Runtime Web: from the cache, or through npm into it."""
    package = f"onnxruntime-web@{VERSION}"
    cached = {name: cache_folder() / package / Path(name).name for name in SHA256}
    files = {name: read_file(path) for name, path in cached.items() if path.is_file()}
    if {name: hashlib.sha256(content).hexdigest() for name, content in files.items()} != SHA256:
        files = fetch_from_npm(package, SHA256)
        for name, content in files.items():
            write_file(cached[name], content)
    return [files[name] for name in SHA256]


def _packed(content: bytes) -> str:
    """Text that the page's ``unpack`` reads; the same bytes give the same text."""
    return base64.b64encode(gzip.compress(content, mtime=0)).decode()


def _accuracy(card: ModelCard) -> str:
    match list(card.scores.items()):
        case [*_, (data, {"accuracy": float(accuracy), "n": int(n), "interval_95": [float(low), float(high)]})]:
            percent = [f"{100 * share:.{2 if n >= 1000 else 1}f}" for share in (accuracy, low, high)]
            return f"{percent[0]} % of {n:,} images right ({data}; 95 % interval {percent[1]}-{percent[2]} %)"
    return "accuracy not measured"
