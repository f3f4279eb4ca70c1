"""Several processes as torchrun would start them: forks of the test's own."""

import os
import socket
import sys
import traceback

import torch


def free_port() -> str:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return str(found.getsockname()[1])


def environment(rank, ranks=2, port="0") -> dict[str, str]:
    return {
        "RANK": str(rank),
        "LOCAL_RANK": str(rank),
        "WORLD_SIZE": str(ranks),
        "MASTER_ADDR": "127.0.0.1",
        "MASTER_PORT": port,
    }


def on_ranks(folder, work, ranks=2, port="") -> list:
    """What ``work`` returns on each rank, or minus the signal that ended it; ``folder`` holds what each printed."""
    port = port or free_port()
    folder.mkdir(exist_ok=True)
    return [
        _result(folder, child) for child in [_fork(folder, work, environment(n, ranks, port)) for n in range(ranks)]
    ]


def _fork(folder, work, surroundings) -> int:
    if child := os.fork():
        return child
    try:
        os.environ.update(surroundings)
        said = (folder / f"said{surroundings['RANK']}").open("w", buffering=1)
        os.dup2(said.fileno(), 1)
        os.dup2(said.fileno(), 2)
        sys.stdout = sys.stderr = said
        torch.save(work(), folder / str(os.getpid()))
    except BaseException:
        traceback.print_exc()
    finally:
        os._exit(0)


def _result(folder, child):
    status = os.waitpid(child, 0)[1]
    if os.WIFSIGNALED(status):
        return -os.WTERMSIG(status)
    path = folder / str(child)
    return torch.load(path, weights_only=False) if path.exists() else os.WEXITSTATUS(status)
