import numpy as np
import pytest
import torch
from PIL import Image

from toolkit.classes import DIGITS
from toolkit.errors import ToolkitError
from toolkit.evaluation.prediction import predict_files, read_many
from toolkit.models.bundle import load_model


def test_a_photo_is_read_whatever_its_size_and_polarity(tmp_path, examples):
    network, _ = load_model("mnist_cnn")
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
    predictions = predict_files(network, DIGITS, paths, top=3)
    assert len(predictions) == len(paths)
    for answers in predictions:
        assert answers[0][0] == "3"
        probabilities = [probability for _, probability in answers]
        assert probabilities == sorted(probabilities, reverse=True)
        assert sum(probabilities) <= 1.0001


def test_an_empty_page_is_named(tmp_path, small_model):
    Image.new("L", (200, 200), 220).save(tmp_path / "empty.png")
    with pytest.raises(ToolkitError, match=r"empty\.png: No digit"):
        predict_files(load_model(small_model)[0], DIGITS, [tmp_path / "empty.png"], top=3)


@pytest.mark.parametrize("top", [0, 11])
def test_so_many_digits_do_not_exist(small_model, top):
    with pytest.raises(ToolkitError, match="Choose 1 to 10"):
        predict_files(load_model(small_model)[0], DIGITS, [], top=top)


@pytest.fixture(scope="module")
def page(examples) -> np.ndarray:
    """Two rows of shipped digits on paper, 0 to 4 and 5 to 9."""
    images = examples["Test Set"].images[::2, 0]  # one of each
    rows = [np.hstack([np.pad(image.repeat(3, 0).repeat(3, 1), 30) for image in images[i : i + 5]]) for i in (0, 5)]
    return 230 - (0.7 * np.pad(np.vstack(rows), 60)).astype(np.uint8)


def test_many_are_read_row_by_row_with_their_frames(page, tmp_path):
    network, _ = load_model("mnist_resnet")
    rows = read_many(network, DIGITS, page)
    assert ["".join(one.top[0][0] for one in row) for row in rows] == ["01234", "56789"]
    assert [(one.row, one.column) for one in rows[1]] == [(2, column) for column in range(1, 6)]
    assert sum(one.sure for row in rows for one in row) >= 8
    assert all(len(one.top) == 3 and one.image.shape == (28, 28) for row in rows for one in row)
    left, top, right, bottom = rows[0][0].box
    assert 80 < left < right < 60 + 144
    assert 80 < top < bottom < 60 + 144
    Image.fromarray(page[top - 20 : bottom + 20, left - 20 : right + 20]).save(tmp_path / "one.png")
    (one,) = predict_files(network, DIGITS, [tmp_path / "one.png"], top=1)
    assert [name for name, _ in one] == ["0"]


class Undecided(torch.nn.Module):
    """Takes every class for equally likely."""

    def __init__(self) -> None:
        super().__init__()
        self.nothing = torch.nn.Parameter(torch.zeros(10))

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        return self.nothing.expand(len(images), 10)


def test_only_a_model_of_digits_leaves_out_what_it_takes_for_nothing(page):
    assert read_many(Undecided(), DIGITS, page) == []
    rows = read_many(Undecided(), tuple("ABCDEFGHIJ"), page)
    assert sum(map(len, rows)) == 10
    assert not any(one.sure for row in rows for one in row)


def test_a_page_without_writing_is_told(small_model):
    with pytest.raises(ToolkitError, match="No writing was found"):
        read_many(load_model(small_model)[0], DIGITS, np.full((300, 300), 220, np.uint8))
