import errno
import json
import os
import shutil
import signal
import subprocess
import sys
from contextlib import suppress

import numpy as np
import pytest
from PIL import Image

from tests.data.test_csv_digits import csv_text
from toolkit import cli
from toolkit.evaluation.scores import predict_logits
from toolkit.models.bundle import load_model
from toolkit.paths import ROOT

# heavy modules that help must not import
HELP = """
import sys
from toolkit.cli import main
try:
    main()
finally:
    heavy = {"torch", "fastai", "timm", "cv2", "numpy", "sklearn", "matplotlib", "pydantic"} & set(sys.modules)
    if heavy:
        sys.exit(f"imported {heavy}")
"""


def fresh(*words, code=HELP, **environment):
    """A fresh Python, to see what is imported and how words arrive."""
    return subprocess.run(
        [sys.executable, "-c", code, *words],
        cwd=ROOT,
        capture_output=True,
        text=True,
        env={**os.environ, **environment},
    )


@pytest.mark.parametrize(
    "words",
    [
        ["--help"],
        ["recipe"],
        ["recipe", "--help"],
        ["recipe", "finetune_two_layers", "--help"],
        ["data", "--help"],
        ["sheet", "cut", "--help"],
        ["predict", "--help"],
        ["explain", "--help"],
        ["export", "--help"],
        ["doctor", "--help"],
    ],
    ids=" ".join,
)
def test_help_imports_nothing_heavy(words):
    result = fresh(*words)
    assert result.returncode == 0, result.stderr
    assert result.stdout


def test_a_recipes_options_and_defaults_are_its_help(run):
    said = " ".join(run("recipe", "finetune_two_layers", "--help")[1].split())
    assert "passes over the training set [default: 20]" in said
    assert "python -m toolkit recipe finetune_two_layers" in said


def test_python_m_toolkit_is_the_command_line():
    result = fresh("--help", code="import runpy; runpy.run_module('toolkit', run_name='__main__', alter_sys=True)")
    assert "predict" in result.stdout


@pytest.mark.parametrize(
    ("words", "hint"),
    [
        (["recipe", "finetune_two_layer"], "finetune_two_layers"),
        (["recipe", "finetune_two_layers", "--epoch", "3"], "--epochs"),
        (["recip"], "recipe"),
        (["recipe", "finetune_two_layers", "--epochs", "many"], "--epochs"),
    ],
)
def test_a_misspelt_word_is_refused_with_the_closest_one(run, words, hint):
    status, _, error = run(*words)
    assert status == 2
    assert hint in error


@pytest.mark.parametrize(
    ("words", "complaint"),
    [
        (["recipe", "finetune_two_layers", "--model", "mnist_resnt"], "Did you mean 'mnist_resnet'?"),
        (["recipe", "finetune_two_layers", "--digits", "nowhere"], "Training Set is missing"),
        (["recipe", "finetune_last_layer", "--batch-size", "81", "--model", "mnist_mlp"], "Choose one from 1 to 80"),
        (["recipe", "finetune_last_layer", "--epochs", "0", "--model", "mnist_mlp"], "Choose 1 or more"),
        (["recipe", "finetune_last_layer", "--device", "gpu"], "Choose cpu"),
        (["recipe", "finetune_last_layer", "--dropout", "1.5"], "no probability"),
        (["recipe", "finetune_last_layer", "--augment", "-1", "--model", "mnist_mlp"], "Choose 0"),
        (["recipe", "finetune_last_layer", "--weight-decay", "-1", "--model", "mnist_mlp"], "Weight decay"),
        (["recipe", "finetune_last_layer", "--patience", "0", "--model", "mnist_mlp"], "patience of 1 or more"),
        (["recipe", "finetune_last_layer", "--seed", "-1", "--model", "mnist_mlp"], "seed -1"),
        (["recipe", "pretrain_mnist", "--seed", "-1"], "seed -1"),
        (["recipe", "evaluate_models"], "There is no finished run of finetune_last_layer"),
        (["recipe", "pretrain_mnist", "--mnist", ROOT / "docs"], "lacks train-images-idx3-ubyte"),
        (["predict", ROOT / "README.md"], "is not an image"),
        (["explain", ROOT / "docs"], "is not a run's folder"),
        (["explain", ROOT / "docs", "--model", "mnist_mlp"], "stands alone"),
        (["label", "nothing.csv"], "cannot be read"),
        (["export", "nothing"], "There is no model 'nothing'"),
        (["data", "example", ROOT / "README.md"], "exists already"),
    ],
    ids=lambda value: " ".join(map(str, value[:4])) if isinstance(value, list) else "",
)
def test_a_users_mistake_is_one_line(run, words, complaint):
    status, _, error = run(*words)
    assert status == 1
    assert complaint in error
    assert error.count("\n") == 1


