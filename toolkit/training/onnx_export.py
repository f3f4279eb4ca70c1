"""A model as one ONNX file, which runs with onnxruntime alone: raw pixels in, probabilities out."""

import copy
import json
import warnings
from contextlib import redirect_stdout
from dataclasses import asdict
from io import StringIO

import numpy as np
import torch
from onnx_ir.passes.common import ClearMetadataAndDocStringPass
from torch import nn

from toolkit.data.augment import Augmentation
from toolkit.doors import silenced
from toolkit.errors import ToolkitError
from toolkit.images.normal_form import SIDE, normal_form
from toolkit.models.bundle import ModelCard
from toolkit.models.pixels import predict_logits

OPSET = 18  # what torch's exporter writes without converting, and every onnxruntime since 2023 reads
PIXELS, PROBABILITIES = "pixels", "probabilities"
CHECKED = 1000  # images on which torch and onnxruntime must agree
TOLERANCE = 1e-4  # of a probability; between two ways to sum float32 lie about 1e-6


def make_onnx(network: nn.Module, card: ModelCard) -> tuple[bytes, float]:
    """The bytes of an ONNX file, and by how much its probabilities differ from torch's on ``CHECKED`` images at most.

    It takes "pixels", uint8 of shape (N, 1, 28, 28) with any N, and gives "probabilities", float32 of shape (N, C).
    Its metadata hold "card" (the text of model.json), "classes" (a JSON list) and "opset". Raises ``ToolkitError``
    where torch cannot export the network, or the difference is above ``TOLERANCE``.
    """
    # channels_last, in which our networks compute, would be written down as shuffling of indices
    own = copy.deepcopy(network).cpu().to(memory_format=torch.contiguous_format)
    whole = nn.Sequential(own, nn.Softmax(dim=1)).eval()
    try:
        with warnings.catch_warnings(), silenced(), redirect_stdout(StringIO()):  # of what fails, torch prints pages
            warnings.simplefilter("ignore")
            program = torch.onnx.export(
                whole,
                (torch.zeros(2, 1, SIDE, SIDE, dtype=torch.uint8),),
                input_names=[PIXELS],
                output_names=[PROBABILITIES],
                dynamic_shapes=({0: torch.export.Dim("N")},),
                opset_version=OPSET,
            )
        assert program is not None
        ClearMetadataAndDocStringPass()(program.model)  # every node's line of source, with the machine's paths
        told = {"card": json.dumps(asdict(card), default=str), "classes": json.dumps(card.classes), "opset": str(OPSET)}
        program.model.metadata_props.update(told)
        content = program.model_proto.SerializeToString()
        difference = _largest_difference(whole, content)
    except Exception as error:  # the exporters and the network raise whatever they please
        said = " ".join(str(error.__cause__ or error).split())[:120]
        raise ToolkitError(f"{card.name} cannot be written as ONNX ({said}). Export it for fastai instead.") from error
    if not difference <= TOLERANCE:  # nor if it is no number
        found = f"{card.name} as ONNX differs from torch by {difference:.1e} in a probability, more than {TOLERANCE:g}"
        raise ToolkitError(f"{found}. Nothing was written; export it for fastai instead.")
    return content, difference


def _largest_difference(network: nn.Module, content: bytes) -> float:
    import onnxruntime

    images = _distorted_digits()
    expected = predict_logits(network, images).numpy()
    session = onnxruntime.InferenceSession(content, providers=["CPUExecutionProvider"])
    batches = np.split(images, [1, 8])  # of three sizes: any must do
    found = np.concatenate([session.run([PROBABILITIES], {PIXELS: batch})[0] for batch in batches])
    return float(np.abs(found - expected).max())


def _distorted_digits() -> np.ndarray:
    """``CHECKED`` images that need neither a network nor the user's sets, uint8 of shape (N, 1, 28, 28)."""
    from sklearn.datasets import load_digits

    counts = load_digits().images[:CHECKED]
    images = torch.from_numpy(np.stack([normal_form((count * (255 / 16)).astype(np.uint8)) for count in counts]))
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        return Augmentation()(images[:, None]).round().clamp(0, 255).to(torch.uint8).numpy()
