"""The command line: words to calls. Nothing heavy is imported before a command needs it."""

import json
import os
import signal
import sys
import warnings
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Annotated, Any, NoReturn

import typer
from typer import Argument, Option
from typer.core import TyperGroup

from toolkit.errors import ToolkitError, naming
from toolkit.paths import RECIPES
from toolkit.ranks import end_rank, end_though_waiting, world_size
from toolkit.recipes import copy_recipe, list_recipes, read_recipe, recipe_names

INTERRUPTED = 130  # typer's status after a KeyboardInterrupt


class _Group(TyperGroup):
    """Its flags are false when not given: of typer's own None it would make None by importing pydantic, 0.1 s."""

    def get_params(self, context: Any) -> list[Any]:
        flags = super().get_params(context)
        for flag in flags:
            flag.default = False if flag.default is None else flag.default
        return flags


class _Recipes(_Group):
    """A command for each recipe, whose file is read only when it is asked for."""

    def __init__(self, **settings: Any) -> None:
        super().__init__(**settings)
        self.commands = dict.fromkeys(recipe_names())  # type: ignore[assignment]

    def get_command(self, context: Any, name: str) -> Any:
        if name not in self.commands:
            return None
        recipe = read_recipe(RECIPES / f"{name}.py")
        # \b keeps typer from refilling the lines of a paragraph
        text = "\n\n".join(f"\b\n{paragraph}" for paragraph in recipe.docstring.split("\n\n"))
        return _single(recipe.command(), name=name, help=text, short_help=recipe.summary)

    def resolve_command(self, context: Any, words: list[str]) -> tuple[str | None, Any, list[str]]:
        """``--new`` and ``--like`` are a command of their own: options here would cost each help 0.1 s."""
        if words[0].startswith("-"):
            return "", _single(_copy), words
        return super().resolve_command(context, words)


def _single(function: Callable[..., None], **settings: Any) -> Any:
    one = typer.Typer(rich_markup_mode=None, add_completion=False)
    one.command(**settings)(function)
    return typer.main.get_command(one)


app = typer.Typer(
    cls=_Group,
    help="From a photo of your own handwriting to a fine-tuned digit classifier.",
    no_args_is_help=True,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
)
data = typer.Typer(cls=_Group, help="Fetch MNIST, or make the example digits again.", no_args_is_help=True)
app.add_typer(data, name="data")
sheet = typer.Typer(cls=_Group, help="From a photo of a sheet to a checked set of digits.", no_args_is_help=True)
app.add_typer(sheet, name="sheet")

Model = Annotated[str, Option(help="published model, or a run's folder")]
Models = Annotated[str, Option(help="published model, or a run's folder; several with commas are averaged")]
PerClass = Annotated[str | None, Option(help="images of a class per set: 8,2,2 if not given, or shares: 70%,15%,15%")]
Digits = Annotated[Path | None, Option(help="folder with the three sets; without it the repository's")]


@app.command()
def predict(
    images: Annotated[list[Path], Argument(help="photos or drawings of one digit, letter or sign, or of many")],
    model: Models = "mnist_resnet",
    top: Annotated[int | None, Option(help="how many answers to show for each image; 3 if not given")] = None,
    as_json: Annotated[bool, Option("--json", help="print JSON, with the frames of many")] = False,
    one: Annotated[bool, Option("--one", help="each image shows one; told by itself if not given")] = False,
    many: Annotated[bool, Option("--many", help="each image shows many")] = False,
    views: Annotated[bool, Option("--views", help="read each five times, shifted by a pixel each way")] = False,
    out: Annotated[Path | None, Option(help="picture to write, with a frame around each of many")] = None,
) -> None:
    """Read the digit, letter or sign in each image, or row by row the many on a page; a ? marks doubtful ones."""
    from toolkit.evaluation.prediction import explain_verdicts, predict_files, read_many, verdict
    from toolkit.images.reading import read_grey
    from toolkit.images.single_digit import shows_many
    from toolkit.models.averaged import load_averaged

    if one and many:
        raise ToolkitError("--one and --many contradict each other. Choose one.")
    network, card = load_averaged(model, views)
    found = {}
    for path in images if not one else ():
        grey = read_grey(path)
        if many or shows_many(grey):
            with naming(path):
                found[path] = read_many(network, card, grey, top)
    singles = [path for path in images if path not in found]
    read = dict(zip(singles, predict_files(network, card, singles, top), strict=True)) if singles else {}
    if out:
        from toolkit.reporting.sheet_pictures import draw_found, save_picture

        if len(images) > 1 or not found:
            raise ToolkitError("--out draws what is read on one photo of many. Name one photo, with --many if need be.")
        save_picture(draw_found(grey, found[images[0]]), out)
    if as_json:
        said: dict[Path, dict[str, Any]] = {path: answer.as_record() for path, answer in read.items()}
        said |= {path: {"rows": [[digit.as_record() for digit in row] for row in rows]} for path, rows in found.items()}
        print(json.dumps([{"image": str(path), **said[path]} for path in images], indent=1))
        return
    for path in images:
        words = [f"{path}:"]
        if answer := read.get(path):
            words += [f"{name} {100 * chance:5.1f} %" for name, chance in answer.top]
            words += filter(None, [verdict(answer, card.classes)])
        print("  ".join(words))
        for row in found.get(path, ()):
            print(" ".join(str(digit.answer) for digit in row))
    for line in explain_verdicts(list(read.values()), card):
        print(line)


