import numpy as np

from toolkit.images.page_edges import find_page_edges, inside_page


def strokes(*places: tuple[float, float]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    centres = np.array(places, float)
    return centres, np.full(len(centres), 20.0), np.ones(len(centres), bool)


def digits() -> list[tuple[float, float]]:
    return [(x, y) for x in range(150, 450, 50) for y in range(150, 350, 50)]


def test_what_lies_on_the_table_is_told_from_the_page():
    photo = np.full((500, 600), 60, np.float32)
    photo[80:420, 80:520] = 220
    centres, sizes, likely = strokes(*digits(), (30, 250), (300, 460), (560, 100))
    assert inside_page(find_page_edges(photo), centres, sizes, likely).tolist() == [True] * len(digits()) + [False] * 3


def test_the_rim_of_a_shadow_parts_nothing():
    photo = np.full((500, 600), 220, np.float32)
    photo[:, 300:] = 120
    centres, sizes, likely = strokes(*digits())
    assert inside_page(find_page_edges(photo), centres, sizes, likely).all()


def test_a_shadow_whose_rim_lies_among_the_outermost_digits_parts_nothing():
    x = np.arange(600)[None, :].repeat(500, 0)
    photo = (220 - 110 / (1 + np.exp(-(x - 130) / 9))).astype(np.float32)
    many = [(x, y) for x in range(60, 500, 20) for y in range(150, 350, 50)]
    centres, sizes, likely = strokes(*many)
    assert inside_page(find_page_edges(photo), centres, sizes, likely).all()


def test_the_edge_of_paper_that_is_hardly_lighter_than_its_table():
    photo = np.full((500, 600), 210, np.float32)
    photo[80:420, 80:520] = 220
    rim = [(522.0, 10.0 * y) for y in range(10, 40, 3)]
    centres, sizes, likely = strokes(*digits(), *rim)
    assert inside_page(find_page_edges(photo), centres, sizes, likely).tolist() == [True] * len(digits()) + [
        False
    ] * len(rim)


def test_paper_without_edges():
    centres, sizes, likely = strokes(*digits())
    assert inside_page(find_page_edges(np.full((500, 600), 200, np.float32)), centres, sizes, likely).all()


def test_strokes_that_look_unlike_digits_have_no_vote():
    photo = np.full((500, 600), 60, np.float32)
    photo[:, 100:] = 220
    table = [(20.0 + 3 * i, 10.0 * i) for i in range(20)]
    centres, sizes, likely = strokes(*digits(), *table)
    likely[len(digits()) :] = False
    assert inside_page(find_page_edges(photo), centres, sizes, likely).tolist() == [True] * len(digits()) + [
        False
    ] * len(table)
