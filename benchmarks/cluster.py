"""A sweep of 60 trainings on a Ray cluster of three nodes on this machine. ``python -m benchmarks.cluster``

analyze_mlp on scikit-learn's digits: in one process; on the cluster; there with a node killed; there interrupted and
finished here; begun here, with the head restarted, and repeated. Every end is compared with the first: weights and
histories, all but the seconds in them. Workers have the toolkit's source and nothing else: no sets, no checkpoints.
Then what a job costs beyond its work, what travels, and what a job that always fails leaves. Prints a row for each.
"""

import os
import pty
import re
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import psutil

from benchmarks.example_digits import WRITERS, writer_digits
from benchmarks.kills import outcome
from toolkit import paths
from toolkit.errors import ToolkitError
from toolkit.training.sweeps import Job, run_jobs

JOBS = 60
WORDS = (  # 15 settings with four seeds each, and their best values together
    "analyze_mlp --epochs 2 --seeds 4 --learning-rates 0.01,0.03,0.1,0.2,0.3 --batch-sizes 16,32,64,128,256 "
    "--neurons-per-layer 64,128,256,512 --hidden-layers 2,3,4,5"
)
EMPTY = 200  # jobs that do nothing
PORT = 6411
NODE = {"num_cpus": 1, "object_store_memory": 200_000_000, "include_dashboard": False}


def begin_cluster() -> Any:
    """Three nodes of one core each."""
    from ray.cluster_utils import Cluster

    cluster = Cluster(initialize_head=True, head_node_args={**NODE, "gcs_server_port": PORT})
    for _ in range(2):
        cluster.add_node(**NODE)
    return cluster


class Command:
    """The sweep as a process of its own, with a terminal for its progress."""

    def __init__(self, folder: Path, name: str, *more: str) -> None:
        runs = folder / name
        self.runs, self.shown = runs, ""
        terminal, other = pty.openpty()
        environment = {**os.environ, "TOOLKIT_RUNS": str(runs), "OMP_NUM_THREADS": "1", "COLUMNS": "150"}
        command = [
            sys.executable,
            "-m",
            "toolkit",
            "recipe",
            *WORDS.split(),
            "--csv",
            str(folder / "digits.csv"),
            *more,
        ]
        self.began = time.perf_counter()
        self.process = subprocess.Popen(command, cwd=paths.ROOT, env=environment, stdout=subprocess.PIPE, stderr=other)
        os.close(other)
        threading.Thread(target=self._read, args=(terminal,), daemon=True).start()

    def _read(self, terminal: int) -> None:
        try:
            while part := os.read(terminal, 4096):
                self.shown += part.decode(errors="replace")
        except OSError:  # the command has ended
            pass

    def done(self) -> int:
        """How many of its jobs."""
        return len(list(self.runs.rglob("result.json")))

    def wait_until(self, count: int) -> None:
        """Until so many jobs are done."""
        while self.done() < count:
            if self.process.poll() is not None:
                raise RuntimeError(f"ended with {self.process.returncode}: {self.shown[-600:]}")
            time.sleep(0.05)

    def end(self) -> tuple[int, float, str, int]:
        """Status, seconds, the last line of its terminal, how many different counts the progress showed."""
        said = self.process.communicate()[0].decode()
        seconds = time.perf_counter() - self.began
        time.sleep(0.2)
        lines = [line for line in re.sub(r"\x1b\[[^A-Za-z]*[A-Za-z]", "", self.shown).splitlines() if line.strip()]
        counts = set(re.findall(rf"(\d+)/{JOBS}", self.shown))
        if "(raylet)" in said + self.shown or "Traceback" in self.shown:
            lines.append("AND MORE THAN A LINE")
        return self.process.returncode, seconds, lines[-1] if lines else "", len(counts)


def make_csv(path: Path) -> None:
    """All writers' digits, none twice, as Kaggle has them."""
    written = [writer_digits(number) for number in range(WRITERS)]
    images = np.concatenate([digits.images.reshape(-1, 784) for digits in written])
    labels = np.concatenate([digits.labels for digits in written])
    once = np.sort(np.unique(images, axis=0, return_index=True)[1])
    table = np.column_stack([labels[once], images[once]])
    header = ",".join(["label", *(f"pixel{number}" for number in range(784))])
    np.savetxt(path, table, "%d", ",", header=header, comments="")


def row(title: str, expected: str, command: Command) -> None:
    """Wait for a command's end, and print it."""
    status, seconds, said, counts = command.end()
    same = "-" if status else "yes" if outcome(command.runs) == expected else "no"
    line = said if status else ""
    print(f"| {title} | {status} | {seconds:.1f} | {command.done()} | {same} | {counts} | {line} |", flush=True)


