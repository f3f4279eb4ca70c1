"""The zip to hand in: source, sets, report, workbook; nothing of the machine it was made on."""

import json
import zipfile
from collections.abc import Mapping
from contextlib import nullcontext
from pathlib import Path

from toolkit.classes import RESERVED
from toolkit.data.image_sets import SETS
from toolkit.errors import ToolkitError
from toolkit.paths import ROOT, atomic_write

# what makes up the source; whatever else lies in the repository's folder stays at home
FOLDERS = (".ci", "benchmarks", "checkpoints", "docs", "recipes", "tests", "toolkit")
SETTINGS = (".gitignore", ".pre-commit-config.yaml", "Makefile", "pyproject.toml")
TEXTS = ("CHANGELOG.md", "CONTRIBUTING.md", "LICENSE", "README.md")
PACKAGES = ("requirements.txt", "requirements-cluster.txt", "requirements-dev.txt")
LONG_AGO = (1980, 1, 1, 0, 0, 0)  # the earliest time a zip can say: equal content gives an equal zip
FILE = 0o100644 << 16  # a plain file, readable by everybody
PROGRAM = 0o100755 << 16


def zip_name(ids: str) -> str:
    """``"111, 222"`` as ``"111_222"``; a ``ToolkitError`` for what could not be part of a file's name."""
    words = [word.strip() for word in ids.split(",")]
    name = "_".join(words)
    if not all(word.isascii() and word.isalnum() for word in words) or len(name) > 100 or RESERVED.fullmatch(name):
        raise ToolkitError(
            f"The ids '{ids[:40]}' cannot name a file. Write letters and numbers, with commas between: --ids 111,222"
        )
    return name


def source_files(root: Path = ROOT) -> dict[str, bytes]:
    """The complete source below ``root`` by its path there, without caches and hidden files of the system."""
    single = [root / name for name in (*SETTINGS, *TEXTS, *PACKAGES)]
    paths = [*single, *(path for folder in FOLDERS for path in sorted((root / folder).rglob("*")))]
    return {
        path.relative_to(root).as_posix(): path.read_bytes()
        for path in paths
        if path.is_file() and "__pycache__" not in path.relative_to(root).parts and path.name != ".DS_Store"
    }


def set_files(digits: Path) -> dict[str, bytes]:
    """The images of the three sets by their path below ``digits``, without metadata."""
    return {
        path.relative_to(digits).as_posix(): strip_jpeg(path.read_bytes(), path)
        for name in SETS
        for path in sorted((digits / name).glob("[!.]*/[!.]*.jp*g"))
    }


def strip_jpeg(content: bytes, path: Path) -> bytes:
    """A JPEG without Exif, comments, previews and profiles; its compressed pixels stay byte for byte."""
    kept, place = [b"\xff\xd8"], 2
    while content[place : place + 1] == b"\xff":
        marker = content[place + 1]
        if marker == 0xDA:  # the compressed pixels follow, to the end
            return b"".join([*kept, content[place:]])
        length = 2 + int.from_bytes(content[place + 2 : place + 4], "big")
        if not (0xE1 <= marker <= 0xEF or marker == 0xFE):  # APP1 to APP15, COM
            kept.append(content[place : place + length])
        place += length
    raise ToolkitError(f"{path} is a damaged JPEG. Save it again.")


def strip_card(content: bytes) -> bytes:
    """A ``model.json`` without folders of the machine it was made on."""
    card = json.loads(content)
    card["options"] = {name: None if name == "digits" else value for name, value in card["options"].items()}
    return (json.dumps(card, indent=1) + "\n").encode()


def write_zip(path: Path, files: Mapping[str, bytes]) -> Path:
    """Write ``files``, by their path in the zip; on a full disk or an interruption nothing is left of it.

    A ``ToolkitError`` where ``path`` exists and holds none of them: it is somebody's other work.
    """
    if path.exists():
        with zipfile.ZipFile(path) if zipfile.is_zipfile(path) else nullcontext() as archive:
            held = archive.namelist() if archive else []
        if files.keys().isdisjoint(held):  # both assignments name their zip by the same ids
            raise ToolkitError(f"{path} is another hand-in. Move it away, or name another place with --out.")
    with atomic_write(path) as temporary, zipfile.ZipFile(temporary, "w") as archive:
        for name, content in files.items():
            entry = zipfile.ZipInfo(name, LONG_AGO)
            entry.external_attr = PROGRAM if content.startswith(b"#!") else FILE
            archive.writestr(entry, content, zipfile.ZIP_DEFLATED)
    return path
