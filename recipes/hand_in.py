"""Check that everything is there and belongs together, and pack it into a zip.

    python -m toolkit recipe hand_in
    python -m toolkit recipe hand_in --ids "123, 456"

Needs   the three sets, "Assignment 4 Results.xlsx" (evaluate_models) and "Assignment 4_Report.pdf" (report).
Expect  123_456.zip, or "Assignment 4.zip" without ids: Code, the three sets, report, workbook, requirements.txt, and
        both fine-tuned models within Code, whose EVALUATE.txt says how to measure them again.
"""

from pathlib import Path

from toolkit.experiments.submission import check_and_collect
from toolkit.paths import ROOT
from toolkit.reporting.hand_in import write_zip, zip_name
from toolkit.runs import start_run


def run(
    ids: str = "",  # the students' numbers, with commas between; they name the zip
    report: Path | None = None,  # without it "Assignment 4_Report.pdf" in the repository
    workbook: Path | None = None,  # without it "Assignment 4 Results.xlsx" in the repository
    digits: Path | None = None,  # folder with the three sets; without it the repository's
    out: Path | None = None,  # folder for the zip; without it the repository
) -> Path:
    """The zip."""
    with start_run(__file__, locals()) as run:
        name = zip_name(ids) if ids else "Assignment 4"
        files = check_and_collect(
            report or ROOT / "Assignment 4_Report.pdf", workbook or ROOT / "Assignment 4 Results.xlsx", digits
        )
        path = write_zip((out or ROOT) / f"{name}.zip", files)
        print(f"Written: {path}, {len(files)} files, {path.stat().st_size / 1e6:.1f} MB\nRun: {run.folder}")
    return path
