"""The one error a user can cause."""

from collections.abc import Iterator
from contextlib import contextmanager

LONGEST = 300


def printable(text: str) -> str:
    """A text without what a terminal obeys, and without what XML and PDF cannot hold: a space in its place."""
    return "".join(letter if letter.isprintable() else " " for letter in text)


class ToolkitError(Exception):
    """A mistake its user can mend.

    The message is one line: what was found, what was expected, what to do next. The command line
    prints it without a traceback and exits with 1. Whatever a file's name or a library puts into it, it stays one
    line of at most ``LONGEST`` letters, shortened in the middle, without what a terminal obeys.
    """

    def __init__(self, message: str) -> None:
        line = " ".join(printable(message[: 100 * LONGEST]).split())
        super().__init__(line if len(line) <= LONGEST else f"{line[: LONGEST // 2 - 3]} … {line[-LONGEST // 2 :]}")


class NothingWrittenError(ToolkitError):
    """An image without ink: to who reads it an answer, not a mistake."""


@contextmanager
def naming(source: object) -> Iterator[None]:
    """What goes wrong with what a file holds names the file."""
    try:
        yield
    except ToolkitError as error:
        raise type(error)(f"{source}: {error}") from error
