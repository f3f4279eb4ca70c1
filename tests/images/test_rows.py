import numpy as np
import pytest

from toolkit.images.rows import arrange

WIDTH, HEIGHT = 30.0, 60.0  # from digit to digit, from row to row; digits are 24 high


def grid(rows: int = 10, columns: int = 12, jitter: float = 3.0, seed: int = 0) -> np.ndarray:
    """Centres row by row, x and y, each a little off its place."""
    places = np.array([(column * WIDTH, row * HEIGHT) for row in range(rows) for column in range(columns)])
    return places + np.random.default_rng(seed).normal(0, jitter, places.shape)


def expected(rows: int = 10, columns: int = 12) -> list[list[int]]:
    return np.arange(rows * columns).reshape(rows, columns).tolist()


def rows_of(centres: np.ndarray) -> list[list[int]]:
    return arrange(centres, np.full(len(centres), 24.0))


@pytest.mark.parametrize("degrees", [-20, -7, 0, 15])
def test_rows_of_a_turned_sheet(degrees):
    angle = np.radians(degrees)
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    assert rows_of(grid() @ turn.T) == expected()


def test_rows_that_perspective_fans_out():
    centres = grid()
    x, y = centres.T
    nearer = 1 + 0.5 * y / y.max()
    assert rows_of(np.stack([(x - x.mean()) * nearer, y * nearer + 0.1 * x * (nearer - 1)], axis=1)) == expected()


@pytest.mark.parametrize("sag", [-25.0, 25.0])
def test_rows_that_bend(sag):
    centres = grid()
    x = centres[:, 0] / centres[:, 0].max()
    assert rows_of(centres + np.stack([0 * x, 4 * sag * x * (1 - x)], axis=1)) == expected()


def test_rows_of_different_length_and_digits_of_different_height():
    centres = np.array([(0, 0), (30, 2), (60, -3), (0, 70), (90, 64)], float)
    assert arrange(centres, np.array([40.0, 20, 22, 24, 60])) == [[0, 1, 2], [3, 4]]


def test_order_does_not_depend_on_the_order_given():
    centres = grid()
    shuffled = np.random.default_rng(1).permutation(len(centres))
    assert [[int(shuffled[i]) for i in row] for row in rows_of(centres[shuffled])] == expected()


def test_nothing_and_one():
    assert arrange(np.zeros((0, 2)), np.zeros(0)) == []
    assert rows_of(np.array([[5.0, 5.0]])) == [[0]]
