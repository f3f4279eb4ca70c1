"""Options that hold several values, written as on a command line."""

import math
from typing import TypeVar

from toolkit.errors import ToolkitError

Number = TypeVar("Number", int, float)


def numbers(option: str, text: str, kind: type[Number]) -> list[Number]:
    """``"0.01,0.1"`` as a list, in that order; a ``ToolkitError`` for what is no positive number."""
    values = []
    for word in text.split(","):
        try:
            value = kind(word)
        except ValueError:
            value = kind(0)
        if not 0 < value < math.inf:
            what = "whole number" if kind is int else "number"
            raise ToolkitError(
                f"--{option.replace('_', '-')} {text}: '{word.strip()}' is no {what} above 0. "
                "Write them with commas between, as in 1,2,3."
            )
        values.append(value)
    return values
