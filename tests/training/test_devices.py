import pytest
import torch

from toolkit.errors import ToolkitError
from toolkit.training.devices import bfloat16_pays, choose_device


def test_a_gpu_is_used_when_present(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch, "empty", lambda *_, **__: None)  # there may be none to try
    monkeypatch.setattr(torch.cuda, "set_device", lambda _: None)
    assert choose_device("auto") == torch.device("cuda")
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    assert choose_device("auto") == torch.device("cpu")


@pytest.mark.parametrize(("name", "number"), [("cuda:1", 1), ("cuda", 0), ("auto", 0)])
def test_a_gpus_number_holds_for_what_names_none(name, number, monkeypatch):
    """Such as the jobs of a sweep, which are the same on every GPU."""
    current = []
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch, "empty", lambda *_, **__: None)
    monkeypatch.setattr(torch.cuda, "set_device", current.append)
    choose_device(name)
    assert current == [number]


@pytest.mark.parametrize("name", ["gpu", "cpu:x", ""])
def test_a_device_that_is_not_there_is_refused(name):
    with pytest.raises(ToolkitError, match="Choose cpu"):
        choose_device(name)


@pytest.mark.parametrize(("capabilities", "pays"), [({"avx2": True}, False), ({"amx_bf16": True}, True)])
def test_bfloat16_is_for_processors_that_multiply_it(monkeypatch, capabilities, pays):
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: capabilities)
    assert bfloat16_pays(torch.device("cpu")) is pays
