import numpy as np

from toolkit.images.page_edges import inside_page


def strokes(*places: tuple[float, float]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    centres = np.array(places, float)
    return centres, np.full(len(centres), 20.0), np.ones(len(centres), bool)


def digits() -> list[tuple[float, float]]:
    return [(x, y) for x in range(150, 450, 50) for y in range(150, 350, 50)]


def test_what_lies_on_the_table_is_told_from_the_page():
    photo = np.full((500, 600), 60, np.float32)
    photo[80:420, 80:520] = 220
    centres, sizes, likely = strokes(*digits(), (30, 250), (300, 460), (560, 100))
    assert inside_page(photo, centres, sizes, likely).tolist() == [True] * len(digits()) + [False] * 3


def test_the_rim_of_a_shadow_parts_nothing():
    photo = np.full((500, 600), 220, np.float32)
    photo[:, 300:] = 120
    centres, sizes, likely = strokes(*digits())
    assert inside_page(photo, centres, sizes, likely).all()


def test_paper_without_edges():
    centres, sizes, likely = strokes(*digits())
    assert inside_page(np.full((500, 600), 200, np.float32), centres, sizes, likely).all()


def test_strokes_that_look_unlike_digits_have_no_vote():
    photo = np.full((500, 600), 60, np.float32)
    photo[:, 100:] = 220
    table = [(20.0 + 3 * i, 10.0 * i) for i in range(20)]
    centres, sizes, likely = strokes(*digits(), *table)
    likely[len(digits()) :] = False
    assert inside_page(photo, centres, sizes, likely).tolist() == [True] * len(digits()) + [False] * len(table)
