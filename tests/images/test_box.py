import numpy as np
import pytest

from toolkit.images.box import Box


def test_a_box_knows_its_sides_and_its_middle():
    box = Box(5, 2, 9, 4)
    assert (box.width, box.height, box.size) == (4, 2, 4)
    assert box.centre == (7, 3)


@pytest.mark.parametrize("turns", range(-1, 5))
def test_a_box_turns_with_its_image(turns):
    image = np.zeros((7, 11), int)
    image[2:4, 5:9] = 1
    box = Box(5, 2, 9, 4).turned(turns, 11, 7)
    turned = np.rot90(image, turns)
    assert turned[box.window].all()
    assert turned.sum() == box.width * box.height
