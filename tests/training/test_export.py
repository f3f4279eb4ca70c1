import json
import subprocess
import sys

import numpy as np
import pytest
import torch

from toolkit.classes import DIGITS
from toolkit.evaluation.scores import predict_logits
from toolkit.models import ARCHITECTURES, build_model
from toolkit.training.export import export_learner

READ = """
import json, sys, warnings
warnings.simplefilter("ignore")
from fastai.learner import load_learner
assert "toolkit" not in sys.modules
learner = load_learner("learner.pkl")
with learner.no_bar(), learner.no_logging():
    found = [learner.predict(path) for path in sys.argv[1:]]
    print(json.dumps([[name, values.tolist()] for name, _, values in found]))
"""


@pytest.mark.parametrize(
    ("architecture", "classes"), [*((name, DIGITS) for name in ARCHITECTURES), ("mlp", ("9", "10", "b", "C", "Ω"))]
)
def test_fastai_loads_it_in_a_fresh_process_and_predicts_the_same(architecture, classes, tmp_path, digits):
    torch.manual_seed(0)
    network = build_model(architecture, classes=len(classes))
    export_learner(network, classes, tmp_path / "learner.pkl")
    paths = sorted((digits / "Validation Set").rglob("*.jpg"))[:3]
    result = subprocess.run(
        [sys.executable, "-c", READ, *map(str, paths)], cwd=tmp_path, capture_output=True, text=True, check=True
    )
    from toolkit.images.reading import read_grey

    images = np.stack([read_grey(path) for path in paths])[:, None]
    expected = torch.softmax(predict_logits(network, images), dim=1)
    found = json.loads(result.stdout)
    assert torch.allclose(torch.tensor([values for _, values in found]), expected, atol=1e-5)
    assert [name for name, _ in found] == [classes[label] for label in expected.argmax(1)]
