import numpy as np
import pytest
from PIL import Image

from toolkit.classes import DIGITS
from toolkit.errors import ToolkitError
from toolkit.evaluation.prediction import predict_files
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
    for prediction in predictions:
        assert prediction.top[0][0] == "3"
        probabilities = [probability for _, probability in prediction.top]
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
