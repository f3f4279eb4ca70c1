from functools import partial

import torch
from fastai.optimizer import Adam

from toolkit.models import build_model
from toolkit.training.adamw import fused_adamw

DEVICE = torch.device("cuda" if torch.cuda.is_available() else "cpu")
HYPERS = ({"mom": 0.95, "lr": 1e-3}, {"mom": 0.9, "lr": 3e-2}, {"mom": 0.85, "lr": 1e-2})


def test_the_fused_step_is_fastais(examples):
    def trained(make):
        torch.manual_seed(0)
        network = build_model("cnn", channels=(2, 4)).to(DEVICE)
        parameters = list(network.parameters())
        optimizer = make([parameters[:3], parameters[3:]], lr=0.1)
        optimizer.state[parameters[1]]["do_wd"] = False
        for hypers in HYPERS:
            optimizer.set_hypers(wd=0.3, **hypers)
            images, labels = (torch.as_tensor(part[:16], device=DEVICE) for part in (digits.images, digits.labels))
            torch.nn.functional.cross_entropy(network(images), labels).backward()
            optimizer.step()
            optimizer.zero_grad()
        return network.state_dict()

    digits = examples["Training Set"]
    fused = trained(fused_adamw)
    for name, tensor in trained(partial(Adam, decouple_wd=True)).items():
        assert torch.allclose(tensor, fused[name], rtol=0, atol=1e-5), name
