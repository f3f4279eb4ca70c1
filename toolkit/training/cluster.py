"""A sweep's jobs on a Ray cluster: wherever a core is free, from any machine that belongs to it.

Workers need the packages of requirements.txt and nothing else: the toolkit's source, the data and the models are sent.
"""

import os
import platform
import signal
import socket
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import suppress
from importlib.metadata import version
from pathlib import Path
from typing import Any

from toolkit.errors import ToolkitError
from toolkit.paths import ROOT, STATE, atomic_write
from toolkit.training.sweeps import Done, Job, Work

SENT = ["/*", "!/.", "!/toolkit", "!/recipes", "!/benchmarks", "__pycache__"]  # as .gitignore says what is left out
RETRIES = 3  # of a job whose node or process died; one that fails is not done again
KEPT = "What was finished is kept: repeat the command"


def do_on_cluster(work: Work, missing: Mapping[Path, Job], address: str) -> Iterator[Done]:
    """Each job's folder and result as soon as it is done somewhere; the files it left are in the folder by then.

    A job works in a folder of its own that is gone afterwards, with one thread, on one core, or on one GPU where it
    names such a device. ``work`` and its data travel once to each node (Ray's object store). Raises ``ToolkitError``
    when a job fails, when nodes die under it again and again, and when the connection is lost.
    """
    if not missing:
        return
    ray = _connect(address)
    try:
        data, there = ray.put(work), ray.remote(max_retries=RETRIES)(_do_there)
        pending = {}
        for place, job in missing.items():
            gpus = int(job.get("device", "cpu") != "cpu")
            pending[there.options(num_gpus=gpus).remote(data, job, version("torch"))] = place
        while pending:
            for ready in ray.wait([*pending], timeout=1)[0]:
                place = pending.pop(ready)
                result, files, failure = ray.get(ready)
                if failure:
                    said = f"Job {place.name}, {str(dict(missing[place]))[:100]}, failed on {failure}"
                    raise ToolkitError(f"{said}. {KEPT} after mending that.")
                for name, content in files.items():
                    with atomic_write(place / name) as temporary:
                        temporary.write_bytes(content)
                yield place, result
            _check_connection(ray)
    except ray.exceptions.RayError as error:
        ray.shutdown()
        raise ToolkitError(f"Ray: {_last_line(error)} {KEPT}.") from error
    except BaseException:  # Ctrl-C as well
        ray.shutdown()  # ends what the cluster does for this process
        raise


def _connect(address: str) -> Any:
    """Ray's module, connected: once in a process, since processes that have imported everything wait for more work."""
    os.environ["RAY_USAGE_STATS_ENABLED"] = "0"
    os.environ["RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO"] = "0"  # else a warning
    try:
        import ray
        from ray._private import services, worker
    except ImportError as error:
        raise ToolkitError("--cluster needs Ray. Install it: pip install -r requirements-cluster.txt") from error
    worker.print_to_stdstream = lambda *_, **__: None  # twenty lines for each dead node, whatever log_to_driver says
    before = signal.getsignal(signal.SIGTERM)
    try:
        found = services.canonicalize_bootstrap_address_or_die(address)
        _reach(found)  # Ray itself tries for 80 seconds
        if ray.is_initialized() and ray.get_runtime_context().gcs_address == found:
            return ray
        environment = {"working_dir": str(ROOT), "excludes": SENT, "env_vars": {"OMP_NUM_THREADS": "1"}}
        ray.init(found, runtime_env=environment, log_to_driver=False, logging_level=50)
    except (OSError, ValueError, RuntimeError, ray.exceptions.RayError) as error:
        raise ToolkitError(
            f"There is no Ray cluster at '{address}' to join: {_last_line(error)} Begin one with "
            "ray start --head --disable-usage-stats, or join one with ray start --address=HOST:PORT."
        ) from error
    finally:
        with suppress(ValueError):  # not the main thread
            signal.signal(signal.SIGTERM, before)  # Ray put its own there
    return ray


def _reach(address: str) -> None:
    host, _, port = address.rpartition(":")
    socket.create_connection((host.strip("[]"), int(port)), timeout=5).close()


def _check_connection(ray: Any) -> None:
    """Raise ``ToolkitError`` where the head is gone, or is another one by now: Ray would wait for ever."""
    context = ray.get_runtime_context()
    try:
        _reach(context.gcs_address)
        lost = not any(node["Alive"] and node["NodeID"] == context.get_node_id() for node in ray.nodes())
    except (OSError, ray.exceptions.RayError):
        lost = True
    if lost:
        raise ToolkitError(f"The connection to the Ray cluster at {context.gcs_address} was lost. {KEPT}.")


def _do_there(work: Work, job: Job, torch: str) -> tuple[Mapping[str, Any], dict[str, bytes], str]:
    """On a worker: a job's result, the files it left by name, and the reason on which node it failed, "" if not."""
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder)
        try:
            if version("torch") != torch:
                raise ToolkitError(f"torch {version('torch')} is there, expected {torch}, as in requirements.txt.")
            result = work(job, place)
        except Exception as error:
            why = str(error) if isinstance(error, ToolkitError) else f"{type(error).__name__}: {error}"
            return {}, {}, f"{platform.node()}: {why}"
        paths = [path.relative_to(place) for path in place.rglob("*") if path.is_file()]
        return result, {str(path): (place / path).read_bytes() for path in paths if path.parts[0] != STATE}, ""


def _last_line(error: Exception) -> str:
    """What Ray says in the end, after the traceback of another process."""
    return (str(error).strip().splitlines() or [type(error).__name__])[-1].strip().rstrip(".") + "."
