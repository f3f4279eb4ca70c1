"""Many small runs: each on a core of its own, none twice, none lost when the sweep is interrupted."""

import hashlib
import json
import multiprocessing
import os
import signal
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from contextlib import contextmanager
from importlib.metadata import version
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.progress import Progress

import toolkit
from toolkit.paths import atomic_write, make_folder

RESULT = "result.json"
Job = Mapping[str, Any]  # what one small run depends on, as JSON can hold it
Work = Callable[[Job, Path], Mapping[str, Any]]  # does a job, may leave files in the folder


def run_jobs(
    work: Work, jobs: Sequence[Job], folder: Path, description: str, processes: int | None = None
) -> list[dict[str, Any]]:
    """The results of ``work`` for all ``jobs``, in their order; one already in ``folder`` is taken from there.

    A job is known by everything it says and the toolkit's and torch's version, so it must name its data and models
    by content. Each result is written as soon as it is there. ``work`` must be a module's function; it runs in
    ``processes`` processes (as many as there are cores if not given), each with one thread.
    """
    places = [make_folder(folder) / _name(work, job) for job in jobs]
    missing = {place: job for place, job in zip(places, jobs, strict=True) if not (place / RESULT).exists()}
    console = Console(stderr=True)
    with Progress(console=console, disable=not console.is_terminal) as bar:
        task = bar.add_task(description, total=len(missing))
        for _ in _finish(work, missing, processes or os.cpu_count() or 1):
            bar.advance(task)
    return [json.loads((place / RESULT).read_text()) for place in places]


def _finish(work: Work, missing: Mapping[Path, Job], processes: int) -> Iterator[None]:
    if processes == 1 or len(missing) < 2:
        for place, job in missing.items():
            _do(work, job, place)
            yield
        return
    workers = min(processes, len(missing))
    # forked workers would inherit torch's threads in an undefined state
    context = multiprocessing.get_context("spawn")
    with _one_thread_each(), ProcessPoolExecutor(workers, mp_context=context, initializer=_leave_ctrl_c) as pool:
        futures = [pool.submit(_do, work, job, place) for place, job in missing.items()]
        try:
            for future in as_completed(futures):
                yield future.result()
        except BaseException:
            pool.shutdown(wait=True, cancel_futures=True)  # what has begun is finished and kept
            raise


@contextmanager
def _one_thread_each() -> Iterator[None]:
    """New processes compute with one thread: two of them on two cores would otherwise start four."""
    before = os.environ.get("OMP_NUM_THREADS")
    os.environ["OMP_NUM_THREADS"] = "1"
    try:
        yield
    finally:
        if before is None:
            del os.environ["OMP_NUM_THREADS"]
        else:
            os.environ["OMP_NUM_THREADS"] = before


def _leave_ctrl_c() -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # it is the first process's to answer


def _do(work: Work, job: Job, place: Path) -> None:
    result = work(job, make_folder(place))
    with atomic_write(place / RESULT) as temporary:
        temporary.write_text(json.dumps({"job": job, **result}, indent=1) + "\n")


def _name(work: Work, job: Job) -> str:
    versions = [toolkit.__version__, version("torch")]
    said = json.dumps([work.__name__, job, versions], sort_keys=True)
    return hashlib.sha256(said.encode()).hexdigest()[:20]
