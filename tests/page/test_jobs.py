import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.page.conftest import finished, post
from toolkit.errors import ToolkitError
from toolkit.page import jobs
from toolkit.page.app import Page
from toolkit.page.jobs import OFFERED, Job, form, words_for
from toolkit.paths import make_folder, runs_folder
from toolkit.recipes import recipe_names
from toolkit.runs import PAGE_JOB, start_run


def test_what_is_offered_exists_and_asks_for_no_path():
    names = [name for step in OFFERED.values() for name in step]
    assert set(names) <= set(recipe_names())
    for name in names:
        asked = form(name)["options"]
        assert asked
        assert not {"digits", "out", "mnist", "words", "photo", "device"} & {option["name"] for option in asked}
        assert all(option["help"] for option in asked)


def test_forms_become_command_lines(tmp_path):
    values = {"model": "mnist_cnn", "lr": "0.01", "epochs": "3", "dropout": "", "fresh": True}
    words = words_for("finetune_two_layers", values, tmp_path)
    said = ["--model=mnist_cnn", "--lr=0.01", "--epochs=3", "--fresh", f"--digits={tmp_path}"]
    assert words == ("recipe", "finetune_two_layers", *said)
    assert words_for("finetune_two_layers", {"fresh": False}, None) == ("recipe", "finetune_two_layers")


@pytest.mark.parametrize(
    ("recipe", "values"),
    [
        ("pretrain", {}),
        ("../recipes/report", {}),
        ("report", {"words": "/etc/passwd"}),
        ("report", {"out": "/tmp/x"}),
        ("finetune_two_layers", {"digits": "/etc"}),
        ("finetune_two_layers", {"device": "cuda"}),
        ("finetune_two_layers", {"model": "/etc"}),
        ("finetune_two_layers", {"model": "../checkpoints/mnist_cnn"}),
        ("finetune_two_layers", {"--digits": "/etc"}),
        ("report", {"authors": "a\nb"}),
        ("report", {"authors": "a" * 1000}),
    ],
)
def test_what_the_page_does_not_show_is_refused(recipe, values):
    with pytest.raises(ToolkitError):
        words_for(recipe, values, None)


def test_a_value_is_never_taken_for_an_option(page, client):
    job, status = post(client, "/recipes/report", {"authors": "--out=/tmp/evil"})
    assert status == 200
    assert "--authors=--out=/tmp/evil" in job["command"]


def test_a_command_says_how_it_ended(page, client):
    job, _ = post(client, "/recipes/finetune_two_layers", {"epochs": "many"})  # refused before anything is imported
    ended = finished(page, job["name"])
    assert ended["status"] == "failed"
    assert ended["said"].splitlines()[-1].startswith("Error: Invalid value for '--epochs'")
    assert [listed["name"] for listed in client.get("/jobs").json()] == [job["name"]]


def test_a_stopped_training_is_interrupted_and_two_at_once_are_enough(page, client, small_model):
    asked = {"epochs": "100000"}
    names = []
    for seed in "12":
        job, status = post(client, "/recipes/finetune_two_layers", {**asked, "seed": seed})
        assert status == 200
        names.append(job["name"])
    answer, status = post(client, "/recipes/finetune_two_layers", asked)
    assert status == 400
    assert "Wait for one" in answer["error"]
    for name in names:
        assert post(client, f"/jobs/{name}/stop")[1] == 200
        assert finished(page, name)["status"] == "stopped"


@dataclass
class Process:
    """A process; on Windows who ends one says with which status, and Python says 1."""

    returncode: int | None = 0

    def poll(self):
        return self.returncode

    def wait(self, timeout=None):
        return self.returncode

    def terminate(self):
        self.returncode = 1


@pytest.fixture
def at_once(monkeypatch):
    """Commands are started and end at once, and do nothing."""
    monkeypatch.setattr(jobs.sys, "executable", "true")


