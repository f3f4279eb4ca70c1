from dataclasses import asdict

import pytest
import torch

from toolkit.data.loaders import make_loaders
from toolkit.errors import ToolkitError
from toolkit.evaluation.scores import score
from toolkit.models import build_model
from toolkit.models.pixels import StandardisePixels
from toolkit.training.fit import Autocast, fit_one_cycle, make_learner
from toolkit.training.history import best_epoch
from toolkit.training.plain_sgd import fit_plain_sgd
from toolkit.training.seeds import seed_everything
from toolkit.training.state import SavedState


@pytest.fixture
def learner(examples):
    def make(seed=0, dropout=0.0, **options):
        seed_everything(seed)
        network = build_model("mlp", hidden=(32, 16), dropout=dropout)
        sets = examples["Training Set"], examples["Validation Set"]
        return make_learner(network, make_loaders(*sets, 16, seed, torch.device("cpu")), **options)

    return make


def weights(learner):
    return {name: tensor.clone() for name, tensor in learner.model.state_dict().items()}


def same(first, second):
    return all(torch.equal(first[name], second[name]) for name in first)


def test_training_learns_and_leaves_a_history(learner, examples):
    trained = learner()
    history = fit_one_cycle(trained, 15, [0.01])
    assert [row.epoch for row in history] == list(range(1, 16))
    assert history[-1].training_loss < history[0].training_loss / 2
    assert score(trained.model, examples["Validation Set"]).accuracy > 0.7
    assert set(asdict(history[0])) == {
        "epoch",
        "learning_rate",
        "training_loss",
        "training_accuracy",
        "validation_loss",
        "validation_accuracy",
        "seconds",
    }


def test_the_history_holds_true_means(learner, examples):
    trained = learner()
    last = fit_one_cycle(trained, 2, [1e-3])[-1]
    scores = score(trained.model, examples["Validation Set"])
    assert last.validation_loss == pytest.approx(scores.loss, rel=1e-5)
    assert last.validation_accuracy == pytest.approx(scores.accuracy)


def test_the_same_seed_gives_the_same_weights(learner):
    def train(seed):
        trained = learner(seed, dropout=0.3)
        fit_one_cycle(trained, 2, [0.01])
        return weights(trained)

    first, again, other = train(1), train(1), train(2)
    assert same(first, again)
    assert not same(first, other)


def test_the_best_epoch_is_kept(learner, examples):
    trained = learner()
    fit_one_cycle(trained, 15, [0.01])
    history = fit_one_cycle(trained, 6, [0.3], keep_best=True)  # far too fast: it only gets worse
    best = best_epoch(history)
    assert best.epoch < 6
    assert score(trained.model, examples["Validation Set"]).loss == pytest.approx(best.validation_loss, rel=1e-5)


def test_early_stopping_waits_so_many_epochs(learner):
    history = fit_one_cycle(learner(), 40, [0.3], patience=3)
    assert len(history) < 40
    assert len(history) - best_epoch(history).epoch == 3


def test_a_loss_that_is_not_finite_stops_with_a_remedy(learner):
    broken = learner()
    with torch.no_grad():
        broken.model.output.weight.fill_(float("inf"))
    with pytest.raises(ToolkitError, match=r"^The loss became \w+ in epoch 1\. Train again with a smaller"):
        fit_one_cycle(broken, 3, [0.01], keep_best=True)


@pytest.mark.parametrize("epochs", [0, -2])
def test_no_epochs_are_refused(learner, epochs):
    with pytest.raises(ToolkitError, match="Choose 1 or more"):
        fit_one_cycle(learner(), epochs, [0.01])


def test_it_is_quiet_where_nobody_looks(learner, capsys):
    fit_one_cycle(learner(), 1, [0.01])
    assert capsys.readouterr() == ("", "")


def test_autocast_computes_in_bfloat16_and_keeps_float32_weights(learner):
    kinds = []
    trained = learner(callbacks=[Autocast()])
    trained.model.output.register_forward_hook(lambda module, inputs, output: kinds.append(output.dtype))
    fit_one_cycle(trained, 1, [1e-3])
    assert set(kinds) == {torch.bfloat16}
    assert all(tensor.dtype == torch.float32 for tensor in trained.model.parameters())


def test_a_network_may_name_its_parts_like_our_callbacks_theirs(examples, tmp_path):
    class Network(torch.nn.Sequential):
        first = state = batch = done = wait = last_saved = order_before = 1
        epochs = tally = started = training_means = weights = task = complaint = 1

    network = Network(StandardisePixels(), torch.nn.Flatten(), torch.nn.Linear(784, 10))
    loaders = make_loaders(examples["Training Set"], examples["Validation Set"], 16, 0, torch.device("cpu"))
    saved = SavedState(tmp_path, "x")
    fit_one_cycle(make_learner(network, loaders), 2, [0.01], keep_best=True, patience=2, saved=saved)
    fit_plain_sgd(make_learner(network, loaders), 2, 0.01, show_progress=False, saved=saved)


def test_who_watches_is_told_of_every_epoch(learner):
    seen = []
    fit_one_cycle(learner(), 3, [0.01], told=lambda rows: seen.append([row.epoch for row in rows]))
    assert seen == [[1], [1, 2], [1, 2, 3]]