@app.command()
def explain(
    images: Annotated[list[Path], Argument(help="photos or drawings of one digit each, or a fine-tuned run's folder")],
    model: Annotated[str | None, Option(help="published model, or a run's folder; mnist_resnet if not given")] = None,
    against: Annotated[str, Option(help="class that the answer is held against; the runner-up if not given")] = "",
    digits: Digits = None,
    out: Annotated[Path, Option(help="PNG to write")] = Path("explanation.png"),
    as_json: Annotated[bool, Option("--json", help="print JSON")] = False,
) -> None:
    """Show why a model read what it read: the pixels that spoke, the logits, the nearest training images.

    Of a run's folder, the images of Validation Set that its model misread, held against what they are.
    """
    from toolkit.experiments.explaining import explain_files, explain_misread
    from toolkit.reporting.explanation_plots import plot_explanations
    from toolkit.reporting.plots import save_figure

    if images[0].is_dir():
        if len(images) > 1 or model or against:
            raise ToolkitError(f"{images[0]} is a folder: a run's, which stands alone, without --model and --against.")
        explained, said = explain_misread(images[0], digits)
    else:
        explained, said = explain_files(images, model or "mnist_resnet", against, digits)
    written = save_figure(plot_explanations(explained), out) if explained else None
    if as_json:
        print(json.dumps({"said": said, "explained": [{"image": n, **e.as_record()} for n, e in explained]}))
        return
    for name, explanation in explained:
        print(f"{name}:  {explanation}")
    print(said)
    if written:
        print(f"Written: {written}")


@app.command()
def label(
    csv: Annotated[Path, Argument(help="CSV file of images, such as Kaggle's test.csv; plain, .gz or .zip")],
    out: Annotated[Path, Option(help="CSV file to write")] = Path("submission.csv"),
    model: Model = "mnist_resnet",
) -> None:
    """Read every image of a CSV file, for Kaggle's "Digit Recognizer"."""
    from toolkit.data.csv_digits import read_csv_images
    from toolkit.evaluation.prediction import write_submission
    from toolkit.evaluation.scores import predict_logits
    from toolkit.models.bundle import load_model

    images = read_csv_images(csv)
    network, card = load_model(model)
    write_submission(out, predict_logits(network, images), card.classes)
    print(f"Written: {out} ({len(images):,} images)")


@app.command()
def export(
    model: Annotated[str, Argument(help="published model, or a run's folder")],
    to: Annotated[str, Option(help="fastai, onnx, or web: a page for any browser")] = "fastai",
    out: Annotated[Path | None, Option(help="file to write; else learner.pkl, model.onnx, or MODEL.html")] = None,
) -> None:
    """Write a model for use elsewhere: fastai's learner.pkl, ONNX, or a page that runs in any browser."""
    from toolkit.experiments.exporting import export_model

    export_model(model, to, out)


@app.command()
def doctor(digits: Digits = None) -> None:
    """Check versions, device, MNIST, models and digit sets."""
    from toolkit.experiments.doctor import examine

    healthy = True
    for well, finding in examine(digits):
        print(f"{'ok  ' if well else 'BAD '}{finding}", flush=True)
        healthy &= well
    if not healthy:
        raise typer.Exit(1)


@app.command()
def check(
    zips: Annotated[list[Path], Argument(help="zips that the recipe hand_in made")],
    mnist: Annotated[Path | None, Option(help="folder with MNIST's files; the cache, or none, if not given")] = None,
) -> None:
    """For teachers: is what was handed in complete, unchanged, and as good as its workbook says?"""
    from toolkit.experiments.checking import check_zips

    if not check_zips(zips, mnist):
        raise typer.Exit(1)


