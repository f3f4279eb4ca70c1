"""The rooms of the house: each imports only those to its left."""

import ast
import re
from importlib import import_module

import pytest

from toolkit.paths import ROOT

ROOMS = ["images", "data", "models", "training", "evaluation", "reporting", "experiments", "page"]
# the modules at the top and what of ours each may import; the first ones lie below all rooms
GROUND_FLOOR = {"errors", "paths", "classes", "doors", "ranks"}
TOP = {
    "errors": set(),
    "paths": {"errors"},
    "classes": {"errors"},
    "doors": {"errors"},
    "ranks": set(),
    "runs": {"doors", "errors", "paths", "ranks"},
    "recipes": {"errors", "paths"},
    "cli": {*GROUND_FLOOR, *ROOMS, "recipes"},
    "__init__": set(),
    "__main__": {"cli"},
}
ALSO = {"experiments": {"runs"}, "page": {"runs", "recipes"}}
# what else is inherited from: groups of commands, so that help answers quickly; fastai's finder, to keep it off disks;
# the entries that records share; torch's ways into a function and into its gradient
OTHERS = {
    "cli.py": {"TyperGroup", "_Group"},
    "lr_finder.py": {"LRFinder"},
    "records.py": {"_Kept", "OverSeeds"},
    "ranks.py": {"TorchFunctionMode", "torch.autograd.Function"},
}
MODULES = sorted((ROOT / "toolkit").rglob("*.py"))


def imports(path, at_once=False) -> set[str]:
    """The modules that a file names; ``at_once`` those alone that importing it imports."""
    names, tree = set(), ast.parse(path.read_text())
    for node in tree.body if at_once else ast.walk(tree):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            names.add(node.module)
    return names


def ours(path) -> set[str]:
    return {name.split(".")[1] for name in imports(path) if name.startswith("toolkit.")}


@pytest.mark.parametrize("room", ROOMS)
def test_rooms_import_only_what_lies_to_their_left(room):
    allowed = GROUND_FLOOR | set(ROOMS[: ROOMS.index(room) + 1]) | ALSO.get(room, set())
    for path in (ROOT / "toolkit" / room).rglob("*.py"):
        assert ours(path) <= allowed, f"{path} imports {ours(path) - allowed}"


def test_the_modules_at_the_top_import_only_what_lies_below_them():
    modules = {path.stem: path for path in (ROOT / "toolkit").glob("*.py")}
    assert modules.keys() == TOP.keys()
    for name, path in modules.items():
        assert ours(path) <= TOP[name], f"{path} imports {ours(path) - TOP[name]}"


def test_every_folder_of_the_toolkit_is_a_room():
    assert {path.parent.name for path in (ROOT / "toolkit").glob("*/*.py")} == set(ROOMS)


@pytest.mark.parametrize("path", sorted((ROOT / "benchmarks").glob("[!_]*.py")), ids=lambda path: path.stem)
def test_what_benchmarks_import_exists(path):
    import_module(f"benchmarks.{path.stem}")


def test_pixels_need_no_torch():
    for path in (ROOT / "toolkit" / "images").rglob("*.py"):
        assert not {name.split(".")[0] for name in imports(path)} & {"torch", "fastai", "timm", "torchvision"}


def test_timm_which_takes_seconds_is_imported_only_where_its_networks_are_built():
    first = {path.name: {name.split(".")[0] for name in imports(path, at_once=True)} for path in MODULES}
    assert {name for name, found in first.items() if found & {"timm", "torchvision"}} == {
        "resnet.py",
        "timm_network.py",
    }


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(ROOT)))
def test_no_star_imports_and_only_fastai_and_torch_are_inherited_from(path):
    tree = ast.parse(path.read_text())
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom):
            assert all(alias.name != "*" for alias in node.names)
        if isinstance(node, ast.ClassDef):
            bases = {ast.unparse(base) for base in node.bases}
            known = {"nn.Module", "Callback", "Exception", "ToolkitError", "TypedDict", "NamedTuple"}
            assert bases <= known | OTHERS.get(path.name, set())


def test_texts_are_opened_as_utf8():
    """The locale's encoding, Windows' default, knows no class Ω."""
    others = {"os", "gzip", "tarfile", "webbrowser", "Image"}  # whose open is not a text's
    for path in (*MODULES, *(ROOT / "recipes").glob("*.py")):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
                said, name = ast.unparse(node), ast.unparse(node.func.value)
                if node.func.attr in {"read_text", "write_text"} or (node.func.attr == "open" and name not in others):
                    assert re.search(r"'utf-8'|\('[rwa]b'\)", said), f"{path}, line {node.lineno}: {said}"


@pytest.mark.parametrize("path", sorted((ROOT / "tests").rglob("test_*.py")), ids=lambda path: path.name)
def test_tests_mirror_the_package(path):
    mirrored = path.relative_to(ROOT / "tests").with_name(path.name.removeprefix("test_"))
    known = {"models/networks.py", "recipes/finetune.py", "architecture.py", "documentation.py"}
    assert str(mirrored) in known or any(
        (ROOT / place / found).exists() for place in ("toolkit", "") for found in (mirrored, mirrored.with_suffix(""))
    )
