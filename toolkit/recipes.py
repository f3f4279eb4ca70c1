"""Finding recipes and reading what they offer, without running them.

A recipe is a file in ``recipes/`` with a docstring and a function ``run``. Its options, their types, defaults
and help are read from the signature and the comments beside it, so help imports nothing heavy.
"""

import ast
import difflib
import io
import keyword
import math
import re
import tokenize
from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module
from inspect import Parameter, Signature
from pathlib import Path
from typing import Annotated, Any, TypeVar

import typer

from toolkit.errors import ToolkitError
from toolkit.paths import RECIPES, write_file

Number = TypeVar("Number", int, float)
TYPES: dict[str, Any] = {"str": str, "int": int, "float": float, "bool": bool, "Path": Path}


@dataclass(frozen=True)
class Option:
    """One parameter of a recipe's ``run``."""

    name: str
    annotation: Any
    default: Any
    help: str


@dataclass(frozen=True)
class Recipe:
    """What a recipe's file says of itself."""

    name: str
    docstring: str
    options: tuple[Option, ...]

    @property
    def summary(self) -> str:
        return self.docstring.partition("\n")[0]

    def command(self) -> Callable[..., None]:
        """A function with this recipe's signature, for typer, that runs it."""

        def command(**options: Any) -> None:
            import_module(f"recipes.{self.name}").run(**options)

        def parameter(option: Option) -> Parameter:
            kind: Any = Annotated[option.annotation, typer.Option(help=option.help)]
            return Parameter(option.name, Parameter.KEYWORD_ONLY, default=option.default, annotation=kind)

        command.__signature__ = Signature([*map(parameter, self.options)])  # type: ignore[attr-defined]
        return command


def recipe_names(folder: Path = RECIPES) -> list[str]:
    """All recipes' names; files that begin with an underscore, or hold a network of one's own, are none."""
    return [path.stem for path in sorted(folder.glob("[!_]*.py")) if not _holds_a_network(path)]


def list_recipes(folder: Path = RECIPES) -> list[Recipe]:
    """All recipes by name."""
    return [read_recipe(folder / f"{name}.py") for name in recipe_names(folder)]


def _holds_a_network(path: Path) -> bool:
    """Whether a file defines a network and no ``run``: ``--model recipes/FILE.py:CLASS`` names it."""
    try:
        source = path.read_text(encoding="utf-8")
    except (ValueError, OSError):
        return False
    return bool(re.search(r"^class \w+\(.*Module\):", source, re.M)) and not re.search(r"^def run\(", source, re.M)


def copy_recipe(name: str, like: str, folder: Path = RECIPES) -> Path:
    """Copy the recipe ``like`` to start another from; returns the new file.

    Raises ``ToolkitError`` for a name that is none, or taken, and for a recipe that does not exist.
    """
    if not name.isidentifier() or not name.isascii() or keyword.iskeyword(name) or name.startswith("_"):
        raise ToolkitError(f"'{name[:40]}' cannot name a recipe. Use letters, digits and low lines, as in my_recipe.")
    source, path = folder / f"{like}.py", folder / f"{name}.py"
    known = recipe_names(folder)
    if like not in known:
        close = difflib.get_close_matches(like, known, n=1)
        hint = f"Did you mean '{close[0]}'? " if close else ""
        raise ToolkitError(f"There is no recipe '{like[:40]}'. {hint}python -m toolkit recipe lists them.")
    if path.exists():
        raise ToolkitError(f"{path} exists already, and is not overwritten. Choose another name.")
    text = re.sub(rf"(?<=recipe ){like}\b", name, source.read_text(encoding="utf-8"))
    return write_file(path, text)


def read_recipe(path: Path) -> Recipe:
    """Read one recipe's file; a ``ToolkitError`` names what it lacks."""
    try:
        source = path.read_text(encoding="utf-8")
        tree = ast.parse(source)
    except (SyntaxError, ValueError, OSError) as error:
        raise ToolkitError(f"{path} is not a recipe: {error}. Correct it or move it elsewhere.") from error
    functions = [node for node in tree.body if isinstance(node, ast.FunctionDef) and node.name == "run"]
    docstring = ast.get_docstring(tree)
    if not functions or not docstring:
        raise ToolkitError(
            f"{path} is not a recipe: it needs a docstring and a function run. "
            "Add them, or begin its name with an underscore."
        )
    tokens = tokenize.generate_tokens(io.StringIO(source).readline)
    comments = {t.start[0]: t.string.lstrip("# ") for t in tokens if t.type == tokenize.COMMENT}
    arguments = functions[0].args
    if arguments.vararg or arguments.kwarg or arguments.kwonlyargs or arguments.posonlyargs:
        raise ToolkitError(f"{path}: run takes plain parameters only, no *, ** or /. Rewrite its signature.")
    if len(arguments.defaults) != len(arguments.args):
        raise ToolkitError(f"{path}: every parameter of run needs a default. Add the missing ones.")
    options = [_option(path, *pair, comments) for pair in zip(arguments.args, arguments.defaults, strict=True)]
    return Recipe(path.stem, docstring, tuple(options))


def _option(path: Path, argument: ast.arg, default: ast.expr, comments: dict[int, str]) -> Option:
    where = f"{path}, line {argument.lineno}"
    annotation = ast.unparse(argument.annotation) if argument.annotation else ""
    name, _, none = annotation.partition(" | ")
    if name not in TYPES or none not in ("", "None"):
        raise ToolkitError(
            f"{where}: '{argument.arg}' is annotated '{annotation}'. "
            f"Use one of {', '.join(TYPES)}, alone or with ' | None'."
        )
    try:
        value = ast.literal_eval(default)
    except ValueError as error:
        raise ToolkitError(f"{where}: the default of '{argument.arg}' is not a plain value. Write one.") from error
    kind = TYPES[name]
    return Option(argument.arg, kind | None if none else kind, value, comments.get(argument.lineno, ""))


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