@app.command()
def page(
    port: Annotated[int, Option(help="where it listens, on this machine alone; 0 takes any free port")] = 8360,
    phone: Annotated[bool, Option("--phone", help="let a phone in the same network send photos, one by one")] = False,
    no_browser: Annotated[bool, Option("--no-browser", help="open no browser, only say the address")] = False,
    digits: Digits = None,
) -> None:
    """Photograph, train, compare and draw in the browser."""
    from toolkit.page.serving import serve

    serve(port, phone, not no_browser, digits)


@data.command("mnist")
def data_mnist(
    folder: Annotated[Path | None, Option("--mnist", help="folder that already has the four files")] = None,
    out: Annotated[Path | None, Option(help="contact sheet; without it mnist.png among the runs")] = None,
    doubts: Annotated[int, Option(min=0, help="list and draw so many labels instead, the most doubtful first")] = 0,
) -> None:
    """Fetch MNIST, verify it, count it, and draw a contact sheet."""
    from toolkit.data.mnist import load_mnist, mnist_cache
    from toolkit.paths import runs_folder, write_file
    from toolkit.reporting.sheet_pictures import draw_tiles, encoded

    mnist = load_mnist(folder)
    print(f"Four files verified in {folder or mnist_cache()}")
    parts = {"training": mnist.training, "test": mnist.test}
    for name, digits in parts.items():
        print(f"{name:8} {len(digits):6,} images  {digits.said_counts()}")
        print(f"{'':8} pixels 0 to 255: mean {digits.images.mean():.2f}, standard deviation {digits.images.std():.2f}")
    out = out or runs_folder() / "mnist.png"
    if doubts:
        from toolkit.experiments.cutting import show_doubtful

        show_doubtful(parts, doubts, out)
    else:
        write_file(out, encoded(draw_tiles(mnist.training, columns=12)))
    print(f"Contact sheet: {out}")


@data.command("example")
def data_example(
    out: Annotated[Path, Argument(help="JPEG to write")] = Path("sheet.jpg"),
    classes: Annotated[
        str | None, Option(help="letters A to H and the signs + − × Σ = √ π instead, with spaces between")  # noqa: RUF001
    ] = None,
    count: Annotated[int, Option(help="how often each of these classes is written")] = 12,
    writer: Annotated[int, Option(help="whose hand writes them: 0 or more")] = 0,
) -> None:
    """Photograph the example sheet again, byte for byte: one writer's digits, simulated.

    With --classes a sheet of letters and signs, which are made: no real hand wrote them.
    """
    from benchmarks.example_sheets import write_example
    from toolkit.classes import parse_names

    files, rows = write_example(out, parse_names(classes) if classes else None, count, writer)
    named = " ".join(map(str, files))
    print(f"Written: {named}. Cut it: python -m toolkit sheet cut {named}{rows} --out FOLDER")


@sheet.command("cut")
def sheet_cut(
    photos: Annotated[list[Path], Argument(help="photos or scans, all pages together")],
    rows: Annotated[
        str | None,
        Option(
            help="what is written: a letter for each row of twelve, or every row's letters with spaces between; longer "
            "names in brackets, A*12 for twelve of A; commas between photos"
        ),
    ] = None,
    digit: Annotated[str | None, Option(help="the one class on all photos; 'name' takes it from a file's name")] = None,
    skip: Annotated[list[str] | None, Option(help="ROW:COL of what does not belong; more than once if need be")] = None,
    label: Annotated[list[str] | None, Option(help="ROW:COL=CLASS of what is another class than promised")] = None,
    add: Annotated[list[str] | None, Option(help="LEFT,TOP,RIGHT,BOTTOM in pixels of what was missed")] = None,
    accept: Annotated[bool, Option("--accept", help="take rows of another length than promised")] = False,
    replace: Annotated[bool, Option("--replace", help="put sets that exist aside")] = False,
    out: Annotated[Path | None, Option(help="folder for the three sets; without it the repository")] = None,
    seed: Annotated[int, Option(help="fixes which image goes into which set")] = 0,
    per_class: PerClass = None,
    model: Model = "mnist_resnet",
) -> None:
    """Cut photos of a handwritten sheet into Training Set, Validation Set and Test Set.

    Without --rows and --digit: the printed template, or ten rows of twelve, zeros first.
    """
    from toolkit.data.sheet_layout import choose_layouts
    from toolkit.data.splits import USUAL_DIVISION, parse_division
    from toolkit.experiments.cutting import cut_sheets

    division = parse_division(per_class) if per_class else None
    layouts = choose_layouts(photos, rows, digit, (division or USUAL_DIVISION).row)
    cut_sheets(
        photos,
        layouts,
        out=out,
        skip=skip or (),
        label=label or (),
        add=add or (),
        accept=accept,
        replace=replace,
        seed=seed,
        division=division,
        model=model,
    )


