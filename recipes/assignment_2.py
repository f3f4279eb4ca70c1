"""From MNIST to the zip: one factor at a time, a convolutional network, notebook and PDF.

    python -m toolkit recipe assignment_2 --ids 111111111,222222222
    python -m toolkit recipe assignment_2 --ids 111111111 --csv train.csv

Needs   MNIST (fetched once), or Kaggle's "Digit Recognizer" as CSV.
Expect  the time of analyze_mlp and analyze_cnn (docs/record.md). Run again after an interruption, it goes on where it
        stopped.
"""

from inspect import signature
from pathlib import Path
from types import ModuleType

from recipes import analyze_cnn, analyze_mlp
from recipes import notebook as telling
from toolkit.data.parts import load_parts
from toolkit.reporting.hand_in import zip_name
from toolkit.runs import find_run, latest_run, start_run

FREE = "mnist", "csv", "processes", "cluster", "device", "fresh"  # options of an analysis that change nothing it says


def run(
    ids: str = "",  # of all who hand in, with commas between; they name the zip
    mnist: Path | None = None,  # folder with MNIST's files; fetched if not given
    csv: Path | None = None,  # CSV file of labelled digits instead of MNIST's own
    processes: int | None = None,  # trainings side by side on the CPU; without it one per core, four at most
    out: Path | None = None,  # zip to write; without it Id1_id2.zip in the repository
    fresh: bool = False,  # begin anew, not where an unfinished run stopped
) -> Path:
    """The zip."""
    with start_run(__file__, locals()):
        zip_name(ids)
        digest = load_parts(mnist, csv).digest

        def analysed(recipe: ModuleType) -> Path:
            name = recipe.__name__.removeprefix("recipes.")
            usual = {key: option.default for key, option in signature(recipe.run).parameters.items() if key not in FREE}
            if fresh or not find_run(name, **usual, data_sha256=digest):
                recipe.run(mnist=mnist, csv=csv, processes=processes, fresh=fresh)
            return latest_run(name, **usual, data_sha256=digest)

        print("1. The feed-forward network")
        mlp = analysed(analyze_mlp)
        print("2. The convolutional network")
        cnn = analysed(analyze_cnn)
        print("3. Notebook, PDF and zip")
        return telling.run(ids=ids, mlp=mlp, cnn=cnn, mnist=mnist, csv=csv, out=out)
