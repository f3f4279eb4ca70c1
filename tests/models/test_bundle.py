import json
from dataclasses import replace
from hashlib import sha256

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from tests.damage import altered, at_most_one_line, damaged
from toolkit.errors import ToolkitError
from toolkit.evaluation.scores import predict_logits
from toolkit.models import ARCHITECTURES, build_model
from toolkit.models.bundle import CARD, WEIGHTS, load_model, published_models, save_model


def test_a_saved_model_gives_identical_logits(small_model, examples, tmp_path):
    images = examples["Test Set"].images
    network, card = load_model(small_model)
    save_model(tmp_path / "again", network, card)
    again, same_card = load_model(tmp_path / "again")
    assert torch.equal(predict_logits(network, images), predict_logits(again, images))
    assert same_card == card
    assert not network.training


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_a_loaded_network_computes_as_the_one_that_was_saved(architecture, examples, tmp_path, small_model):
    network = build_model(architecture)
    card = replace(load_model(small_model)[1], architecture=architecture, arguments={})
    save_model(tmp_path / "saved", network, card)
    images = examples["Test Set"].images
    assert torch.equal(predict_logits(network, images), predict_logits(load_model(tmp_path / "saved")[0], images))


def test_a_run_folder_and_its_model_folder_are_the_same(small_model, tmp_path):
    small_model.rename(tmp_path / "run_model")
    (tmp_path / "run").mkdir()
    (tmp_path / "run_model").rename(tmp_path / "run" / "model")
    assert load_model(tmp_path / "run")[1] == load_model(tmp_path / "run" / "model")[1]


def test_arguments_can_be_replaced_and_the_card_says_so(small_model):
    network, card = load_model(small_model, dropout=0.7)
    assert card.arguments["dropout"] == 0.7
    assert network.hidden[0][2].p == 0.7


def test_weights_that_the_card_does_not_describe_are_refused(small_model):
    weights = small_model / WEIGHTS
    content = bytearray(weights.read_bytes())
    content[-1] ^= 1
    weights.write_bytes(bytes(content))
    with pytest.raises(ToolkitError, match="sha256 differs"):
        load_model(small_model)


def test_weights_of_another_architecture_are_refused(small_model):
    card = json.loads((small_model / CARD).read_text())
    (small_model / CARD).write_text(json.dumps({**card, "arguments": {"hidden": [9, 9]}}))
    with pytest.raises(ToolkitError, match="does not fit the architecture"):
        load_model(small_model)


@pytest.mark.parametrize("content", ["", "{}", "[]", '{"name": 1, "surprise": 2}'])
def test_an_unreadable_card_is_refused(small_model, content):
    (small_model / CARD).write_text(content)
    with pytest.raises(ToolkitError, match="no readable model"):
        load_model(small_model)


def test_a_wide_network_is_loaded(small_model, tmp_path):
    network = build_model("mlp", hidden=(10_000,))
    save_model(tmp_path / "wide", network, replace(load_model(small_model)[1], arguments={"hidden": [10_000]}))
    assert torch.equal(load_model(tmp_path / "wide")[0].output.weight, network.output.weight)


@pytest.mark.parametrize(
    "change",
    [
        {"classes": None},
        {"classes": [1, 2]},
        {"classes": ["a"] * 1001},
        {"arguments": [1]},
        {"arguments": {"hidden": [10**9]}},
        {"arguments": {"hidden": [9000, 9000]}},
        {"arguments": {"hidden": [999_999, 999_999]}},
        {"arguments": {"hidden": [2**31, 2**31, 2**33]}},
        {"arguments": {"hidden": [10**400]}},
        {"arguments": {"hidden": [8] * 10_000}},
        {"arguments": {"hidden": None}},
        {"arguments": {"hidden": "1e9"}},
        {"arguments": {"hidden": [[8]]}},
        {"arguments": {"hidden": [-1]}},
        {"arguments": {"hidden": [-8]}},
        {"arguments": {"dropout": None}},
        {"arguments": {"dropout": "x"}},
        {"architecture": "cnn", "arguments": {"channels": [10**9]}},
        {"architecture": "cnn", "arguments": {"convolutions": 999_999}},
        {"architecture": "cnn", "arguments": {"channels": [1] * 3000, "convolutions": 9000}},
        {"architecture": "resnet", "arguments": {"blocks": [999_999, 1, 1, 1]}},
        {"architecture": 7},
        {"architecture": "m" * 5000},
    ],
    ids=lambda change: str(change)[:60],
)
def test_a_card_with_wrong_types_or_of_a_giant_is_refused(change, small_model):
    path = small_model / CARD
    path.write_text(json.dumps({**json.loads(path.read_text()), **change}))
    with pytest.raises(ToolkitError):
        load_model(small_model)


def test_a_giant_of_timms_is_not_built(small_model):
    path = small_model / CARD
    giant = {"architecture": "timm:resnet101", "arguments": {}}
    path.write_text(json.dumps({**json.loads(path.read_text()), **giant}))
    with pytest.raises(ToolkitError, match="describes a larger network than"):
        load_model(small_model)


def test_an_unknown_name_is_refused_with_the_closest_one():
    with pytest.raises(ToolkitError, match="Did you mean 'mnist_resnet'"):
        load_model("mnist_resnt")


def test_the_published_models_are_what_their_cards_say():
    assert published_models() == ["mnist_cnn", "mnist_mlp", "mnist_resnet"]
    for name in published_models():
        assert load_model(name)[1].name == name


@given(data=st.data())
def test_any_card_is_taken_or_refused(data, small_model):
    card = json.loads((small_model / CARD).read_text())
    changed = data.draw(altered(card))
    (small_model / CARD).write_text(json.dumps(changed))
    with at_most_one_line():
        load_model(small_model)
    (small_model / CARD).write_text(json.dumps(card))


@given(data=st.data())
def test_any_weights_are_taken_or_refused(data, small_model):
    weights = (small_model / WEIGHTS).read_bytes()
    card = json.loads((small_model / CARD).read_text())
    changed = data.draw(damaged(weights))
    (small_model / WEIGHTS).write_bytes(changed)
    (small_model / CARD).write_text(json.dumps({**card, "weights_sha256": sha256(changed).hexdigest()}))
    with at_most_one_line():
        load_model(small_model)
    (small_model / WEIGHTS).write_bytes(weights)