@sheet.command("template")
def sheet_template(
    out: Annotated[Path, Option(help="PDF to write")] = Path("sheet.pdf"),
    paper: Annotated[str, Option(help="a4 or letter")] = "a4",
    classes: Annotated[str | None, Option(help="classes to write instead of digits, as in 'A B C 7 +'")] = None,
    per_class: PerClass = None,
) -> None:
    """Write a page to print: boxes for twelve of each digit, which the cutter finds by itself.

    With other classes, several pages if need be, whose codes tell the cutter what stands where.
    """
    from toolkit.classes import DIGITS, parse_names
    from toolkit.data.sheet_layout import template_pages
    from toolkit.data.splits import USUAL_DIVISION, parse_division
    from toolkit.images.template import TEN_DIGITS, write_template

    names = parse_names(classes) if classes else DIGITS
    division = parse_division(per_class) if per_class else USUAL_DIVISION
    sheets = template_pages(names, division) if classes or per_class else [TEN_DIGITS]
    pages = f", {len(sheets)} pages" if len(sheets) > 1 else ""
    print(f"Written: {write_template(out, paper, sheets)}{pages}")


@sheet.command("check")
def sheet_check(
    digits: Digits = None,
    model: Model = "mnist_resnet",
    form: Annotated[str | None, Option(help="form they must have: assignment_4 asks for 8, 2, 2 of each digit")] = None,
) -> None:
    """Look over the three sets, whoever made them; doubtful images are listed and marked."""
    from toolkit.data.image_sets import find_form
    from toolkit.experiments.cutting import check_sets

    check_sets(digits, model, find_form(form) if form else None)


def _copy(
    new: Annotated[str, Option(help="copy a recipe under this name, to change it")],
    like: Annotated[str, Option(help="the recipe to copy")],
) -> None:
    print(f"Written: {copy_recipe(new, like)}. Change it, then: python -m toolkit recipe {new}")


recipe = typer.Typer(
    cls=_Recipes,
    context_settings={"ignore_unknown_options": True},
    help="Run an experiment; without a name, list them; --new NAME --like RECIPE copies one to start from.",
)
app.add_typer(recipe, name="recipe")


@recipe.callback(invoke_without_command=True)
def _list(context: typer.Context) -> None:
    if context.invoked_subcommand is None:
        recipes = list_recipes()
        width = max(len(recipe.name) for recipe in recipes)
        for recipe in recipes:
            print(f"{recipe.name:{width}}  {recipe.summary}")
        print("\nOptions of one: python -m toolkit recipe NAME --help")


def main() -> None:
    """Run the command line; what a user or the machine can cause becomes one line and exit status 1.

    Ctrl-C, SIGTERM and a closed terminal end it alike: with one line, and a status of 128 and the signal's number.
    """
    # timm and torchvision still use torch.jit; nothing a user of this toolkit can act on
    warnings.filterwarnings("ignore", message="`torch.jit", category=FutureWarning)
    ended = [int(signal.SIGINT)]

    def end(number: int, _: object) -> None:
        ended.append(number)
        for stream in (1, 2):
            try:
                os.write(stream, b"")
            except OSError:  # the terminal is gone: what is still said on the way out must not fail
                os.dup2(os.open(os.devnull, os.O_WRONLY), stream)
        raise KeyboardInterrupt

    for name in ("SIGTERM", "SIGHUP"):
        if hasattr(signal, name):
            signal.signal(getattr(signal, name), end)
    if world_size() > 1:
        end_though_waiting()
    try:
        app()
    except ToolkitError as error:
        _give_up(f"Error: {error}", 1)
    except OSError as error:  # a full disk, a folder one may not write to
        _give_up(f"Error: {ToolkitError(f'{error}. Free some space, or choose another place.')}", 1)
    except SystemExit as error:
        if error.code != INTERRUPTED:
            raise
        _give_up("Interrupted. The same command goes on where it stopped, if it is one that trains.", 128 + ended[-1])


def _give_up(line: str, status: int) -> NoReturn:
    if world_size() > 1:
        end_rank(line, status)
    with suppress(OSError):  # the terminal may be gone
        print(line, file=sys.stderr, flush=True)
    sys.exit(status)
