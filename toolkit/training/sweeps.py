"""Many small runs, here or on a cluster: each on a core of its own, none twice, none lost by an interruption."""

import atexit
import hashlib
import json
import multiprocessing
import os
import pickle
import shutil
import signal
import sys
import threading
import warnings
from collections.abc import Callable, Generator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from contextlib import closing
from functools import cache, lru_cache, partial
from importlib.metadata import version
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from toolkit.doors import read_json
from toolkit.errors import ToolkitError
from toolkit.paths import STATE, locked, make_folder, source_sha256, temporary_path, write_file

RESULT = "result.json"
MOST_PROCESSES = 4  # each holds Python, torch and its data: about 600 MB
Job = Mapping[str, Any]  # what one small run depends on, as JSON can hold it
Result = Mapping[str, Any]
Work = Callable[[Job, Path], Result]  # does a job, may leave files in the folder
Done = Generator[tuple[Path, Result], None, None]  # each job's folder and what came out, once it is done


def run_jobs(
    work: Work,
    jobs: Sequence[Job],
    folder: Path,
    description: str,
    processes: int | None = None,
    since: float = 0.0,
    cluster: str | None = None,
) -> list[dict[str, Any]]:
    """The results of ``work`` for all ``jobs``, in their order; one already in ``folder`` is taken from there.

    A job is known by everything it says, torch's version and the source that a training depends on, so it must name
    its data and models by content. Each result is written as soon as it is there, and comes with its ``place``.
    ``work`` must be a module's function, or a ``partial`` of one with data that all jobs share; it runs in
    ``processes`` processes (``choose_processes``), or wherever the ``cluster`` has a free core, each with one thread.
    What was begun before ``since``, in seconds since 1970, does not count. A ``ToolkitError`` where a process dies.
    """
    if cluster and processes:
        raise ToolkitError("--processes are this machine's; a cluster has its own. Leave --processes or --cluster out.")
    places = [make_folder(folder) / _name(work, job) for job in jobs]
    for place in places:
        if place.exists() and place.stat().st_mtime < since:
            with locked(_lock(place)) as free:  # what another command is doing is as good as new
                if free:
                    shutil.rmtree(place)
    results = {place: _result(place, job) for place, job in zip(places, jobs, strict=True)}
    missing = {place: job for place, job in zip(places, jobs, strict=True) if not results[place]}
    columns = TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn()
    console = Console(stderr=True)
    with Progress(*columns, console=console, disable=not console.is_terminal) as bar:
        total = len(set(places))
        task = bar.add_task(description, total=total, completed=total - len(missing))
        if cluster:
            from toolkit.training.cluster import do_on_cluster

            done = do_on_cluster(work, missing, cluster)
        else:
            done = _do_here(work, missing, choose_processes(processes))
        with closing(done):  # an interruption in here ends what is still being done
            for place, result in done:
                results[place] = result
                bar.advance(task)
    return [{**results[place], "place": str(place)} for place in places]


def choose_processes(asked: int | None) -> int:
    """How many run side by side: as ``asked``, or as many as there are cores, four at most."""
    if asked is not None and asked < 1:
        raise ToolkitError(f"{asked} processes do nothing. Choose 1 or more.")
    return asked or min(MOST_PROCESSES, os.cpu_count() or 1)


def _do_here(work: Work, missing: Mapping[Path, Job], processes: int) -> Done:
    if processes == 1 or len(missing) < 2:
        yield from ((place, _do_alone(work, job, place)) for place, job in missing.items())
        return
    pool, sent = _pool(processes), temporary_path(next(iter(missing)).with_suffix(".work"))
    try:
        sent.write_bytes(pickle.dumps(work))  # with its data: read once by each process, not sent with every job
        futures = {pool.submit(_do_job, sent, job, place): place for place, job in missing.items()}
        for future in as_completed(futures):
            yield futures[future], future.result()
    except BrokenProcessPool as error:
        _pool.cache_clear()
        raise ToolkitError(
            "A process was ended from outside, perhaps for want of memory. What was finished is kept: repeat the "
            "command, with --processes 1 if need be."
        ) from error
    except BaseException:
        _pool.cache_clear()
        for process in multiprocessing.active_children():
            process.terminate()  # a signal to this process alone does not reach them
        pool.shutdown(wait=True, cancel_futures=True)
        raise
    finally:
        sent.unlink(missing_ok=True)


@cache
def _pool(processes: int) -> ProcessPoolExecutor:
    """Processes that, once they have imported everything, wait for the next sweep."""
    # forked workers would inherit torch's threads in an undefined state
    pool = ProcessPoolExecutor(processes, multiprocessing.get_context("spawn"), _begin)
    atexit.register(pool.shutdown)  # before multiprocessing waits for them at the end
    return pool


def _begin() -> None:
    """Prepare a new process."""
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_DFL)  # Ctrl-C ends it at once and without a traceback
    threading.Thread(target=_end_with_parent, daemon=True).start()
    atexit.register(os._exit, 0)  # at once: taking torch apart takes seconds
    warnings.filterwarnings("ignore", message="`torch.jit", category=FutureWarning)  # timm and torchvision on import


def _end_with_parent() -> None:
    if parent := multiprocessing.parent_process():
        parent.join()
        os._exit(1)


def _do_job(sent: Path, job: Job, place: Path) -> Result:
    return _do_alone(_read_work(sent), job, place)


def _do_alone(work: Work, job: Job, place: Path) -> Result:
    return keep(place, job, lambda: work(job, make_folder(place)))


@lru_cache(maxsize=1)
def _read_work(sent: Path) -> Work:
    work: Work = pickle.loads(sent.read_bytes())  # which may import torch
    if torch := sys.modules.get("torch"):
        torch.set_num_threads(1)  # two processes on two cores would otherwise start four threads
    return work


def keep(place: Path, job: Job, find: Callable[[], Result]) -> Result:
    """A job's result, kept in its ``place``: what ``find`` returns, unless another command has left it there by now.

    Commands that share jobs may run at once, and one job's state is one command's: the other waits for it.
    """
    with locked(_lock(place), wait=True):
        if not (result := _result(place, job)):
            content = json.dumps({"job": job, **find()}, indent=1)
            write_file(place / RESULT, content + "\n")
            result = json.loads(content)
        shutil.rmtree(place / STATE, ignore_errors=True)
    return result


def _lock(place: Path) -> Path:
    return place.with_suffix(".lock")


def _result(place: Path, job: Job) -> Result:
    """This job's result, nothing if it is not there; what is damaged or of another job is done again."""
    try:
        result = read_json(place / RESULT) if (place / RESULT).exists() else {}
    except ToolkitError:
        return {}
    return result if result.get("job") == json.loads(json.dumps(job)) else {}


def _name(work: Work, job: Job) -> str:
    function = work.func if isinstance(work, partial) else work
    said = json.dumps([function.__name__, job, version("torch"), _source(function.__module__)], sort_keys=True)
    return hashlib.sha256(said.encode()).hexdigest()[:20]


@cache
def _source(module: str) -> str:
    return source_sha256(Path(sys.modules[module].__file__ or ""))
