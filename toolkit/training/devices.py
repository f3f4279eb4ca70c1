"""Which device computes, and in which precision."""

import os

import torch

from toolkit.errors import ToolkitError
from toolkit.ranks import world_size


def choose_device(name: str) -> torch.device:
    """``auto`` takes a CUDA GPU when there is one, the first or a rank's own, else the CPU; other names are torch's.

    A GPU becomes torch's current one: what names none by its number, as the jobs of a sweep, computes there.
    """
    name = ("cuda" if torch.cuda.is_available() else "cpu") if name == "auto" else name
    try:
        device = torch.device(name)
        if device.type == "cuda" and torch.cuda.is_available():
            own = int(os.environ["LOCAL_RANK"]) if world_size() > 1 else 0
            torch.cuda.set_device(own if device.index is None else device.index)
        torch.empty(1, device=device)
    except (RuntimeError, AssertionError) as error:
        usable = "cpu, cuda" if torch.cuda.is_available() else "cpu"
        raise ToolkitError(f"The device '{name}' cannot be used here. Choose {usable} or auto.") from error
    return device


def bfloat16_pays(device: torch.device) -> bool:
    """Whether the device multiplies bfloat16 in hardware.

    Where it does, autocast about halves the time of a convolution; where it does not, torch falls back to
    code that is hundreds of times slower (on an AVX2 CPU one 2048x2048 product took 58 s, 0.1 s in float32).
    """
    if device.type == "cuda":
        return torch.cuda.is_bf16_supported(including_emulation=False)
    capabilities = torch.cpu.get_capabilities()
    return bool(capabilities.get("avx512_bf16") or capabilities.get("amx_bf16"))
