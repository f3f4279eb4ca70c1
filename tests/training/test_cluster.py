import json
import sys
import threading
import time
from functools import partial
from pathlib import Path

import numpy as np
import pytest
import torch

from toolkit.data.labelled_images import together
from toolkit.data.parts import Parts
from toolkit.errors import ToolkitError
from toolkit.training.sweeps import run_jobs
from toolkit.training.trainings import Setting, train_all

ray = pytest.importorskip("ray", reason="Ray is not installed: pip install -r requirements-cluster.txt")
cluster_utils = pytest.importorskip("ray.cluster_utils")


NODE = {"num_cpus": 1, "object_store_memory": 80_000_000, "include_dashboard": False}


@pytest.fixture(scope="module")
def cluster():
    """Three nodes of one core each on this machine; the first one is the head, to which this process belongs."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("RAY_USAGE_STATS_ENABLED", "0")
        patch.setenv("RAY_worker_niceness", "0")  # else they wait for all other tests
        started = cluster_utils.Cluster(initialize_head=True, head_node_args=NODE)
        for _ in range(2):
            started.add_node(wait=False, **NODE)
        started.wait_for_nodes()
        # a worker has no tests: what they define is sent as code
        ray.cloudpickle.register_pickle_by_value(sys.modules[__name__])
        yield started
        ray.shutdown()
        started.shutdown()


def add(data, job, place):
    """Leaves two files and the sum; may fail, or never come to an end on a certain node."""
    (place / "state").mkdir()
    (place / "state" / "unfinished").touch()
    (place / "half").write_bytes(data.tobytes())
    if job.get("fails"):
        raise ValueError("no such number")
    if "waits on" in job:
        if ray.get_runtime_context().get_node_id() == job["waits on"]:
            Path(job["begun"]).touch()
            threading.Event().wait()  # for the node's death
        wait_for(job["begun"])  # else it might be too late
    return {"sum": float(data.sum() + job["number"])}


def wait_for(path):
    while not Path(path).exists():
        time.sleep(0.02)


DATA = np.arange(5) / 3
WORK = partial(add, DATA)


def left(folder):
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_jobs_leave_the_same_bytes_here_and_there_and_are_finished_in_either_place(cluster, tmp_path):
    jobs = [{"number": number / 7} for number in range(6)]
    here, there, mixed = (tmp_path / name for name in ("here", "there", "mixed"))
    run_jobs(WORK, jobs, here, "sums", processes=1)
    results = run_jobs(WORK, jobs, there, "sums", cluster=cluster.address)
    assert left(here) == left(there)
    assert [result["job"] for result in results] == jobs
    assert {Path(result["place"]).parent for result in results} == {there}
    run_jobs(WORK, jobs[:2], mixed, "sums", processes=1)
    run_jobs(WORK, jobs[:4], mixed, "sums", cluster=cluster.address)
    begun = {path: path.stat().st_mtime_ns for path in mixed.rglob("result.json")}
    run_jobs(WORK, jobs, mixed, "sums", processes=1)
    assert left(mixed) == left(here)
    assert begun.items() <= {path: path.stat().st_mtime_ns for path in mixed.rglob("result.json")}.items()


def test_a_job_that_fails_ends_the_sweep_with_a_line_and_the_finished_ones_are_kept(cluster, tmp_path):
    jobs = [{"number": number} for number in range(3)]
    run_jobs(WORK, jobs, tmp_path, "sums", cluster=cluster.address)
    failing = {"number": 3, "fails": True}
    with pytest.raises(ToolkitError, match=r"Job \w+, .*fails.* failed on .*: ValueError: no such number") as failure:
        run_jobs(WORK, [*jobs, failing], tmp_path, "sums", cluster=cluster.address)
    assert "kept" in str(failure.value)
    assert len(list(tmp_path.rglob("result.json"))) == 3


def test_trainings_are_the_same_to_the_last_bit(cluster, examples, tmp_path):
    training, validation = together([examples["Training Set"]]), examples["Validation Set"]
    parts = Parts(training, validation, examples["Test Set"])
    settings = [Setting("mlp", {"hidden": [20], "dropout": 0.2}, 0.1, 16, 2)]
    cpu = torch.device("cpu")
    train_all(settings, [0], parts, cpu, tmp_path / "here", processes=1)
    train_all(settings, [0], parts, cpu, tmp_path / "there", cluster=cluster.address)
    here, there = (
        {place.parent.name: outcome(place) for place in (tmp_path / name).rglob("result.json")}
        for name in ("here", "there")
    )
    assert here == there
    assert len(here) == 1


def outcome(result):
    record = json.loads(result.read_text())
    return [{**row, "seconds": 0} for row in record["history"]]


def test_what_a_dead_node_did_is_done_again_elsewhere(cluster, tmp_path):
    mortal = cluster.add_node(**NODE)
    begun = tmp_path / "begun"

    def kill():
        wait_for(begun)
        cluster.remove_node(mortal, allow_graceful=False)

    jobs = [{"number": number, "waits on": mortal.node_id, "begun": str(begun)} for number in range(6)]
    killer = threading.Thread(target=kill)
    killer.start()
    results = run_jobs(WORK, jobs, tmp_path / "sums", "sums", cluster=cluster.address)
    killer.join()
    assert [result["sum"] for result in results] == [DATA.sum() + number for number in range(6)]


def test_an_address_without_a_cluster_gets_a_line(tmp_path):
    with pytest.raises(ToolkitError, match=r"no Ray cluster at '127\.0\.0\.1:1'.*ray start --head"):
        run_jobs(WORK, [{"number": 1}], tmp_path, "sums", cluster="127.0.0.1:1")


def test_processes_and_a_cluster_are_one_too_many(tmp_path):
    with pytest.raises(ToolkitError, match="--processes or --cluster"):
        run_jobs(WORK, [{"number": 1}], tmp_path, "sums", processes=2, cluster="auto")


def test_without_ray_a_line_says_what_to_install(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "ray", None)
    with pytest.raises(ToolkitError, match=r"pip install -r requirements-cluster\.txt"):
        run_jobs(WORK, [{"number": 1}], tmp_path, "sums", cluster="auto")