def test_predict_prints_json(run, digits):
    image = digits / "Test Set/4/4_01.jpg"
    status, output, _ = run("predict", image, "--json", "--top", "2", "--model", "mnist_cnn")
    answer = json.loads(output)
    assert status == 0
    assert answer[0]["image"] == str(image)
    assert len(answer[0]["top"]) == 2


def test_label_writes_a_submission(run, examples, tmp_path, small_model):
    digits = examples["Test Set"]
    (tmp_path / "test.csv").write_text(csv_text(digits, labels=False))
    _, output, _ = run("label", tmp_path / "test.csv", "--out", tmp_path / "sub.csv", "--model", small_model)
    lines = (tmp_path / "sub.csv").read_text().splitlines()
    expected = predict_logits(load_model(small_model)[0], digits.images).argmax(1).tolist()
    assert lines == ["ImageId,Label", *(f"{number},{label}" for number, label in enumerate(expected, 1))]
    assert "20 images" in output


def test_data_mnist_counts_and_draws(run, idx_files, tmp_path):
    _, output, _ = run("data", "mnist", "--mnist", idx_files, "--out", tmp_path / "sheet.png")
    assert "training     80 images  0: 8, 1: 8" in output
    assert "mean" in output
    with Image.open(tmp_path / "sheet.png") as sheet:
        assert sheet.width > 300


def test_export_writes_a_learner(run, tmp_path, small_model):
    status, _, _ = run("export", small_model, "--out", tmp_path / "learner.pkl")
    assert status == 0
    assert (tmp_path / "learner.pkl").stat().st_size > 1000


def test_doctor_finds_what_is_wrong(run, digits):
    status, output, _ = run("doctor", "--digits", digits)
    assert "digits: the three sets" in output
    assert "model mnist_resnet: weights verified" in output
    assert "MNIST: not fetched yet" in output
    assert status == 0, output
    shutil.rmtree(digits / "Test Set" / "9")
    status, output, _ = run("doctor", "--digits", digits)
    assert status == 1
    assert "BAD digits" in output


def test_completion_offers_recipes_and_options():
    def completions(line, position):
        return fresh(
            code="from toolkit.cli import main; import sys; sys.argv = ['toolkit']; main()",
            _TOOLKIT_COMPLETE="complete_bash",
            COMP_WORDS=line,
            COMP_CWORD=str(position),
        ).stdout

    assert "finetune_two_layers" in completions("toolkit recipe fine", 2)
    assert "--epochs" in completions("toolkit recipe finetune_two_layers --ep", 3)


# the command line, about to run a command that needs nothing heavy
DOCTOR = """
import os, sys
from toolkit import cli
sys.argv = ["toolkit", "doctor"]
doctor = sys.modules["toolkit.experiments.doctor"] = type(sys)("doctor")
"""


@pytest.mark.parametrize("name", ["SIGINT", "SIGTERM", "SIGHUP"])
def test_a_signal_ends_a_command_in_one_line(name):
    number = getattr(signal, name)
    program = DOCTOR + f"doctor.examine = lambda _: os.kill(os.getpid(), {int(number)}) or iter(()); cli.main()"
    done = subprocess.run([sys.executable, "-W", "ignore", "-c", program], capture_output=True, text=True, cwd=ROOT)
    assert done.returncode == 128 + number
    assert done.stderr.splitlines() == [
        "Interrupted. The same command goes on where it stopped, if it is one that trains."
    ]


