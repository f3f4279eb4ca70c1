from dataclasses import replace

import numpy as np
import pytest
import torch

from toolkit.classes import DIGITS
from toolkit.data.loaders import make_loaders
from toolkit.errors import ToolkitError
from toolkit.models import build_model
from toolkit.models.pixels import predict_logits
from toolkit.training.distilling import load_teacher
from toolkit.training.fit import fit_one_cycle, make_learner
from toolkit.training.seeds import seed_everything

CPU = torch.device("cpu")


def test_where_labels_say_nothing_a_student_learns_what_its_teacher_says(examples):
    digits = examples["Training Set"]
    teacher = load_teacher("mnist_mlp", DIGITS, CPU)
    told = predict_logits(teacher.teacher, digits.images).argmax(1)
    shuffled = replace(digits, labels=np.random.default_rng(0).permutation(digits.labels))
    agreed = []
    for extras in ([], [teacher]):
        seed_everything(0)
        learner = make_learner(build_model("mlp"), make_loaders(shuffled, digits, 16, 0, CPU), extras)
        fit_one_cycle(learner, 5, [3e-3], show_progress=False)
        agreed.append((predict_logits(learner.model, digits.images).argmax(1) == told).double().mean())
    assert agreed[1] > agreed[0] + 0.2, agreed


def test_a_teacher_of_other_classes_is_refused(small_model):
    with pytest.raises(ToolkitError, match="other classes"):
        load_teacher(str(small_model), ["a", "b"], CPU)