def test_its_run_is_the_one_that_names_it_whatever_its_process(page, client, at_once, monkeypatch):
    job = page.jobs.known[post(client, "/recipes/hand_in")[0]["name"]]
    for name, known in (("", False), ("another", False), (job.name, True)):
        monkeypatch.setenv(PAGE_JOB, name)
        with start_run("hand_in.py", {"ids": name}):
            pass
        assert bool(job.record()["run"]) is known


def test_what_it_says_is_utf8_whatever_the_locale(page, monkeypatch, tmp_path):
    for name, value in {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}.items():
        monkeypatch.setenv(name, value)
    says = tmp_path / "says"
    says.write_text(f"#!/bin/sh\nexec '{sys.executable}' -c 'print(chr(937))'\n")
    says.chmod(0o700)
    monkeypatch.setattr(jobs.sys, "executable", str(says))
    assert finished(page, page.jobs.start(("doctor",))["name"])["said"] == "Ω\n"


def test_a_stop_is_told_from_a_failure_where_the_system_does_not(page, client):
    for name, stops in (("1", True), ("2", False)):
        make_folder(page.folder / name)
        (page.folder / name / "log").touch()
        page.jobs.known[name] = Job(name, ("check",), page.folder / name, Process(None), 0.0)
        if stops:
            assert post(client, f"/jobs/{name}/stop")[1] == 200
        page.jobs.known[name].process.terminate()
        assert page.jobs.known[name].record()["status"] == ("stopped" if stops else "failed")


def test_a_command_means_the_folders_that_the_page_shows(digits, monkeypatch):
    begun = {}
    monkeypatch.setattr(jobs.subprocess, "Popen", lambda words, **how: begun.update(how, words=words) or Process())
    monkeypatch.chdir(digits)
    for place in ("RUNS", "CACHE"):
        monkeypatch.setenv(f"TOOLKIT_{place}", place.lower())
    page = Page(Path())
    page.jobs.start(words_for("hand_in", {}, page.digits))
    assert begun["words"][-1] == f"--digits={digits}"
    assert begun["env"]["TOOLKIT_RUNS"] == str(runs_folder()) == str(digits / "runs")
    assert begun["env"]["TOOLKIT_CACHE"] == str(digits / "cache")


def test_only_the_end_of_what_it_says_is_shown(page, client, at_once):
    job = page.jobs.known[post(client, "/recipes/hand_in")[0]["name"]]
    finished(page, job.name)
    with (job.folder / "log").open("wb") as log:
        log.truncate(60_000_000)
        log.write(b"begin")
        log.seek(60_000_000)
        log.write(b"the end")
    said = job.record()["said"]
    assert said.endswith("the end")
    assert len(said) < 10_000


def test_a_command_that_does_not_end_is_ended(page, monkeypatch):
    monkeypatch.setattr(jobs, "PATIENCE", 0.01)
    words = "import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN); print(1, flush=True); signal.pause()"
    process = subprocess.Popen([sys.executable, "-c", words], stdout=subprocess.PIPE, start_new_session=True)
    process.stdout.readline()
    page.jobs.known["x"] = Job("x", ("recipe",), page.folder / "x", process, 0.0)
    page.close()
    assert process.returncode == -9
    process.stdout.close()


def test_of_many_commands_the_oldest_are_forgotten(page, client, at_once, monkeypatch):
    monkeypatch.setattr(jobs, "REMEMBERED", 2)
    names = []
    for _ in range(3):
        names.append(post(client, "/recipes/hand_in")[0]["name"])
        finished(page, names[-1])
    assert [job["name"] for job in client.get("/jobs").json()] == names[1:]
    assert {path.name for path in page.folder.iterdir()} == set(names[1:])


def test_what_was_not_started_here_cannot_be_stopped(client):
    assert client.post("/jobs/1/stop", content="{}").status_code == 404
    assert client.get("/jobs/../../etc/file").status_code == 404


def test_closing_ends_what_runs(page, client):
    job, _ = post(client, "/recipes/tune_finetuning")
    page.close()
    assert not page.jobs.known[job["name"]].running
    assert not list(page.folder.iterdir())
