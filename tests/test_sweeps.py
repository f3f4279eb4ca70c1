import os
import time

import pytest

from toolkit.errors import ToolkitError
from toolkit.sweeps import run_jobs


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


def test_equal_jobs_are_done_once(tmp_path):
    assert len(run_jobs(square, [{"number": 2}] * 3, tmp_path, "squares", processes=1)) == 3
    assert runs(tmp_path) == 1


def test_several_processes_give_the_same(tmp_path):
    results = run_jobs(square, [{"number": n} for n in range(3)], tmp_path, "squares", processes=2)
    assert [result["square"] for result in results] == [0, 1, 4]
