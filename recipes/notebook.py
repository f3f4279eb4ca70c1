"""Tell an analysis as a notebook and as a PDF, with all its figures, zipped to hand in.

    python -m toolkit recipe notebook --ids 111111111,222222222
    python -m toolkit recipe notebook --ids 111111111 --mlp runs/analyze_mlp/2026-01-31_12-00-00

Needs   a finished run of analyze_mlp; a run of analyze_cnn is told as well if there is one.
Expect  Id1_id2.ipynb, executed; Id1_id2.pdf; both in Id1_id2.zip. About a minute on 2 CPU cores.
"""

from pathlib import Path

from toolkit.experiments.analysis import read_analysis
from toolkit.paths import ROOT
from toolkit.reporting.hand_in import write_zip, zip_name
from toolkit.reporting.notebook import analysis_cells, opening_cells, write_notebook, write_pdf
from toolkit.runs import find_run, latest_run, read_record, start_run


def run(
    ids: str = "",  # of all who hand in, with commas between
    mlp: Path | None = None,  # run of analyze_mlp; without it the latest
    cnn: Path | None = None,  # run of analyze_cnn; without it the latest, if there is one
    out: Path | None = None,  # zip to write; without it Id1_id2.zip in the repository
) -> Path:
    """The zip."""
    name = zip_name(ids)
    with start_run(__file__, locals()) as run:
        mlp = mlp or latest_run("analyze_mlp")
        cnn = cnn or find_run("analyze_cnn")
        options = read_record(mlp)["options"]
        sources = {name: Path(options[name]).resolve() for name in ("mnist", "csv") if options[name]}
        cells = opening_cells({**sources, "seed": options["split_seed"]})
        cells += analysis_cells(read_analysis(mlp), mlp, "One factor at a time")
        if cnn:
            cells += analysis_cells(read_analysis(cnn), cnn, "Bonus: a convolutional network")
        run.options.update(mlp=mlp, cnn=cnn)
        notebook = write_notebook(run.folder / f"{name}.ipynb", cells)
        pdf = write_pdf(notebook, run.folder / f"{name}.pdf")
        archive = write_zip(out or ROOT / f"{name}.zip", {file.name: file.read_bytes() for file in (notebook, pdf)})
        print(f"Written: {archive}\nRun: {run.folder}")
    return archive
