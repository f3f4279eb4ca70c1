import numpy as np
import pytest

from benchmarks.cluttered import SCENES, promised
from benchmarks.sheets import count_found
from benchmarks.simulate import save_photo
from toolkit.experiments.cutting import judge_with


@pytest.mark.parametrize("name", SCENES)
def test_a_photo_with_more_on_it_than_digits_is_read_as_promised(name, tmp_path):
    scene = SCENES[name](4)
    assert np.array_equal(scene.photo, SCENES[name](4).photo)
    save_photo(scene, tmp_path / "photo.jpg")
    reading = promised(scene, tmp_path / "photo.jpg", judge_with("mnist_resnet"))
    assert not reading.complaints
    assert count_found(reading, scene, labelled=False) == len(scene.digits)
