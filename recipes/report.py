"""Write the report as a PDF, from the files of finished runs.

    python -m toolkit recipe report --authors "Ada Lovelace, Alan Turing" --ids "123, 456"
    python -m toolkit recipe report --words words.md --photo sheet.jpg

Needs   finished runs of tune_finetuning, compare_layers and, after them, evaluate_models.
Expect  "Assignment 4_Report.pdf": at most two pages of text, then the figures; a few seconds.
"""

from pathlib import Path

from toolkit.doors import read_file
from toolkit.errors import ToolkitError
from toolkit.experiments.submission import collect_evidence, find_submission, report_pictures
from toolkit.paths import ROOT, sha256_of
from toolkit.reporting.report import write_report
from toolkit.runs import latest_run, start_run

MOST_WORDS = 100_000  # bytes: two pages hold a tenth


def run(
    authors: str = "",  # names, with commas between
    ids: str = "",  # their numbers, with commas between
    words: Path | None = None,  # Markdown file with your own words, added as a section
    photo: Path | None = None,  # picture of your sheet; without it the one that was cut here
    evaluation: Path | None = None,  # run of evaluate_models; without it the latest
    out: Path | None = None,  # PDF to write; without it "Assignment 4_Report.pdf" in the repository
    digits: Path | None = None,  # folder with the three sets; without it the repository's
) -> Path:
    """The PDF."""
    with start_run(__file__, locals()) as run:
        evaluation = evaluation or latest_run("evaluate_models")
        try:
            own_words = read_file(words, MOST_WORDS).decode() if words else ""
        except UnicodeDecodeError as error:
            raise ToolkitError(f"{words} cannot be read: {error}. Name a Markdown file in UTF-8.") from error
        submission = find_submission(evaluation, digits)
        evidence = collect_evidence(submission, digits)
        pictures = report_pictures(submission, evidence, run.folder, photo, digits)
        out = out or ROOT / "Assignment 4_Report.pdf"
        names, numbers = ([part.strip() for part in said.split(",") if part.strip()] for said in (authors, ids))
        pages = write_report(out, evidence, pictures, names, numbers, own_words)
        run.options.update(evaluation=evaluation, out=out)
        run.facts.update(pages_of_text=pages, pdf_sha256=sha256_of(out))
        print(f"Written: {out}, {pages} pages of text\nRun: {run.folder}")
    return out
