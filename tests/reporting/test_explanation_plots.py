import numpy as np

from toolkit.evaluation.explaining import Explanation
from toolkit.reporting.explanation_plots import plot_explanations, tinted
from toolkit.reporting.plots import save_figure


def explanation(examples, classes, rival=1, near=5):
    digits = examples["Training Set"]
    attribution = np.zeros((28, 28), np.float32)
    attribution[3, 4], attribution[5, 6] = 2, -2
    return Explanation(
        image=digits.images[0, 0],
        classes=tuple(classes),
        logits=np.linspace(3, -3, len(classes), dtype=np.float32),
        answer=0,
        rival=rival,
        attribution=attribution,
        nearest=digits.take(np.arange(near)),
        places=np.arange(near),
        similarities=np.ones(near, np.float32),
    )


def test_what_speaks_for_the_answer_is_blue_and_for_the_rival_orange(examples):
    image = tinted(explanation(examples, "0123456789"))
    assert image.shape == (28, 28, 3)
    assert image[3, 4].argmax() == 2
    assert image[5, 6].argmax() == 0
    assert np.ptp(image[10:, :], axis=2).max() < 1e-6  # the rest is grey


def test_a_row_for_each_whatever_the_classes(examples, tmp_path):
    letters = [f"letter {number}" for number in range(30)]
    named = [
        ("/some/where/four.png", explanation(examples, "0123456789")),
        ("A", explanation(examples, letters, rival=12)),
        ("B", explanation(examples, "AB", near=2)),
    ]
    figure = plot_explanations(named)
    assert figure.axes[0].get_title() == "four.png\nread as 0"
    assert len(figure.axes[2].patches) == 10
    assert len(figure.axes[8 + 2].patches) == 11  # the ten highest and the rival
    assert len(figure.axes[2 * 8 + 2].patches) == 2
    assert save_figure(figure, tmp_path / "why.png").stat().st_size > 10_000
