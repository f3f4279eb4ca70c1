"""The names of classes: what they may be, and in which order they stand.

A class is a name. It names a folder as well, so it must be one that every file system takes.
"""

import re
import unicodedata
from collections import Counter
from collections.abc import Iterable

from toolkit.errors import ToolkitError

DIGITS = tuple("0123456789")
MOST = 1000
LONGEST = 40  # letters of a name
FORBIDDEN = '/\\<>:"|?*,[]'  # in a folder's name, on Windows at least; the last three mean something in --rows
RESERVED = re.compile(r"(con|prn|aux|nul|com\d|lpt\d)(\..*)?", re.IGNORECASE)  # the same


def natural_order(names: Iterable[str]) -> tuple[str, ...]:
    """Every name once, in the one order of classes: numbers by their value (2 before 10), all else by alphabet."""

    def key(name: str) -> tuple[list[str | int], str]:
        # text and numbers take turns, so like is compared with like
        parts = re.split(r"(\d+)", name)
        return [int(part) if number % 2 else part.casefold() for number, part in enumerate(parts)], name

    return tuple(sorted(set(names), key=key))


def check_name(name: str) -> str:
    """``name`` with its accents composed (NFC); a ``ToolkitError`` where it cannot name a folder everywhere."""
    name = unicodedata.normalize("NFC", name)
    shown = ascii(name[:LONGEST])
    if not name or len(name) > LONGEST or name != name.strip() or not name.isprintable():
        raise ToolkitError(
            f"{shown} cannot name a class. Choose 1 to {LONGEST} printable letters, with no space at either end."
        )
    if set(name) & set(FORBIDDEN) or name[0] == "." or name[-1] == "." or RESERVED.fullmatch(name):
        raise ToolkitError(
            f"{shown} cannot name a class, since a folder or an option is named after it: no "
            f"{' '.join(FORBIDDEN)}, no dot at an end. Write a word, such as 'less'."
        )
    return name


def parse_names(text: str) -> tuple[str, ...]:
    """``"A B C Ω 7 +"`` as names, in that order; a ``ToolkitError`` unless they are 2 to ``MOST`` different ones."""
    names = tuple(check_name(name) for name in text.split())
    if not 2 <= len(names) <= MOST:
        raise ToolkitError(f"{len(names)} classes cannot be told apart. Name 2 to {MOST:,}, with spaces between.")
    if twice := sorted(name for name, count in Counter(names).items() if count > 1):
        raise ToolkitError(f"The class {twice[0]!r} is named twice. Name each once.")
    return names


def things(classes: Iterable[str]) -> str:
    """What a sentence calls images of these classes."""
    return "digits" if set(classes) <= set(DIGITS) else "images"
