import copy

import pytest
import torch

from toolkit.data.augment import Augmentation
from toolkit.data.loaders import make_loaders
from toolkit.errors import ToolkitError
from toolkit.models import ARCHITECTURES, build_model
from toolkit.training.fit import fit_one_cycle, make_learner
from toolkit.training.freezing import KeepFrozenInEval, freeze_all_but_last
from toolkit.training.seeds import seed_everything


@pytest.mark.parametrize("layers", [1, 2, None])
@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_frozen_tensors_stay_byte_for_byte_and_the_others_learn(examples, architecture, layers):
    seed_everything(0)
    network = build_model(architecture, dropout=0.3)
    before = copy.deepcopy(network.state_dict())
    freezing = freeze_all_but_last(network, layers)
    sets = examples["Training Set"], examples["Validation Set"]
    loaders = make_loaders(*sets, 16, 0, torch.device("cpu"), Augmentation())
    groups = [group.parameters() for group in freezing.learning]
    learner = make_learner(network, loaders, [KeepFrozenInEval(freezing)], groups)
    fit_one_cycle(learner, 1, [1e-2] * len(groups))

    learning = {name.rpartition(".")[0] for group in freezing.learning for name in group.tensors}
    changed = {name for name, tensor in network.state_dict().items() if not torch.equal(tensor, before[name])}
    assert changed == {name for name in before if name.rpartition(".")[0] in learning}


def test_what_learns_is_said_in_words_and_counts():
    said = str(freeze_all_but_last(build_model("mlp"), 1))
    assert said == "learning: output (5,130 parameters); frozen: hidden.0, hidden.1 (1,328,640 parameters)"
    assert str(freeze_all_but_last(build_model("mlp"), None)).endswith("frozen: nothing")


def test_freezing_can_be_changed_afterwards():
    network = build_model("cnn")
    freeze_all_but_last(network, 1)
    assert freeze_all_but_last(network, None).frozen == ()
    assert all(p.requires_grad for p in network.parameters())


def test_the_last_layers_are_counted_from_the_output():
    network = build_model("cnn")
    assert [group.name for group in freeze_all_but_last(network, 2).learning] == ["hidden", "output"]
    assert len(freeze_all_but_last(network, None).learning) == 5


@pytest.mark.parametrize("count", [0, 4, -1])
def test_more_layers_than_there_are_is_refused(count):
    with pytest.raises(ToolkitError, match=r"this model has 3 \(hidden.0, hidden.1, output\)"):
        freeze_all_but_last(build_model("mlp"), count)
