import json

import pytest

from toolkit.errors import ToolkitError
from toolkit.experiments.exporting import export_model
from toolkit.training import onnx_export, web_export


@pytest.fixture(autouse=True)
def stand_ins(monkeypatch, tmp_path):
    """Exports that make two words, in a folder of their own."""

    def make(network, card):
        return f"{card.name} {len(card.classes)}".encode(), 1.2e-7

    for module, name in ((onnx_export, "make_onnx"), (web_export, "make_page")):
        monkeypatch.setattr(module, name, make)
    folder = tmp_path / "here"
    folder.mkdir()
    monkeypatch.chdir(folder)
    return folder


@pytest.mark.parametrize(("kind", "name"), [("onnx", "model.onnx"), ("web", "small_mlp.html")])
def test_each_kind_has_a_file_name_and_says_what_was_checked(run, stand_ins, small_model, kind, name):
    status, said, error = run("export", small_model, "--to", kind)
    assert status == 0, error
    assert said == (f"ONNX opset 18: largest difference from torch on 1,000 images 1.2e-07\nWritten: {name}\n")
    assert [path.name for path in stand_ins.iterdir()] == [name]


def test_fastai_is_the_usual_one(run, stand_ins, small_model):
    assert run("export", small_model)[:2] == (0, "Written: learner.pkl\n")


def test_the_file_can_be_named(stand_ins, small_model):
    assert export_model(str(small_model), "web", stand_ins / "page.html").read_text() == "small_mlp 10"


def test_an_unknown_kind_names_the_kinds(run, stand_ins, small_model):
    status, _, error = run("export", small_model, "--to", "tflite")
    assert status == 1
    assert error == "Error: There is no export 'tflite'. Choose fastai, onnx, web.\n"


def test_a_models_name_is_no_path(stand_ins, small_model):
    card = json.loads((small_model / "model.json").read_text())
    (small_model / "model.json").write_text(json.dumps(card | {"name": "../../evil"}))
    assert export_model(str(small_model), "web").name == "_evil.html"
    assert [path.name for path in stand_ins.iterdir()] == ["_evil.html"]


def test_what_is_refused_leaves_no_file(run, stand_ins, small_model, monkeypatch):
    def refuse(*_):
        raise ToolkitError("mine as ONNX differs from torch.")

    monkeypatch.setattr(onnx_export, "make_onnx", refuse)
    status, _, error = run("export", small_model, "--to", "onnx")
    assert (status, error) == (1, "Error: mine as ONNX differs from torch.\n")
    assert list(stand_ins.iterdir()) == []
