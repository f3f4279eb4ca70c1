import numpy as np
import pytest
from PIL import Image

from toolkit.classes import DIGITS
from toolkit.evaluation.scores import Scores
from toolkit.reporting.plots import (
    plot_confusion,
    plot_history,
    plot_learning_rates,
    plot_misread,
    save_figure,
)
from toolkit.training.history import Epoch
from toolkit.training.lr_finder import LearningRates

HISTORY = [Epoch(n, 1e-3, 2 / n, n / 10, 2.2 / n, n / 11, 0.1) for n in range(1, 6)]
RATES = np.geomspace(1e-6, 1, 80).tolist()
FOUND = LearningRates(RATES, [2 + (rate - 0.01) ** 2 for rate in RATES], {"valley": 1e-3, "steep": 1e-2})


def scores(right: int, wrong: int) -> Scores:
    return Scores(tuple(tuple(right if i == j else wrong for j in range(10)) for i in range(10)), 0.1, DIGITS)


def texts(figure) -> str:
    found = [text.get_text() for axes in figure.axes for text in [*axes.texts, axes.title]]
    legends = [*figure.legends, *(axes.get_legend() for axes in figure.axes if axes.get_legend())]
    found += [text.get_text() for legend in legends for text in legend.get_texts()]
    return "\n".join([*found, figure.get_suptitle()])


def test_history_has_labelled_axes_and_marks_the_best_epoch():
    figure = plot_history(HISTORY, "a run")
    assert [axes.get_ylabel() for axes in figure.axes] == ["cross entropy (nats)", "accuracy (%)"]
    assert {axes.get_xlabel() for axes in figure.axes} == {"epoch"}
    assert "lowest validation loss (5)" in texts(figure)


def test_one_epoch_can_be_drawn(tmp_path):
    assert save_figure(plot_history(HISTORY[:1], "one"), tmp_path / "one.png").exists()


def test_suggested_and_used_rates_are_named():
    figure = plot_learning_rates(FOUND, used=2e-3, title="rates")
    assert {"valley 1.0e-03", "steep 1.0e-02", "used 2.0e-03"} <= set(texts(figure).splitlines())
    assert figure.axes[0].get_xscale() == "log"


def test_confusion_says_counts_n_and_uncertainty():
    said = texts(plot_confusion(scores(2, 0), "Validation Set"))
    assert "100.0 % (20 of 20; 95 % interval 83.9-100.0 %)" in said
    assert said.split().count("2") >= 10


def test_misread_digits_come_surest_first(examples):
    digits = examples["Validation Set"]
    probabilities = np.full((20, 10), 0.01)
    probabilities[np.arange(20), digits.labels] = 0.91
    probabilities[3] = [0.01, 0.2, 0.73, 0.01, 0.01, 0.01, 0.01, 0.01, 0.01, 0.0]  # a 1 read as 2
    probabilities[5] = [0.01, 0.01, 0.3, 0.63, 0.01, 0.01, 0.01, 0.01, 0.01, 0.0]  # a 2 read as 3
    said = texts(plot_misread(digits, probabilities, "validation"))
    assert said.index("1 read as 2\n73 % sure") < said.index("2 read as 3\n63 % sure")
    assert "2 of 20 misread" in said


@pytest.mark.parametrize("count", [0, 1, 17])
def test_any_number_of_misread_digits_can_be_drawn(examples, tmp_path, count):
    digits = examples["Validation Set"]
    probabilities = np.eye(10)[np.where(np.arange(20) < count, (digits.labels + 1) % 10, digits.labels)]
    figure = plot_misread(digits, probabilities, "validation")
    assert f"{count or 'none'} of 20 misread" in texts(figure)
    with Image.open(save_figure(figure, tmp_path / "sheet.png")) as sheet:
        assert sheet.width > 300
