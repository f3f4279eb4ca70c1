"""The rooms of the house: each imports only those to its left."""

import ast

import pytest

from toolkit.paths import ROOT

ROOMS = ["images", "data", "models", "training", "evaluation", "reporting"]
GROUND_FLOOR = {"errors", "paths"}
MODULES = sorted((ROOT / "toolkit").rglob("*.py"))


def imports(path) -> set[str]:
    names = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            names.add(node.module)
    return names


@pytest.mark.parametrize("room", ROOMS)
def test_rooms_import_only_what_lies_to_their_left(room):
    allowed = GROUND_FLOOR | set(ROOMS[: ROOMS.index(room) + 1])
    for path in (ROOT / "toolkit" / room).glob("*.py"):
        ours = {name.split(".")[1] for name in imports(path) if name.startswith("toolkit.")}
        assert ours <= allowed, f"{path} imports {ours - allowed}"


def test_pixels_need_no_torch():
    for path in (ROOT / "toolkit" / "images").glob("*.py"):
        assert not {name.split(".")[0] for name in imports(path)} & {"torch", "fastai", "timm", "torchvision"}


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(ROOT)))
def test_no_star_imports_and_only_fastai_and_torch_are_inherited_from(path):
    tree = ast.parse(path.read_text())
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom):
            assert all(alias.name != "*" for alias in node.names)
        if isinstance(node, ast.ClassDef):
            bases = {ast.unparse(base) for base in node.bases}
            assert bases <= {"nn.Module", "Callback", "Exception", "ToolkitError"}


@pytest.mark.parametrize("path", sorted((ROOT / "tests").rglob("test_*.py")), ids=lambda path: path.name)
def test_tests_mirror_the_package(path):
    mirrored = path.relative_to(ROOT / "tests").with_name(path.name.removeprefix("test_"))
    known = {"models/networks.py", "recipes/finetune.py", "architecture.py", "documentation.py"}
    assert str(mirrored) in known or any((ROOT / place / mirrored).exists() for place in ("toolkit", ""))
