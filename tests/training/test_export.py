import json
import subprocess
import sys

import numpy as np
import pytest
import torch

from toolkit.classes import DIGITS
from toolkit.errors import ToolkitError
from toolkit.evaluation.scores import predict_logits
from toolkit.images.reading import read_grey
from toolkit.models import ARCHITECTURES, build_model
from toolkit.training.export import export_learner

READ = """
import json, sys, warnings
warnings.simplefilter("ignore")
import fastai.callback.progress
from fastai.learner import load_learner
assert "toolkit" not in sys.modules
models, images = json.loads(sys.argv[1])
for model in models:
    learner = load_learner(model)
    with learner.no_bar(), learner.no_logging():
        found = [learner.predict(image) for image in images]
    print(json.dumps([[name, values.tolist()] for name, _, values in found]))
"""
NETWORKS = [*((name, DIGITS) for name in ARCHITECTURES), ("mlp", ("9", "10", "b", "C", "Ω"))]


def test_fastai_loads_it_in_a_fresh_process_and_predicts_the_same(tmp_path, digits):
    torch.manual_seed(0)
    networks = [build_model(architecture, classes=len(classes)) for architecture, classes in NETWORKS]
    for number, (network, (_, classes)) in enumerate(zip(networks, NETWORKS, strict=True)):
        export_learner(network, classes, tmp_path / f"{number}.pkl")
    paths = sorted((digits / "Validation Set").rglob("*.jpg"))[:3]
    asked = json.dumps([[f"{number}.pkl" for number in range(len(networks))], [str(path) for path in paths]])
    result = subprocess.run(
        [sys.executable, "-c", READ, asked], cwd=tmp_path, capture_output=True, text=True, check=True
    )
    images = np.stack([read_grey(path) for path in paths])[:, None]
    answers = [json.loads(line) for line in result.stdout.splitlines()]
    for network, (_, classes), found in zip(networks, NETWORKS, answers, strict=True):
        expected = torch.softmax(predict_logits(network, images), dim=1)
        assert torch.allclose(torch.tensor([values for _, values in found]), expected, atol=1e-5)
        assert [name for name, _ in found] == [classes[label] for label in expected.argmax(1)]


def test_a_full_disk_leaves_nothing_and_one_line(tmp_path, monkeypatch):
    def full(*_, **__):
        raise RuntimeError("[enforce fail at inline_container.cc:672] . unexpected pos 64 vs 0\nframe #0: c10")

    monkeypatch.setattr(torch, "save", full)
    with pytest.raises(ToolkitError, match="free some space") as error:
        export_learner(build_model("mlp", hidden=[8]), DIGITS, tmp_path / "learner.pkl")
    assert str(error.value).isprintable()
    assert list(tmp_path.iterdir()) == []
