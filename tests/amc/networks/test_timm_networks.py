"""Networks of timm: what makes images their inputs."""

import numpy as np
import pytest
import torch
from PIL import Image
from torch import nn

from amc.networks.timm_networks import timm_network

timm = pytest.importorskip("timm")


@pytest.mark.parametrize("crop_mode", ["center", "squash", "border"])
@pytest.mark.parametrize("crop_pct", [0.95, 1.0])
@pytest.mark.parametrize("size", [(64, 64), (64, 48)])
def test_inputs_are_those_of_timms_own_steps(
    size: tuple[int, int], crop_pct: float, crop_mode: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    changes = {"input_size": (3, *size), "crop_pct": crop_pct, "crop_mode": crop_mode}
    config = timm.get_pretrained_cfg("resnet18").to_dict() | changes
    network = nn.Identity()  # which is made in no time
    network.pretrained_cfg = config
    monkeypatch.setattr(timm, "create_model", lambda *_, **__: network)
    preprocess = timm_network("resnet18", pretrained=False)[1]
    assert preprocess.shape == (3, *size)
    steps = timm.data.create_transform(**timm.data.resolve_data_config(pretrained_cfg=config))
    for height, width in ((150, 300), (61, 33), (10, 12), (2, 90), (67, 67)):
        image = Image.fromarray(np.random.default_rng(0).integers(0, 256, (height, width, 3), dtype=np.uint8))
        torch.testing.assert_close(preprocess(image), steps(image), rtol=0, atol=1e-5)
