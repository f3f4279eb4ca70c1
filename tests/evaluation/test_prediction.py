from dataclasses import replace

import numpy as np
import pytest
import torch
from PIL import Image

from toolkit.classes import DIGITS
from toolkit.errors import ToolkitError
from toolkit.evaluation.calibration import evidence
from toolkit.evaluation.prediction import Answer, explain_verdicts, likeliest, predict_files, read_many, verdict
from toolkit.models.bundle import load_model
from toolkit.models.pixels import predict_logits


def test_a_photo_is_read_whatever_its_size_and_polarity(tmp_path, examples):
    model = load_model("mnist_cnn")
    digit = examples["Test Set"].images[6, 0]  # a 3
    paths = []
    for name, picture in (
        ("as_it_is.png", digit),
        (
            "paper.jpg",
            np.pad(235 - (digit * 0.7).astype(np.uint8).repeat(20, 0).repeat(20, 1), 200, constant_values=235),
        ),
    ):
        Image.fromarray(picture).save(tmp_path / name)
        paths.append(tmp_path / name)
    predictions = predict_files(*model, paths, top=3)
    assert len(predictions) == len(paths)
    for answer in predictions:
        assert answer.sure
        assert answer.top[0][0] == "3"
        probabilities = [probability for _, probability in answer.top]
        assert probabilities == sorted(probabilities, reverse=True)
        assert sum(probabilities) <= 1.0001


def test_an_empty_page_is_none_of_the_classes_and_does_not_keep_others_from_being_read(tmp_path, examples):
    Image.new("L", (200, 200), 220).save(tmp_path / "empty.png")
    Image.fromarray(examples["Test Set"].images[6, 0]).save(tmp_path / "three.png")
    empty, three = predict_files(*load_model("mnist_cnn"), [tmp_path / "empty.png", tmp_path / "three.png"])
    assert empty == Answer((), none=True)
    assert three.top[0][0] == "3"


def test_a_file_that_is_no_image_is_named(tmp_path, small_model):
    (tmp_path / "none.png").write_bytes(b"nothing")
    with pytest.raises(ToolkitError, match=r"none\.png"):
        predict_files(*load_model(small_model), [tmp_path / "none.png"])


def test_what_little_speaks_for_is_none_of_the_classes(examples):
    (network, card), images = load_model("mnist_cnn"), examples["Test Set"].images[:, 0]
    speaks = evidence(predict_logits(network, images[:, None]))
    answers = likeliest(network, replace(card, calibration={"least_evidence": float(speaks.median())}), images, 1)
    assert [answer.none for answer in answers] == (speaks < speaks.median()).tolist()
    assert not any(answer.sure for answer in answers if answer.none)


def test_verdicts_are_explained_where_there_are_any(small_model):
    calibration = {"n": 5000, "sure": 4990, "wrong_sure": 3, "false_alarms": 24, "least_evidence": 5.0}
    sure, unsure, none = Answer((("7", 0.9),)), Answer((("7", 0.7),)), Answer((("7", 0.9),), none=True)
    card = replace(load_model(small_model)[1], calibration=calibration)
    assert explain_verdicts([sure], card) == []
    (said,) = explain_verdicts([sure, unsure], card)
    assert said == (
        "unsure: less than 75% probable. Of 5,000 held-out images 10 were; of the 4,990 others 3 were misread."
    )
    (said,) = explain_verdicts([none], card)
    assert "Of 5,000 held-out images 24 were taken for that." in said
    assert len(explain_verdicts([unsure, none], replace(card, calibration={}))) == 2
    assert [verdict(answer, DIGITS) for answer in (sure, unsure, none)] == ["", "unsure", "no digit"]
    assert verdict(none, "ABC") == "none of its classes"
    assert [str(answer) for answer in (sure, unsure, none)] == ["7", "7?", "7?"]


@pytest.mark.parametrize("top", [0, 11])
def test_so_many_digits_do_not_exist(small_model, top):
    with pytest.raises(ToolkitError, match="Choose 1 to 10"):
        predict_files(*load_model(small_model), [], top=top)


@pytest.fixture(scope="module")
def page(examples) -> np.ndarray:
    """Two rows of shipped digits on paper, 0 to 4 and 5 to 9."""
    images = examples["Test Set"].images[::2, 0]  # one of each
    rows = [np.hstack([np.pad(image.repeat(3, 0).repeat(3, 1), 30) for image in images[i : i + 5]]) for i in (0, 5)]
    return 230 - (0.7 * np.pad(np.vstack(rows), 60)).astype(np.uint8)


def test_many_are_read_row_by_row_with_their_frames(page, tmp_path):
    model = load_model("mnist_resnet")
    rows = read_many(*model, page)
    assert ["".join(one.answer.top[0][0] for one in row) for row in rows] == ["01234", "56789"]
    assert [(one.row, one.column) for one in rows[1]] == [(2, column) for column in range(1, 6)]
    assert sum(one.answer.sure for row in rows for one in row) >= 8
    assert all(len(one.answer.top) == 3 and one.image.shape == (28, 28) for row in rows for one in row)
    left, top, right, bottom = rows[0][0].box
    assert 80 < left < right < 60 + 144
    assert 80 < top < bottom < 60 + 144
    Image.fromarray(page[top - 20 : bottom + 20, left - 20 : right + 20]).save(tmp_path / "one.png")
    (one,) = predict_files(*model, [tmp_path / "one.png"], top=1)
    assert [name for name, _ in one.top] == ["0"]


class Undecided(torch.nn.Module):
    """Takes every class for equally likely."""

    def __init__(self) -> None:
        super().__init__()
        self.nothing = torch.nn.Parameter(torch.zeros(10))

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        return self.nothing.expand(len(images), 10)


def test_only_a_model_of_digits_leaves_out_what_it_takes_for_nothing(page, small_model):
    card = replace(load_model(small_model)[1], calibration={})
    assert read_many(Undecided(), card, page) == []
    rows = read_many(Undecided(), replace(card, classes=list("ABCDEFGHIJ")), page)
    assert sum(map(len, rows)) == 10
    assert not any(one.answer.sure for row in rows for one in row)


def test_a_page_without_writing_is_told(small_model):
    with pytest.raises(ToolkitError, match="No writing was found"):
        read_many(*load_model(small_model), np.full((300, 300), 220, np.uint8))
