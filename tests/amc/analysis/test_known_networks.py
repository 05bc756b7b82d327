"""Networks of torchvision and timm on small inputs: what is watched, cut and counted is right."""

import numpy as np
import pytest
import torch
from torch import nn
from torchvision import models
from torchvision.models.convnext import CNBlockConfig

from amc.analysis.analyse import analyse
from amc.cost.costs import macs
from amc.pruning.materialise_weights import materialise_weights
from amc.pruning.slicing import compact, make_selection
from tests.oracles import counted, distance, random_mask, randomise, run, run_ignoring

LEAST_SHARE = {
    "torchvision:squeezenet1_1": 0.2,
    "torchvision:mobilenet_v2": 0.12,
    "torchvision:mobilenet_v3_small": 0.12,
    "torchvision:shufflenet_v2_x0_5": 0.2,
    "torchvision:regnet_y_400mf": 0.12,
    "torchvision:resnet18": 0.12,
    "torchvision:efficientnet_b0": 0.12,
    "small:convnext": 0.35,
    "small:swin": 0.8,
    "timm:test_nfnet": 0.2,
    "timm:res2net50_26w_4s": 0.12,
    "timm:mixnet_s": 0.12,
    "timm:skresnet18": 0.12,
}


SMALL = {
    "convnext": lambda: models.ConvNeXt(
        [CNBlockConfig(24, 48, 1), CNBlockConfig(48, 96, 1), CNBlockConfig(96, None, 2)], layer_scale=1e-6
    ),
    "swin": lambda: models.SwinTransformer([4, 4], 24, depths=[2, 2, 2, 2], num_heads=[1, 2, 4, 8], window_size=[7, 7]),
}
"""Networks of torchvision in the sizes of none of its models, which are large."""


def built(name: str) -> nn.Module:
    torch.manual_seed(0)
    kind, _, rest = name.partition(":")
    if kind == "small":
        return SMALL[rest]()
    if kind == "torchvision":
        return models.get_model(rest, weights=None)
    timm = pytest.importorskip("timm")
    return timm.create_model(rest, pretrained=False)


BY_CHECK = {"small:swin": ["features.4.reduction", "features.6.reduction"]}
"""Streams that attention ties to numbers in the code: the self-check is what finds that out."""


@pytest.mark.parametrize("name", LEAST_SHARE)
def test_a_known_network_can_be_cut(name: str) -> None:
    model = built(name).eval()
    materialise_weights(model)
    model = randomise(model)
    images = torch.randn(2, 3, 32, 32, generator=torch.Generator().manual_seed(0))
    graph = analyse(model, images)
    failed = [frozen.name for frozen in graph.frozen if "self-check" in frozen.reason]
    assert set(failed) <= set(BY_CHECK.get(name, []))
    cost = macs(graph)
    assert cost(graph.least) < LEAST_SHARE[name] * cost(graph.full)
    rng = np.random.default_rng(0)
    kept_counts = np.array([rng.choice(group.choices) for group in graph.groups])
    mask = random_mask(graph, kept_counts, 0)
    small = compact(model, make_selection(graph, model, mask))
    got, wanted = run(small.double(), images.double()), run_ignoring(model.double(), graph, mask, images.double())
    assert distance(got, wanted) < 1e-8
    assert counted(small.float(), (images[:1],)) == cost(kept_counts)
