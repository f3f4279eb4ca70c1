"""Many small runs: each on a core of its own, none twice, none lost when the sweep is interrupted."""

import hashlib
import json
import multiprocessing
import os
import signal
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from pathlib import Path
from typing import Any

import torch
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


def _finish(work: Work, missing: Mapping[Path, Job], processes: int) -> Any:
    if processes == 1 or len(missing) < 2:
        for place, job in missing.items():
            yield _do(work, job, place)
        return
    workers = min(processes, len(missing))
    # forked workers would inherit torch's threads in an undefined state
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(workers, mp_context=context, initializer=_prepare_worker) as pool:
        futures = [pool.submit(_do, work, job, place) for place, job in missing.items()]
        try:
            for future in as_completed(futures):
                yield future.result()
        except BaseException:
            pool.shutdown(wait=True, cancel_futures=True)  # what has begun is finished and kept
            raise


def _prepare_worker() -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the first process's to answer
    torch.set_num_threads(1)


def _do(work: Work, job: Job, place: Path) -> None:
    result = work(job, make_folder(place))
    with atomic_write(place / RESULT) as temporary:
        temporary.write_text(json.dumps({"job": job, **result}, indent=1) + "\n")


def _name(work: Work, job: Job) -> str:
    versions = [toolkit.__version__, torch.__version__]
    said = json.dumps([work.__name__, job, versions], sort_keys=True)
    return hashlib.sha256(said.encode()).hexdigest()[:20]
