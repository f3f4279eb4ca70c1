import numpy as np
import pytest

from benchmarks.simulate.drawn_writers import SIGNS, drawn_ink
from toolkit.classes import parse_names
from toolkit.errors import ToolkitError
from toolkit.images.likeness import doubt_labels
from toolkit.images.normal_form import normal_form


def normal(ink) -> np.ndarray:
    return np.stack([normal_form(glyph) for glyphs in ink.values() for glyph in glyphs])[:, None]


def test_a_writers_signs_are_alike_and_differ_from_one_another():
    images = normal(drawn_ink(0, list(SIGNS), 8))
    labels = np.repeat(np.arange(len(SIGNS)), 8)
    assert (doubt_labels(images.reshape(len(images), -1), labels, len(SIGNS))[0] == labels).mean() > 0.9
    assert len({image.tobytes() for image in images}) > 0.95 * len(images)


def test_a_hand_is_the_same_whatever_else_it_writes_and_other_hands_differ():
    one, same, other = (drawn_ink(writer, classes, 2)["A"][1] for writer, classes in ((3, "AB"), (3, "HA"), (4, "A")))
    assert np.array_equal(one, same)
    assert not np.array_equal(one, other)


def test_all_signs_can_name_classes_and_keep_off_the_border():
    assert parse_names(" ".join(SIGNS)) == tuple(SIGNS)
    for writer in range(20):
        for glyphs in drawn_ink(writer, list(SIGNS), 1).values():
            assert glyphs[0].max() == 255
            assert not glyphs[0][[0, -1]].any()
            assert not glyphs[0][:, [0, -1]].any()


@pytest.mark.parametrize(("writer", "classes", "count"), [(0, "AZ", 1), (-1, "A", 1), (0, "A", 0)])
def test_what_cannot_be_drawn_is_refused(writer, classes, count):
    with pytest.raises(ToolkitError, match=r"Choose"):
        drawn_ink(writer, classes, count)
