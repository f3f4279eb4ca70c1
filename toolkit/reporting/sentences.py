"""The sentences of reports and notebooks: they stand in sentences.ini, the code decides which of them hold."""

from collections.abc import Sequence
from configparser import ConfigParser
from functools import cache
from pathlib import Path
from typing import Any


def told(section: str, facts: dict[str, Any], *keys: object) -> str:
    """The sentences of a section that ``keys`` name, with ``facts`` in their braces; what is no name is left out."""
    own = _sentences()[section]
    return " ".join(" ".join(own[key].split()).format(**facts) for key in keys if isinstance(key, str) and key)


def phrase(name: str, usual: str) -> str:
    """How a sentence names a value of what is called ``name``, with braces for it; ``usual`` where nothing is said."""
    return _sentences()["named"].get(name, usual)


def listed(words: Sequence[str], last: str = "and") -> str:
    """``a, b and c``; nothing for no words."""
    *before, end = words or [""]
    return f"{', '.join(before)} {last} {end}" if before else end


def many(count: int, what: str) -> str:
    """``1 row``, ``2 rows``."""
    return f"{count:,} {what}{'' if count == 1 else 's'}"


def percent(share: float, digits: int = 1) -> str:
    """A share in percent."""
    return f"{100 * share:.{digits}f} %"


@cache
def _sentences() -> ConfigParser:
    sentences = ConfigParser(delimiters="=", interpolation=None)
    sentences.read(Path(__file__).with_name("sentences.ini"), "utf-8")
    return sentences