@pytest.mark.skipif(not hasattr(os, "openpty"), reason="this system has no pseudo-terminals")
def test_a_closed_terminal_interrupts_whatever_is_still_written(tmp_path):
    program = DOCTOR + (
        "from toolkit.runs import start_run\n"
        "def examine(_):\n"
        "    with start_run('r.py', {}):\n"
        "        print('begun', flush=True)\n"
        "        try:\n"
        "            sys.stdin.read()\n"
        "        finally:\n"
        "            print('on the way out', flush=True)\n"
        "doctor.examine = examine; cli.main()"
    )
    outside, inside = os.openpty()
    process = subprocess.Popen(
        [sys.executable, "-W", "ignore", "-c", program],
        stdin=subprocess.PIPE,
        stdout=inside,
        stderr=inside,
        cwd=ROOT,
        env={**os.environ, "TOOLKIT_RUNS": str(tmp_path)},
    )
    os.close(inside)
    assert b"begun" in os.read(outside, 1000)
    os.close(outside)
    with process:
        while process.poll() is None:
            process.send_signal(signal.SIGHUP)
            # one that comes just before Python waits in read() is seen after the next only
            with suppress(subprocess.TimeoutExpired):
                process.wait(30)  # a second one would cut off what the first has it write
    assert process.returncode == 128 + signal.SIGHUP
    (record,) = tmp_path.glob("r/*/run.json")
    assert json.loads(record.read_text())["status"] == "interrupted"


def test_a_full_disk_is_one_line(monkeypatch, capsys):
    def full():
        raise OSError(errno.ENOSPC, "No space left on device", "a.png")

    monkeypatch.setattr(cli, "app", full)
    monkeypatch.setattr(signal, "signal", lambda *_: None)
    with pytest.raises(SystemExit):
        cli.main()
    (line,) = capsys.readouterr().err.splitlines()
    assert "No space left on device" in line
    assert "Free some space" in line


@pytest.fixture
def row_photo(tmp_path, examples):
    """A page with one of each shipped digit, in two rows."""
    images = examples["Test Set"].images[::2, 0]
    rows = [np.hstack([np.pad(image.repeat(3, 0).repeat(3, 1), 30) for image in images[i : i + 5]]) for i in (0, 5)]
    Image.fromarray(230 - (0.7 * np.pad(np.vstack(rows), 60)).astype(np.uint8)).save(tmp_path / "page.png")
    return tmp_path / "page.png"


def test_predict_tells_one_from_many_and_prints_rows_as_they_stand(run, row_photo, tmp_path):
    digit = ROOT / "Test Set" / "3" / "3_01.jpg"
    status, said, _ = run("predict", row_photo, digit, "--top", 1)
    assert status == 0
    first, upper, lower, last = said.splitlines()
    assert first == f"{row_photo}:"
    assert [row.replace("?", "") for row in (upper, lower)] == ["0 1 2 3 4", "5 6 7 8 9"]
    assert last.startswith(f"{digit}:  3  ")
    assert run("predict", row_photo, "--one")[1].startswith(f"{row_photo}:  ")


def test_predict_gives_frames_as_json_and_as_a_picture(run, row_photo, tmp_path):
    status, said, _ = run("predict", row_photo, "--json", "--out", tmp_path / "found.jpg")
    assert status == 0
    (page,) = json.loads(said)
    assert page["image"] == str(row_photo)
    assert [[digit["column"] for digit in row] for row in page["rows"]] == [[1, 2, 3, 4, 5]] * 2
    left, top, right, bottom = page["rows"][1][0]["box"]
    assert 0 < left < right < 250 < top < bottom
    assert next(iter(page["rows"][1][0]["top"])) == "5"
    with Image.open(row_photo) as photo, Image.open(tmp_path / "found.jpg") as found:
        assert found.size == photo.size
        assert found.mode == "RGB"


@pytest.mark.parametrize(
    ("words", "complaint"),
    [
        (["--one", "--many"], "contradict"),
        (["--one", "--out", "found.png"], "--out draws"),
        (["--many", "--top", "11"], "Choose 1 to 10"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_predict_refuses_what_makes_no_sense(run, row_photo, words, complaint):
    status, _, error = run("predict", row_photo, *words)
    assert status == 1
    assert complaint in error
    assert error.count("\n") == 1
