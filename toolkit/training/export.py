"""fastai's ``learner.pkl``, for those who go on in fastai. Nothing of ours loads it: a pickle can run code."""

import copy
import sys
import tempfile
import warnings
from collections.abc import Sequence
from pathlib import Path

import cloudpickle
from fastai.data.core import Datasets
from fastai.data.transforms import Categorize, ToTensor, parent_label
from fastai.learner import Learner
from fastai.losses import CrossEntropyLossFlat
from fastai.vision.core import PILImageBW
from PIL import Image
from torch import nn

import toolkit
from toolkit.images.normal_form import SIDE
from toolkit.paths import atomic_write


def export_learner(network: nn.Module, classes: Sequence[str], path: Path) -> Path:
    """Write a Learner for ``classes``: its ``predict`` takes a 28x28 image (file, array, tensor; ink bright on black).

    It loads with plain ``fastai.learner.load_learner`` under the same Python version; our own classes travel
    inside the file, so this toolkit need not be there, only fastai (and timm for a ResNet).
    """
    network = copy.deepcopy(network).cpu().eval()
    with tempfile.TemporaryDirectory() as folder, atomic_write(path) as temporary:
        sample = Path(folder) / classes[0] / "blank.png"  # fastai infers its types from one item
        sample.parent.mkdir()
        Image.new("L", (SIDE, SIDE)).save(sample)
        pipelines = [[PILImageBW.create], [parent_label, Categorize(list(classes), sort=False)]]
        datasets = Datasets([sample], pipelines, splits=[[0], [0]])
        loaders = datasets.dataloaders(bs=64, after_item=[ToTensor()], device="cpu")
        learner = Learner(loaders, network, loss_func=CrossEntropyLossFlat(), path=temporary.parent)
        users = [module for name, module in sys.modules.items() if name.startswith("recipes.")]
        by_value = [toolkit, *users]
        for module in by_value:
            cloudpickle.register_pickle_by_value(module)
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                learner.export(temporary.name)
        except RuntimeError as error:  # torch's own for a disk that is full
            raise OSError(f"its end could not be written: {error}") from error
        finally:
            for module in by_value:
                cloudpickle.unregister_pickle_by_value(module)
    return path
