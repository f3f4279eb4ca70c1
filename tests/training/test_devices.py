import pytest
import torch

from toolkit.errors import ToolkitError
from toolkit.training.devices import bfloat16_pays, choose_device


def test_a_gpu_is_used_when_present(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch, "empty", lambda *_, **__: None)  # there may be none to try
    assert choose_device("auto") == torch.device("cuda")
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    assert choose_device("auto") == torch.device("cpu")


@pytest.mark.parametrize("name", ["gpu", "cpu:x", ""])
def test_a_device_that_is_not_there_is_refused(name):
    with pytest.raises(ToolkitError, match="Choose cpu"):
        choose_device(name)


@pytest.mark.parametrize(("capabilities", "pays"), [({"avx2": True}, False), ({"amx_bf16": True}, True)])
def test_bfloat16_is_for_processors_that_multiply_it(monkeypatch, capabilities, pays):
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: capabilities)
    assert bfloat16_pays(torch.device("cpu")) is pays