def total(data: np.ndarray, job: Job, place: Path) -> dict[str, Any]:
    """A job that does next to nothing, and says what the place where it is done knows of sets and models."""
    if job.get("fails"):
        raise ToolkitError("always")
    return {
        "sum": int(data[job["number"]]),
        "knows": (paths.ROOT / "Training Set").exists() or paths.CHECKPOINTS.exists(),
    }


def timed(call: Callable[[], Any]) -> tuple[float, Any]:
    """Seconds, and what comes back."""
    began = time.perf_counter()
    result = call()
    return time.perf_counter() - began, result


def small_jobs(address: str, folder: Path) -> None:
    """What a job costs beyond its work, what travels, and one that fails."""
    import ray

    data = np.arange(50_000_000, dtype=np.uint8)
    work = partial(total, data)
    jobs = [{"number": number} for number in range(EMPTY)]
    before = psutil.net_io_counters(pernic=True)["lo"].bytes_sent
    sweep = partial(run_jobs, work, description="jobs", cluster=address)
    first, results = timed(lambda: sweep(jobs, folder / "first"))
    sent = psutil.net_io_counters(pernic=True)["lo"].bytes_sent - before
    again = timed(lambda: sweep(jobs, folder / "again"))[0]
    here = timed(lambda: run_jobs(work, jobs, folder / "here", "jobs", processes=1))[0]
    print(f"\n{EMPTY} jobs that do nothing, with {data.nbytes / 1e6:.0f} MB of data, three nodes")
    print(f"- first sweep {first:.1f} s, again {again:.2f} s: {1000 * again / EMPTY:.1f} ms a job")
    print(f"- in this process {here:.2f} s: {1000 * here / EMPTY:.1f} ms a job")
    times = sent / data.nbytes
    print(f"- sent through the loopback, by whatever else runs too: {sent / 1e6:.0f} MB, {times:.2f} times the data")
    print(f"- workers that found sets or checkpoints: {sum(result['knows'] for result in results)} of {EMPTY}")
    try:
        sweep([*jobs[:9], {"number": 9, "fails": True}], folder / "failing")
    except ToolkitError as error:
        kept = len(list((folder / "failing").glob("*/result.json")))
        print(f"- one of ten always fails, {kept} kept: {error}")
    ray.shutdown()


def busy(address: str) -> float:
    """Cores of the cluster that are in use."""
    import ray

    ray.init(address, log_to_driver=False, logging_level=50)
    until = time.perf_counter() + 5
    while (free := ray.available_resources().get("CPU", 0.0)) < 3 and time.perf_counter() < until:
        time.sleep(0.2)
    ray.shutdown()
    return 3 - free


def main() -> None:
    """Print the rows."""
    os.environ.update(RAY_USAGE_STATS_ENABLED="0", RAY_worker_niceness="0")  # as nice as a process here, to compare
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        print(f"{JOBS} trainings: {WORDS}\n")
        print("| where | status | seconds | jobs done | same end | counts shown | what it said in the end |")
        print("|---|---|---|---|---|---|---|")
        make_csv(folder / "digits.csv")
        whole = Command(folder, "here", "--processes", "1")
        whole.process.wait()
        expected = outcome(whole.runs)
        row("here, one process", expected, whole)
        cluster = begin_cluster()
        address = cluster.address
        on_cluster = "--cluster", address
        row("cluster", expected, Command(folder, "there", *on_cluster))

        command = Command(folder, "killed", *on_cluster)
        command.wait_until(JOBS // 3)
        cluster.remove_node(next(iter(cluster.worker_nodes)), allow_graceful=False)
        row("cluster, a node of three killed after a third", expected, command)
        cluster.add_node(**NODE)

        command = Command(folder, "interrupted", *on_cluster)
        command.wait_until(JOBS // 3)
        command.process.send_signal(signal.SIGINT)
        row("cluster, Ctrl-C after a third", expected, command)
        print(f"(cores of the cluster still busy 5 s later: {busy(address):g})")
        row("... finished here", expected, Command(folder, "interrupted", "--processes", "2"))

        command = Command(folder, "begun", "--processes", "2")
        command.wait_until(JOBS // 4)
        command.process.send_signal(signal.SIGINT)
        row("here, Ctrl-C after a quarter", expected, command)
        command = Command(folder, "begun", *on_cluster)
        command.wait_until(JOBS // 2)
        cluster.shutdown()
        cluster = begin_cluster()
        row("... on the cluster, whose head is restarted", expected, command)
        row("... repeated", expected, Command(folder, "begun", *on_cluster))
        small_jobs(cluster.address, folder / "small")
        cluster.shutdown()


if __name__ == "__main__":
    main()
