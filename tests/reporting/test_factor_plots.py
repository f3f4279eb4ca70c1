from tests.evaluation.test_factors import level
from toolkit.evaluation.factors import Analysis, Factor
from toolkit.reporting.factor_plots import plot_factor, plot_overview, plot_trials
from toolkit.reporting.plots import save_figure

GONE = level(9.0, [0.0, 0.0], "The loss became nan.", losses=())
FACTOR = Factor("learning_rate", (level(0.01, [0.9, 0.92]), level(0.1, [1.0, 1.0]), GONE), 0.1)


def test_every_training_has_its_curve_and_every_value_its_mean(tmp_path):
    figure = plot_factor(FACTOR, (600, 200))
    assert [axes.get_title() for axes in figure.axes[:2]] == ["training (600 images)", "validation (200 images)"]
    assert [axes.get_ylabel() for axes in figure.axes[::2]] == ["cross entropy (nats)", "misread (%)"]
    drawn = [line for line in figure.axes[3].lines if len(line.get_xdata())]
    assert len(drawn) == 2 * (2 + 1)
    labels = [text.get_text() for text in figure.legends[0].get_texts()]
    assert labels == ["0.01", "0.1 (baseline)", "9, 2 of 2 diverged"]
    save_figure(figure, tmp_path / "factor.png")


def test_the_overview_shows_all_factors_and_what_diverged(tmp_path):
    figure = plot_overview(Analysis((FACTOR, Factor("batch_size", (level(16, [0.9, 0.9]),), 16)), None, (600, 200)))
    assert [axes.get_xlabel() for axes in figure.axes] == ["learning rate", "batch size"]
    assert [text.get_text() for text in figure.axes[0].texts] == ["diverged"]
    assert "200 validation images" in figure.axes[0].get_ylabel()
    save_figure(figure, tmp_path / "overview.png")


def test_an_analysis_in_which_everything_diverged_can_be_drawn(tmp_path):
    factor = Factor("learning_rate", (GONE,), 9.0)
    save_figure(plot_overview(Analysis((factor,), None, (600, 200))), tmp_path / "overview.png")
    save_figure(plot_factor(factor, (600, 200)), tmp_path / "factor.png")


def test_trials_are_drawn_beside_the_usual_one_that_came_to_an_end(tmp_path):
    lost = {"new": "usual", "lr": 0.01, "loss": None, "loss_95_from": None, "loss_95_to": None}
    usual = {"new": "usual", "lr": 0.003, "loss": 0.1, "loss_95_from": 0.05, "loss_95_to": 0.2}
    other = {"new": "lr", "lr": 0.03, "loss": 0.2, "loss_95_from": 0.1, "loss_95_to": 0.3}
    figure = plot_trials([lost, usual, other], "more layers")
    assert [text.get_text() for text in figure.axes[0].get_xticklabels()] == ["0.003", "0.03"]
    save_figure(figure, tmp_path / "trials.png")
