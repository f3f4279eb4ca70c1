"""A network of your own: a class in a file of ``recipes/``, named as in ``recipes/my_network.py:MyNetwork``."""

import importlib.util
import inspect
import re
import sys
from pathlib import Path
from typing import Any

from torch import nn

from toolkit.errors import ToolkitError
from toolkit.paths import RECIPES, sha256_of


def is_own(architecture: str) -> bool:
    """Whether an architecture's name is that of a file and a class."""
    return ".py:" in architecture


def own_file(architecture: str) -> Path:
    """The file that ``architecture`` names; a ``ToolkitError`` unless it lies in ``recipes/`` itself.

    A model from elsewhere may name any file in its card: none but the user's own are ever run.
    """
    found = re.fullmatch(r"recipes/(\w+\.py):\w+", architecture)
    path = RECIPES / found[1] if found else None
    if path is None or not path.is_file() or path.resolve().parent != RECIPES.resolve():
        raise ToolkitError(
            f"'{architecture[:80]}' names no network of yours. Put its class into a file in {RECIPES} and name both, "
            "as in recipes/my_network.py:MyNetwork."
        )
    return path


def own_class(architecture: str) -> Any:
    """The class that ``architecture`` names; a ``ToolkitError`` where it is none that can be trained."""
    path, name = own_file(architecture), architecture.rpartition(":")[2]
    module_name = f"recipes.{path.stem}"
    try:
        spec = importlib.util.spec_from_file_location(module_name, path)
        assert spec is not None
        assert spec.loader is not None
        module = importlib.util.module_from_spec(spec)
        sys.modules[module_name] = module  # exports look classes up there
        spec.loader.exec_module(module)
    except Exception as error:  # whatever the user's own file raises
        raise ToolkitError(f"{path} cannot be run: {type(error).__name__}: {error}. Correct it.") from error
    network_class = getattr(module, name, None)
    if not (inspect.isclass(network_class) and issubclass(network_class, nn.Module)):
        raise ToolkitError(f"{path} has no network '{name}'. Expected a class of that name, derived from nn.Module.")
    if "classes" not in inspect.signature(network_class).parameters:
        raise ToolkitError(f"{architecture} does not take 'classes', the number of its logits. Add it to __init__.")
    return network_class


def source_sha256(architecture: str) -> str:
    """A fingerprint of the file that holds an own network, "" for the toolkit's and timm's."""
    return sha256_of(own_file(architecture)) if is_own(architecture) else ""
