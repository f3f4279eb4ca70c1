"""Putting three new sets in the place of three old ones, as one step: what is interrupted is finished later."""

import json
import os
import shutil
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from typing_extensions import TypedDict

from toolkit.doors import read_json
from toolkit.errors import ToolkitError
from toolkit.paths import is_alive, left_behind, make_folder, own_name, sweep, sync, write_file

JOURNAL = ".exchange of sets.json"  # there while an exchange is under way
PLACE = ".new sets "  # folder of sets that are not in place yet; an ``own_name`` follows


class _Exchange(TypedDict):
    """What a journal says: where the new sets wait, where the old ones go, and who is at it."""

    place: str
    aside: str
    process: int


@contextmanager
def new_place(folder: Path) -> Iterator[Path]:
    """A place below ``folder`` for new sets, which is gone afterwards, unless an exchange is to be finished later."""
    sweep(folder, below="")
    for left in left_behind(folder, PLACE):
        shutil.rmtree(left, ignore_errors=True)
    place = folder / f"{PLACE}{own_name()}"
    place.mkdir()
    try:
        yield place
    finally:
        if not (folder / JOURNAL).exists():
            shutil.rmtree(place, ignore_errors=True)


def exchange(folder: Path, place: Path, names: Sequence[str], aside: Path) -> None:
    """Replace the sets ``names`` of ``folder`` by those in ``place``, and put the old ones into ``aside``."""
    record = {"place": place.name, "aside": str(aside.resolve()), "process": os.getpid()}
    write_file(folder / JOURNAL, json.dumps(record))
    _finish(folder, place, names, aside)


def finish_exchange(folder: Path, names: Sequence[str]) -> None:
    """Finish what an interrupted command began, and say so; a ``ToolkitError`` while that command is still at it."""
    if not (folder / JOURNAL).exists():
        return
    record: _Exchange = read_json(folder / JOURNAL, _Exchange)
    if record["process"] != os.getpid() and is_alive(record["process"]):
        raise ToolkitError(f"Process {record['process']} is exchanging the sets in {folder}. Wait for it.")
    _finish(folder, folder / Path(record["place"]).name, names, Path(record["aside"]))
    said = f"Finished: an interrupted exchange of the sets in {folder}; the old ones are in {record['aside']}"
    print(said, flush=True, file=sys.stderr)


def _finish(folder: Path, place: Path, names: Sequence[str], aside: Path) -> None:
    """Every step can be the last before a power cut: what has been done already is left out when it is repeated."""
    try:
        for name in names:  # renames within one file system, which need no space
            if (place / name).exists():
                if (folder / name).exists():
                    (folder / name).rename(place / f"old {name}")
                (place / name).rename(folder / name)
        sync(folder)
        for name in names:
            old = place / f"old {name}"
            if old.exists():
                make_folder(aside)
                if not (aside / name).exists():
                    _move(old, aside / name)
                shutil.rmtree(old, ignore_errors=True)
        shutil.rmtree(place, ignore_errors=True)
        (folder / JOURNAL).unlink()
    except OSError as error:
        raise ToolkitError(
            f"The sets are not all in place: {error}. Free some space; any command on {folder} finishes it."
        ) from error


def _move(old: Path, new: Path) -> None:
    try:
        old.rename(new)
    except OSError:  # on another file system: a copy, which counts when it is complete
        partial = new.with_name(f".{new.name}")
        shutil.rmtree(partial, ignore_errors=True)
        shutil.copytree(old, partial)
        partial.rename(new)
