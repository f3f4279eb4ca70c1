"""A model as a file for use elsewhere: in fastai, with onnxruntime, in a browser."""

import re
from pathlib import Path

from toolkit.errors import ToolkitError
from toolkit.models.bundle import load_model
from toolkit.paths import write_file

KINDS = {"fastai": "learner.pkl", "onnx": "model.onnx", "web": "{name}.html"}  # and the file each one writes


def export_model(model: str, kind: str = "fastai", out: Path | None = None) -> Path:
    """Write a published model, or that of a run's folder, as one of ``KINDS`` to ``out``; says what was checked.

    Raises ``ToolkitError`` for an unknown kind, and where the export does; then nothing is written.
    """
    if kind not in KINDS:
        raise ToolkitError(f"There is no export '{kind}'. Choose {', '.join(KINDS)}.")
    network, card = load_model(model)
    path = out or Path(KINDS[kind].format(name=re.sub(r"\W+", "_", card.name)))  # a name from outside is no path
    if kind == "fastai":
        from toolkit.training.export import export_learner

        export_learner(network, card.classes, path)
    else:
        from toolkit.training.onnx_export import CHECKED, OPSET, make_onnx
        from toolkit.training.web_export import make_page

        content, difference = (make_onnx if kind == "onnx" else make_page)(network, card)
        write_file(path, content)
        print(f"ONNX opset {OPSET}: largest difference from torch on {CHECKED:,} images {difference:.1e}")
    print(f"Written: {path}")
    return path
