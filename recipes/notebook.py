"""Tell an analysis as a notebook and as a PDF, with all its figures, zipped to hand in.

    python -m toolkit recipe notebook --ids 111111111,222222222
    python -m toolkit recipe notebook --ids 111111111 --mlp runs/analyze_mlp/2026-01-31_12-00-00

Needs   a finished run of analyze_mlp; a run of analyze_cnn is told as well if there is one.
Expect  Id1_id2.ipynb, executed, which needs nothing of this toolkit; Id1_id2.pdf; both in Id1_id2.zip with the files
        of the analyses that the notebook shows. About a minute on 2 CPU cores.
"""

from pathlib import Path

from toolkit.data.csv_digits import as_csv, read_labelled_csv
from toolkit.data.mnist import mnist_files
from toolkit.data.parts import load_parts
from toolkit.errors import ToolkitError
from toolkit.experiments.analysis import read_analysis
from toolkit.paths import ROOT
from toolkit.reporting.hand_in import write_zip, zip_name
from toolkit.reporting.notebook import analysis_cells, analysis_files, opening_cells, write_notebook, write_pdf
from toolkit.runs import find_run, latest_run, read_record, start_run


def run(
    ids: str = "",  # of all who hand in, with commas between
    mlp: Path | None = None,  # run of analyze_mlp; without it the latest
    cnn: Path | None = None,  # run of analyze_cnn; without it the latest, if there is one
    mnist: Path | None = None,  # folder with MNIST's files; without it the analysis's
    csv: Path | None = None,  # CSV file of labelled digits; without it the analysis's
    out: Path | None = None,  # zip to write; without it Id1_id2.zip in the repository
) -> Path:
    """The zip."""
    name = zip_name(ids)
    with start_run(__file__, locals()) as run:
        mlp = mlp or latest_run("analyze_mlp")
        cnn = cnn or find_run("analyze_cnn")
        record, start = read_record(mlp), read_analysis(mlp).factors[0].start.setting
        options = record["options"]
        if not (mnist or csv):
            mnist, csv = (Path(options[name]) if options[name] else None for name in ("mnist", "csv"))
        if load_parts(mnist, csv, options["split_seed"]).digest != record.get("data_sha256"):
            raise ToolkitError(
                f"{csv or mnist or 'MNIST'}: these are not the images of {mlp}. Name those (--mnist, --csv)."
            )
        cells = opening_cells(start, options["seed"], options["split_seed"], "csv" if csv else "mnist")
        beside: dict[str, bytes] = {}
        for place, folder, title in (
            ("analyze_mlp", mlp, "One factor at a time"),
            ("analyze_cnn", cnn, "Bonus: a convolutional network"),
        ):
            if folder:
                told = read_analysis(folder)
                beside |= analysis_files(told, folder, place)
                cells += analysis_cells(told, folder, place, title)
        run.options.update(mlp=mlp, cnn=cnn, mnist=mnist, csv=csv)
        data = {"train.csv": as_csv(*read_labelled_csv(csv))} if csv else mnist_files(mnist)
        notebook = write_notebook(run.folder / f"{name}.ipynb", cells, {**beside, **data})
        pdf = write_pdf(notebook, run.folder / f"{name}.pdf")
        packed = {file.name: file.read_bytes() for file in (notebook, pdf)} | beside
        archive = write_zip(out or ROOT / f"{name}.zip", packed)
        print(f"Written: {archive}\nRun: {run.folder}")
    return archive
