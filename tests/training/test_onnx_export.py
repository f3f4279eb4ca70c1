import copy
import json
import subprocess
import sys
from types import SimpleNamespace

import numpy as np
import onnx
import onnx_ir
import pytest
import torch
from torch import nn

from toolkit.classes import DIGITS
from toolkit.errors import ToolkitError
from toolkit.models.bundle import ModelCard, load_model
from toolkit.training import onnx_export
from toolkit.training.onnx_export import OPSET, make_onnx

RUN = """
import sys
import numpy as np
import onnxruntime
session = onnxruntime.InferenceSession("model.onnx")
for count in (1, 3, 20):
    [answers] = session.run(["probabilities"], {"pixels": np.load("images.npy")[:count]})
    assert answers.shape == (count, 10)
np.save("answers.npy", answers)
assert not {"torch", "toolkit", "onnx"} & set(sys.modules)
"""


def card_of(classes) -> ModelCard:
    return ModelCard("mine", "mlp", {}, list(classes), {}, "none", {}, {})


class Own(nn.Module):
    """Convolution, a layer of its own kind, a batch norm: and ``answer`` what becomes of the logits."""

    def __init__(self, classes, answer=lambda logits: logits):
        super().__init__()
        self.layers = nn.Sequential(nn.Conv2d(1, 4, 5, stride=4), nn.BatchNorm2d(4), nn.GELU(), nn.Flatten())
        self.last = nn.Linear(144, classes)
        self.answer = answer

    def forward(self, images):
        return self.answer(self.last(self.layers(images.float() / 255)))


def test_onnxruntime_alone_gives_torchs_probabilities(small_model, tmp_path, capfd, examples):
    network, card = load_model(small_model)
    content, difference = make_onnx(network, card)
    (tmp_path / "model.onnx").write_bytes(content)
    assert 0 <= difference < 1e-5
    assert capfd.readouterr() == ("", "")
    images = examples["Validation Set"].images
    np.save(tmp_path / "images.npy", images)
    subprocess.run([sys.executable, "-c", RUN], cwd=tmp_path, check=True)
    with torch.inference_mode():
        expected = torch.softmax(network(torch.from_numpy(images)), dim=1).numpy()
    assert np.allclose(np.load(tmp_path / "answers.npy"), expected, atol=1e-5)
    model = onnx.load(tmp_path / "model.onnx")
    onnx.checker.check_model(model, full_check=True)
    assert [(used.domain, used.version) for used in model.opset_import] == [("", OPSET)]
    told = {entry.key: entry.value for entry in model.metadata_props}
    assert told["opset"] == str(OPSET)
    assert json.loads(told["classes"]) == list(DIGITS)
    assert json.loads(told["card"]) == json.loads((small_model / "model.json").read_text())
    assert not any(node.metadata_props or node.doc_string for node in model.graph.node)
    assert b".py" not in content  # no line of source, hence no path


@pytest.fixture(scope="module")
def own():
    """A network of one's own with three classes, as ONNX: an export takes seconds."""
    torch.manual_seed(0)
    network = Own(3).eval()
    return network, *make_onnx(network, card_of("aΩ+"))


def test_own_networks_and_other_classes_do_as_well(own):
    _, content, difference = own
    assert difference < 1e-5
    model = onnx.load_from_string(content)
    assert model.graph.output[0].type.tensor_type.shape.dim[1].dim_value == 3
    assert "".join(json.loads(next(entry.value for entry in model.metadata_props if entry.key == "classes"))) == "aΩ+"


def test_the_check_sees_a_difference(own):
    other = copy.deepcopy(own[0])
    with torch.no_grad():
        other.last.weight.mul_(1.1)
    assert onnx_export._largest_difference(nn.Sequential(other, nn.Softmax(1)), own[1]) > 1e-3


def test_what_torch_cannot_export_is_one_line(capfd):
    network = Own(3, lambda logits: logits if logits.sum() > 0 else -logits)
    with pytest.raises(ToolkitError, match=r"mine cannot be written as ONNX \(.+\). Export it for fastai instead"):
        make_onnx(network.eval(), card_of("abc"))
    assert capfd.readouterr().out == ""


def test_what_differs_from_torch_is_refused(small_model, monkeypatch):
    empty = onnx_ir.Model(onnx_ir.Graph([], [], nodes=[]), ir_version=10)
    program = SimpleNamespace(model=empty, model_proto=onnx.ModelProto())
    monkeypatch.setattr("torch.onnx.export", lambda *_, **__: program)
    monkeypatch.setattr(onnx_export, "_largest_difference", lambda *_: float("nan"))
    network, card = load_model(small_model)
    with pytest.raises(ToolkitError, match="differs from torch by nan"):
        make_onnx(network, card)


def test_the_check_draws_nothing_from_the_global_random_state():
    before = torch.get_rng_state()
    images = onnx_export._distorted_digits()
    assert images.shape == (onnx_export.CHECKED, 1, 28, 28)
    assert images.dtype == np.uint8
    assert torch.equal(torch.get_rng_state(), before)
    assert np.array_equal(images, onnx_export._distorted_digits())
