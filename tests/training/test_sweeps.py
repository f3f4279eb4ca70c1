import os
import subprocess
import sys
import threading
import time
import warnings
from functools import partial

import pytest

from toolkit.errors import ToolkitError
from toolkit.paths import ROOT
from toolkit.training.sweeps import choose_processes, run_jobs


def square(job, place):
    """Leaves a file each time it is run, so that a test can count; in other processes too."""
    (place / f"run {os.getpid()} {time.monotonic_ns()}").touch()
    if job["number"] == job.get("fails at"):
        raise ToolkitError("the third job fails")
    return {"square": job["number"] ** 2}


def runs(folder):
    return len(list(folder.glob("*/run *")))


def test_results_come_in_the_order_of_the_jobs(tmp_path):
    results = run_jobs(square, [{"number": n} for n in (3, 1, 2)], tmp_path, "squares", processes=1)
    assert [result["square"] for result in results] == [9, 1, 4]
    assert results[0]["job"] == {"number": 3}


def test_after_a_failure_finished_jobs_are_kept_and_none_is_done_twice(tmp_path):
    failing = [{"number": n, "fails at": 3} for n in range(5)]
    with pytest.raises(ToolkitError, match="third job"):
        run_jobs(square, failing, tmp_path, "squares", processes=1)
    assert runs(tmp_path) == 4
    run_jobs(square, [job for job in failing if job["number"] != 3], tmp_path, "squares", processes=1)
    assert runs(tmp_path) == 5


def test_a_job_that_says_something_else_is_done_anew(tmp_path):
    for job in ({"number": 2}, {"number": 2, "data": "other"}, {"number": 2}):
        run_jobs(square, [job], tmp_path, "squares", processes=1)
    assert runs(tmp_path) == 2


def test_what_was_done_before_a_moment_does_not_count(tmp_path):
    jobs = [{"number": n} for n in range(3)]
    run_jobs(square, jobs, tmp_path, "squares", processes=1)
    begun = next(tmp_path.iterdir()).stat().st_mtime + 1
    for place in tmp_path.iterdir():
        (place / "left over").touch()
    run_jobs(square, jobs[:2], tmp_path, "squares", processes=1, since=begun)
    assert len(list(tmp_path.glob("*/left over"))) == 1
    assert runs(tmp_path) == 3


def test_equal_jobs_are_done_once(tmp_path):
    assert len(run_jobs(square, [{"number": 2}] * 3, tmp_path, "squares", processes=1)) == 3
    assert runs(tmp_path) == 1


def test_a_job_of_two_sweeps_at_once_is_done_by_one(tmp_path):
    def beside_another(job, place):
        if not other.is_alive():
            other.start()
            other.join(0.1)  # it waits for this one
        return square(job, place)

    def sweep(**how):
        results.extend(run_jobs(beside_another, [{"number": 2}], tmp_path, "squares", processes=1, **how))

    results = []
    other = threading.Thread(target=sweep, kwargs={"since": time.time() + 1})  # anew, but for what is being done
    sweep()
    other.join()
    assert [result["square"] for result in results] == [4, 4]
    assert runs(tmp_path) == 1
    assert not list(tmp_path.glob("*.lock"))


def test_an_interruption_keeps_what_was_finished(tmp_path):
    def interrupted(job, place):
        if job["number"] == 2:
            raise KeyboardInterrupt
        return square(job, place)

    interrupted.__name__ = square.__name__
    jobs = [{"number": n} for n in range(4)]
    with pytest.raises(KeyboardInterrupt):
        run_jobs(interrupted, jobs, tmp_path, "squares", processes=1)
    assert runs(tmp_path) == 2
    results = run_jobs(square, jobs, tmp_path, "squares", processes=1)
    assert [result["square"] for result in results] == [0, 1, 4, 9]
    assert runs(tmp_path) == 4


@pytest.mark.parametrize("text", ['{\n "job":', "{}", "5", '{"job": {"number": 3}, "square": 9}', '{"square": 5}'])
def test_a_damaged_or_foreign_result_is_made_again(text, tmp_path):
    run_jobs(square, [{"number": 2}], tmp_path, "squares", processes=1)
    (path,) = tmp_path.glob("*/result.json")
    path.write_text(text)
    assert run_jobs(square, [{"number": 2}], tmp_path, "squares", processes=1)[0]["square"] == 4
    assert runs(tmp_path) == 2


def test_no_processes_are_refused():
    assert choose_processes(3) == 3
    assert 1 <= choose_processes(None) <= 4
    with pytest.raises(ToolkitError, match="Choose 1 or more"):
        choose_processes(0)


def test_several_processes_give_the_same(tmp_path):
    results = run_jobs(square, [{"number": n} for n in range(3)], tmp_path, "squares", processes=2)
    assert [result["square"] for result in results] == [0, 1, 4]


def test_processes_wait_for_the_next_sweep(tmp_path):
    for numbers in ((1, 2, 3), (4, 5, 6)):
        run_jobs(square, [{"number": n} for n in numbers], tmp_path, "squares", processes=2)
    assert len({path.name.split()[1] for path in tmp_path.glob("*/run *")} - {str(os.getpid())}) <= 2
    assert not list(tmp_path.glob(".*"))  # what was sent to them


ENDS = """
import sys
from pathlib import Path
from tests.training.test_sweeps import square
from toolkit import __main__ as program
from toolkit.training.sweeps import run_jobs
jobs = [{"number": n} for n in (1, 2, 3)]
program.main = lambda: run_jobs(square, jobs, Path(sys.argv[1]), "squares", processes=2)
program.run()
"""


def test_they_end_with_the_command(tmp_path):
    ended = subprocess.run([sys.executable, "-c", ENDS, str(tmp_path)], cwd=ROOT, capture_output=True, timeout=100)
    assert (ended.returncode, ended.stderr) == (0, b"")
    assert runs(tmp_path) == 3


class Warns:
    """Data whose arrival in a process warns, as importing timm does."""

    def __reduce__(self):
        return warn, ()


def warn():
    warnings.warn("`torch.jit.script` is deprecated.", FutureWarning, stacklevel=1)


def square_with(data, job, place):
    return square(job, place)


def test_processes_do_not_pass_on_what_timm_warns_of(tmp_path, capfd):
    run_jobs(partial(square_with, Warns()), [{"number": 1}, {"number": 2}], tmp_path, "squares", processes=2)
    assert capfd.readouterr().err == ""
