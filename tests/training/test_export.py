import json
import subprocess
import sys

import numpy as np
import pytest
import torch

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
    print(json.dumps([learner.predict(path)[2].tolist() for path in sys.argv[1:]]))
"""


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_fastai_loads_it_in_a_fresh_process_and_predicts_the_same(architecture, tmp_path, digits):
    torch.manual_seed(0)
    network = build_model(architecture)
    export_learner(network, tmp_path / "learner.pkl")
    paths = sorted((digits / "Validation Set").rglob("*.jpg"))[:3]
    result = subprocess.run(
        [sys.executable, "-c", READ, *map(str, paths)], cwd=tmp_path, capture_output=True, text=True, check=True
    )
    from toolkit.images.reading import read_grey

    images = np.stack([read_grey(path) for path in paths])[:, None]
    expected = torch.softmax(predict_logits(network, images), dim=1)
    assert torch.allclose(torch.tensor(json.loads(result.stdout)), expected, atol=1e-5)
