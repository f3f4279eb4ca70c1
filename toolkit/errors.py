"""The one error a user can cause."""

LONGEST = 300


class ToolkitError(Exception):
    """A mistake its user can mend.

    The message is one line: what was found, what was expected, what to do next. The command line
    prints it without a traceback and exits with 1. Whatever a file's name or a library puts into it, it stays one
    line of at most ``LONGEST`` letters, shortened in the middle, without what a terminal obeys.
    """

    def __init__(self, message: str) -> None:
        line = "".join(letter if letter.isprintable() else " " for letter in message[: 100 * LONGEST])
        line = " ".join(line.split())
        super().__init__(line if len(line) <= LONGEST else f"{line[: LONGEST // 2 - 3]} … {line[-LONGEST // 2 :]}")
