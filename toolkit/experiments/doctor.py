"""Is everything in place? Versions, device, MNIST, models and sets, a line each."""

from collections.abc import Iterator
from pathlib import Path

from packaging.requirements import Requirement

from toolkit.data.image_sets import find_problems
from toolkit.data.mnist import is_cached, mnist_cache
from toolkit.errors import ToolkitError
from toolkit.models.bundle import load_model, published_models
from toolkit.paths import ROOT
from toolkit.runs import machine, version_of, versions
from toolkit.training.devices import bfloat16_pays, choose_device


def examine(digits: Path | None = None) -> Iterator[tuple[bool, str]]:
    """Yield (well, finding) pairs; ``digits`` is the folder with the three sets."""
    yield True, "versions: " + ", ".join(f"{name} {number}" for name, number in versions().items())
    yield from _requirements()
    device = choose_device("auto")
    precision = "bfloat16" if bfloat16_pays(device) else "float32"
    facts = ", ".join(f"{name} {value}" for name, value in machine().items())
    yield True, f"device: {device} ({facts}), training in {precision}"
    absent = "not fetched yet (python -m toolkit data mnist); fine-tuning does without"
    yield True, f"MNIST: {f'verified in {mnist_cache()}' if is_cached() else absent}"
    models = published_models()
    if not models:
        yield False, "models: none under checkpoints. Restore them from the repository."
    for name in models:
        try:
            load_model(name)
        except ToolkitError as error:
            yield False, f"model {name}: {error}"
        else:
            yield True, f"model {name}: weights verified"
    problems = find_problems(digits)
    yield from ((False, f"digits: {problem}") for problem in problems)
    if not problems:
        yield True, f"digits: the three sets in {digits or ROOT} are complete"


def _requirements() -> Iterator[tuple[bool, str]]:
    """Packages whose version is not the one the toolkit was tested with."""
    for line in (ROOT / "requirements.txt").read_text("utf-8").splitlines():
        if not line or line.startswith("#"):
            continue
        requirement = Requirement(line)
        if requirement.marker and not requirement.marker.evaluate():
            continue
        found = version_of(requirement.name)
        if found not in requirement.specifier:
            yield False, f"{line}: found {found}. Run python -m pip install -r requirements.txt."
