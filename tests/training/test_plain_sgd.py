import copy

import pytest
import torch
from torch.nn.functional import cross_entropy

from toolkit.data.loaders import make_loaders
from toolkit.errors import ToolkitError
from toolkit.evaluation.scores import score
from toolkit.models import build_model
from toolkit.training.fit import make_learner
from toolkit.training.plain_sgd import fit_plain_sgd
from toolkit.training.seeds import seed_everything

CPU = torch.device("cpu")


@pytest.fixture
def learner(examples):
    def make(device=CPU, **arguments):
        seed_everything(0)
        network = build_model("mlp", **{"hidden": (32, 16), **arguments}).to(device)
        return make_learner(network, loaders(examples, device))

    return make


def loaders(examples, device=CPU):
    return make_loaders(examples["Training Set"], examples["Validation Set"], 16, 0, device)


@pytest.mark.parametrize("arguments", [{}, {"dropout": 0.3, "layer_norm": True}], ids=["plain", "dropout and norm"])
def test_it_gives_the_weights_of_torchs_own_sgd(learner, examples, arguments):
    trained = learner(**arguments)
    network = copy.deepcopy(trained.model)
    optimizer = torch.optim.SGD(network.parameters(), lr=0.05)
    seed_everything(5)
    fit_plain_sgd(trained, 3, 0.05)
    seed_everything(5)
    batches = loaders(examples)
    for _ in range(3):
        for images, labels in batches.train:
            optimizer.zero_grad()
            cross_entropy(network(images), labels).backward()
            optimizer.step()
        list(batches.valid)  # validating advances the generator of the order as well
    for ours, theirs in zip(trained.model.parameters(), network.parameters(), strict=True):
        assert torch.allclose(ours, theirs, rtol=1e-5, atol=1e-7)


def test_the_history_is_that_of_what_happened(learner, examples):
    trained = learner()
    untrained = score(trained.model, examples["Training Set"])
    rows, complaint = fit_plain_sgd(trained, 4, 0.05)
    after = score(trained.model, examples["Validation Set"])
    assert complaint == ""
    assert [row.epoch for row in rows] == [1, 2, 3, 4]
    assert {row.learning_rate for row in rows} == {0.05}
    assert rows[0].training_loss < untrained.loss
    assert rows[-1].training_loss < rows[0].training_loss
    assert rows[-1].validation_loss == pytest.approx(after.loss, rel=1e-5)
    assert rows[-1].validation_accuracy == pytest.approx(after.accuracy)


def test_the_rate_decays_after_every_epoch_if_asked(learner):
    rows, _ = fit_plain_sgd(learner(), 3, 0.08, decay=0.5)
    assert [row.learning_rate for row in rows] == [0.08, 0.04, 0.02]


@pytest.mark.parametrize("decay", [0.0, 1.5, float("nan")])
def test_a_decay_that_is_none_is_refused(learner, decay):
    with pytest.raises(ToolkitError, match="Choose a factor above 0"):
        fit_plain_sgd(learner(), 1, 0.1, decay=decay)


def test_frozen_layers_stay_as_they_are(learner):
    trained = learner()
    trained.model.hidden.requires_grad_(False)
    before = copy.deepcopy(trained.model.state_dict())
    fit_plain_sgd(trained, 1, 0.1)
    changed = [name for name, tensor in trained.model.state_dict().items() if not torch.equal(tensor, before[name])]
    assert changed == ["output.weight", "output.bias"]


def test_a_rate_that_diverges_stops_and_says_so(learner):
    rows, complaint = fit_plain_sgd(learner(), 50, 1e6)
    assert complaint.startswith("The loss became ")
    assert len(rows) < 50


def test_an_epoch_whose_validation_loss_is_not_finite_is_not_counted(learner):
    broken = learner()
    with torch.no_grad():
        broken.model.output.weight.fill_(3e37)
    rows, complaint = fit_plain_sgd(broken, 1, 1e-30)
    assert rows == []
    assert complaint


@pytest.mark.parametrize(("epochs", "rate"), [(0, 0.1), (1, 0.0), (1, float("nan")), (1, -1.0)])
def test_what_makes_no_sense_is_refused(learner, epochs, rate):
    with pytest.raises(ToolkitError, match=r"Choose 1 or more|Choose a positive"):
        fit_plain_sgd(learner(), epochs, rate)


def test_it_is_quiet_where_nobody_looks(learner, capsys):
    fit_plain_sgd(learner(), 1, 0.01)
    assert capsys.readouterr() == ("", "")


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")
def test_it_works_on_a_gpu(learner):
    device = torch.device("cuda")
    rows, complaint = fit_plain_sgd(learner(device), 2, 0.05)
    assert not complaint
    assert rows[1].training_loss < rows[0].training_loss
