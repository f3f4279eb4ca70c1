"""A sweep's jobs on a Ray cluster, wherever a core is free, from any machine that belongs to it.

Workers need the packages of requirements.txt and nothing else: the toolkit's source, the data and the models are sent.
"""

import os
import platform
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from functools import partial
from importlib.metadata import version
from pathlib import Path
from typing import Any

from toolkit.errors import ToolkitError
from toolkit.paths import ROOT, STATE, write_file
from toolkit.training.sweeps import Done, Job, Work, keep

LEFT_OUT = ["/*", "!/.", "!/toolkit", "!/recipes", "!/benchmarks", "__pycache__"]  # of what is sent, as in .gitignore
KEPT = "What was finished is kept: repeat the command"


def do_on_cluster(work: Work, missing: Mapping[Path, Job], address: str) -> Done:
    """Each job's folder and result as soon as it is done somewhere; the files it left are in the folder by then.

    A job works in a temporary folder, with one thread, on one core, or one GPU where it names such a ``device``.
    ``work`` and its data travel once to each node. A job whose node dies is done again elsewhere, three times at most.
    Raises ``ToolkitError`` when one fails or the connection is lost.
    """
    if not missing:
        return
    (ray, head), pending = _connect(address), {}
    lost = f"The Ray cluster at {head} was lost"
    # Ray may end this process without a word when the head dies: another one, told nothing, then says why
    said = f"import sys; sys.stdin.read(1) or sys.exit({f'Error: {lost}. {KEPT}.'!r})"
    witness = subprocess.Popen([sys.executable, "-S", "-c", said], stdin=subprocess.PIPE, start_new_session=True)
    try:
        data, there = ray.put(work), ray.remote(max_retries=3)(_do_there)
        for place, job in missing.items():
            on = there.options(num_gpus=int(job.get("device", "cpu") != "cpu"))
            pending[on.remote(data, job, version("torch"))] = place
        while pending:
            for ready in ray.wait([*pending], timeout=1)[0]:
                result, files, failure = ray.get(ready)
                place = pending[ready]
                if failure:
                    told = str(dict(missing[place]))[:100]
                    raise ToolkitError(f"Job {place.name}, {told}, failed on {failure}. {KEPT} after mending that.")
                for name, content in files.items():
                    write_file(place / name, content)
                yield place, keep(place, missing[place], partial(dict, result))
                del pending[ready]
            _reach(head)  # without it, or with another one at its address, Ray would wait for ever
    except (OSError, ray.exceptions.RayError) as error:
        raise ToolkitError(f"{lost} ({error}). {KEPT}.") from error
    finally:
        witness.communicate(b".")
        if pending:  # after Ctrl-C as well
            ray.shutdown()  # the cluster drops what it does for this process


def _connect(address: str) -> tuple[Any, str]:
    """Ray's module and the head's address, connected once in a process: workers that imported everything wait there."""
    os.environ.update(RAY_USAGE_STATS_ENABLED="0", RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO="0")  # the latter warns if unset
    try:
        import ray
        from ray._private import services, worker
    except ImportError as error:
        raise ToolkitError("--cluster needs Ray. Install it: pip install -r requirements-cluster.txt") from error
    worker.print_to_stdstream = lambda *_, **__: None  # twenty lines for each dead node, whatever log_to_driver says
    before = signal.getsignal(signal.SIGTERM)
    try:
        head = services.canonicalize_bootstrap_address_or_die(address)
        _reach(head)  # Ray itself tries for 80 seconds
        if not (ray.is_initialized() and ray.get_runtime_context().gcs_address == head):
            sent = {"working_dir": str(ROOT), "excludes": LEFT_OUT, "env_vars": {"OMP_NUM_THREADS": "1"}}
            ray.init(head, runtime_env=sent, log_to_driver=False, logging_level=50)  # critical
    except (OSError, ValueError, RuntimeError, ray.exceptions.RayError) as error:
        raise ToolkitError(
            f"There is no Ray cluster at '{address}' to join ({error}). Begin one with ray start --head "
            "--disable-usage-stats, or make this machine a part of one with ray start --address=HOST:PORT."
        ) from error
    signal.signal(signal.SIGTERM, before)  # Ray put its own there
    return ray, head


def _reach(address: str) -> None:
    host, _, port = address.rpartition(":")
    socket.create_connection((host, int(port)), timeout=10).close()


def _do_there(work: Work, job: Job, torch: str) -> tuple[Mapping[str, Any], dict[str, bytes], str]:
    """On a worker: a job's result, the files it left by name, and where and why it failed, "" if it did not."""
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder)
        try:
            if version("torch") != torch:
                raise ToolkitError(f"torch {version('torch')} is there, expected {torch}, as in requirements.txt")
            result = work(job, place)
        except Exception as error:
            return {}, {}, f"{platform.node()}: {type(error).__name__}: {error}"
        names = [path.relative_to(place) for path in place.rglob("*") if path.is_file()]
        return result, {str(name): (place / name).read_bytes() for name in names if name.parts[0] != STATE}, ""
