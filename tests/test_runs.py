import contextlib
import csv
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given

from tests.damage import altered, at_most_one_line
from toolkit.errors import ToolkitError
from toolkit.paths import HOST, ROOT, STATE, make_folder, runs_folder
from toolkit.runs import Run, latest_run, read_record, start_run


def record(run):
    return json.loads((run.folder / "run.json").read_text())


def test_a_run_says_what_was_used_and_how_it_ended():
    with start_run("recipes/some_recipe.py", {"lr": None, "seed": 3}) as run:
        assert record(run)["status"] == "running"
        run.options.update(lr=0.1)
        run.facts.update(best_epoch=4)
        run.write_csv("history.csv", [{"epoch": 1, "loss": 0.5}, {"epoch": 2, "loss": 0.25}])
    ended = record(run)
    assert (ended["recipe"], ended["status"]) == ("some_recipe", "finished")
    assert ended["options"] == {"lr": 0.1, "seed": 3}
    assert ended["best_epoch"] == 4
    assert ended["seconds"] >= 0
    assert {"python", "torch", "fastai"} <= set(ended["versions"])
    with (run.folder / "history.csv").open() as stream:
        assert list(csv.DictReader(stream))[1] == {"epoch": "2", "loss": "0.25"}


def test_tables_are_written_as_utf8_whatever_the_locale(tmp_path):
    words = """import pathlib, sys, toolkit.runs
run = toolkit.runs.Run("a_recipe", pathlib.Path(sys.argv[1]), "", {})
run.write_csv("a.csv", [{"class": "\\N{GREEK CAPITAL LETTER OMEGA}"}])"""
    env = {**os.environ, "LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}
    subprocess.run([sys.executable, "-c", words, str(tmp_path)], cwd=ROOT, env=env, check=True, capture_output=True)
    assert (tmp_path / "a.csv").read_text("utf-8").split() == ["class", "Ω"]


@pytest.mark.parametrize(
    ("error", "status"), [(ToolkitError("no digits"), "failed: no digits"), (KeyboardInterrupt(), "interrupted")]
)
def test_a_run_that_does_not_finish_says_so(error, status):
    with pytest.raises(type(error)), start_run("recipes/some_recipe.py", {}) as run:
        raise error
    assert record(run)["status"] == status


def test_runs_of_the_same_second_do_not_collide():
    with start_run("r.py", {"seed": 0}) as first, start_run("r.py", {"seed": 1}) as second:
        assert first.folder != second.folder


def test_the_same_command_twice_at_once_is_refused_and_names_the_first():
    with start_run("r.py", {"seed": 0}) as run, pytest.raises(ToolkitError) as caught, start_run("r.py", {"seed": 0}):
        pass
    assert f"process {os.getpid()} in" in str(caught.value)
    assert not list(run.folder.parent.glob("*.lock"))


def test_the_same_words_in_another_folder_are_another_command(tmp_path, monkeypatch):
    runs = []
    for name in "ab":
        make_folder(tmp_path / name)
        monkeypatch.chdir(tmp_path / name)
        with contextlib.suppress(RuntimeError), start_run("r.py", {"digits": Path(), "photos": [Path("a.jpg")]}) as run:
            run.options.update(out=Path("out"))
            make_folder(run.folder / STATE)
            raise RuntimeError
        runs.append(run)
    assert runs[0].folder != runs[1].folder
    folder = str(tmp_path / "b")
    assert record(run)["options"] == {"digits": folder, "photos": [f"{folder}/a.jpg"], "out": f"{folder}/out"}
    monkeypatch.chdir(tmp_path)
    with start_run("r.py", {"digits": Path("b"), "photos": [Path("b/a.jpg")]}) as again:
        assert again.folder == run.folder


def test_a_run_whose_process_is_gone_is_interrupted_and_its_temporary_files_go():
    with start_run("r.py", {"seed": 0}) as run:
        pass
    record = read_record(run.folder)
    run.write_json("run.json", {**record, "status": "running"})
    left = run.folder / f".{HOST}-999999999-abc.png"
    left.write_text("half")
    own = run.folder / f".{HOST}-{os.getpid()}-abc.png"
    own.write_text("being written")
    with start_run("another.py", {}):
        pass
    assert read_record(run.folder)["status"] == "interrupted"
    assert not left.exists()
    assert own.exists()


def test_a_training_cut_off_is_gone_on_with_in_its_folder():
    def begin(**options):
        with contextlib.suppress(RuntimeError), start_run("r.py", options) as run:
            make_folder(run.folder / STATE)
            raise RuntimeError
        return run.folder

    first = begin(seed=0)
    Run("r", first, "", {}).write_json("run.json", {**read_record(first), "seconds": 1000.0})
    assert begin(seed=0, fresh=False) == first
    assert read_record(first)["seconds"] >= 1000  # of both parts
    assert begin(seed=1) != first
    assert (first / STATE).exists()
    assert begin(seed=0, fresh=True) != first
    assert not (first / STATE).exists()  # nobody goes on from there any more
    with start_run("r.py", {"seed": 1}) as run:
        assert run.folder != first
    assert not (run.folder / STATE).exists()


def test_an_older_unfinished_run_is_left_alone_once_the_command_has_finished():
    with contextlib.suppress(RuntimeError), start_run("r.py", {}) as cut_off:
        make_folder(cut_off.folder / STATE)
        raise RuntimeError
    with start_run("r.py", {"fresh": True}):
        pass
    with start_run("r.py", {}) as run:
        assert run.folder != cut_off.folder


def test_the_latest_finished_run_with_these_options_is_found():
    folders = []
    for model in ("a", "b", "a"):
        with start_run("r.py", {"model": model}) as run:
            folders.append(run.folder)
    with pytest.raises(ToolkitError), start_run("r.py", {"model": "a"}):
        raise ToolkitError("failed runs do not count")
    assert latest_run("r", model="a") == folders[2]
    assert latest_run("r", model="b") == folders[1]
    with pytest.raises(ToolkitError, match="python -m toolkit recipe r --model c"):
        latest_run("r", model="c")


def test_a_folder_that_is_no_run_is_refused(tmp_path):
    with pytest.raises(ToolkitError, match="not a run's folder"):
        read_record(tmp_path)


def test_a_place_where_nothing_can_be_written_is_said(tmp_path, monkeypatch):
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("TOOLKIT_RUNS", str(tmp_path / "file"))
    with pytest.raises(ToolkitError, match="Choose another place"), start_run("r.py", {}):
        pass


@pytest.mark.parametrize(
    "text", ["{}", "5", "null", "[]", '{"recipe"', '{"recipe": 1, "status": 2, "date": 3, "options": 4}']
)
def test_a_damaged_record_is_named_and_passed_over(text, capsys):
    with start_run("r.py", {}) as good:
        pass
    with start_run("r.py", {}) as bad:
        pass
    (bad.folder / "run.json").write_text(text)
    assert latest_run("r") == good.folder
    assert f"Passed over: {bad.folder}" in capsys.readouterr().err


@given(content=altered({"recipe": "r", "status": "finished", "date": "2026-01-01", "options": {"lr": 0.1}}))
def test_a_damaged_record_stops_no_search(content):
    folder = make_folder(runs_folder() / "r" / "1")
    (folder / "run.json").write_text(json.dumps(content))
    with at_most_one_line():
        latest_run("r", lr=0.1)
    with start_run("recipes/r.py", {}):
        pass


def test_a_second_interruption_that_cuts_off_the_first_leaves_an_interrupted_run():
    cut_off = start_run("r.py", {})
    run = cut_off.__enter__()
    del cut_off  # its __exit__ was never reached
    assert read_record(run.folder)["status"] == "interrupted"
