"""The networks of benchmarks.coverage, by name, with random weights, each with an example of its inputs."""

from __future__ import annotations

import warnings
from collections.abc import Callable

import torch
from torch import Tensor, nn
from torchvision import models

from amc.from_timm import timm_network
from amc.graph import Example
from amc.plain import plain_convolutions
from benchmarks.raw_heads import DETECTION
from tests.architectures import PRUNABLE

TIMM = (
    "mobilenetv1_100",
    "mobilenetv2_100",
    "mobilenetv3_large_100",
    "mobilenetv4_conv_small",
    "tf_efficientnet_lite0",
    "efficientnet_b0",
    "tf_efficientnetv2_s",
    "mnasnet_100",
    "fbnetc_100",
    "spnasnet_100",
    "tinynet_a",
    "ghostnet_100",
    "ghostnetv2_100",
    "mixnet_s",
    "lcnet_100",
    "hardcorenas_a",
    "rexnet_100",
    "repvgg_a2",
    "mobileone_s1",
    "res2net50_26w_4s",
    "resnest26d",
    "hrnet_w18_small",
    "dla34",
    "cspresnet50",
    "cspdarknet53",
    "nfnet_l0",
    "dm_nfnet_f0",
    "xception41",
    "legacy_xception",
    "inception_v4",
    "inception_resnet_v2",
    "nasnetalarge",
    "pnasnet5large",
    "convnextv2_atto",
    "convnext_atto",
    "fastvit_t8",
    "edgenext_xx_small",
    "resnet26d",
    "resnetv2_50",
    "resnetv2_50x1_bit",
    "resnext50_32x4d",
    "seresnet50",
    "skresnet18",
    "ecaresnet26t",
    "gcresnet33ts",
    "selecsls42",
    "vovnet39a",
    "ese_vovnet19b_dw",
    "dpn68",
    "regnety_002",
    "regnetz_b16",
    "repghostnet_100",
    "densenet121",
    "vgg11_bn",
    "hgnet_tiny",
    "hgnetv2_b0",
    "inception_next_atto",
    "starnet_s1",
    "efficientvit_b0",
    "repvit_m0_9",
    "tresnet_m",
    "darknet53",
    "gernet_s",
    "mambaout_femto",
    "rdnet_tiny",
    "efficientformerv2_s0",
    "poolformer_s12",
    "mobilevit_xxs",
    "focalnet_tiny_srf",
    "visformer_tiny",
)
"""Convolutional networks of timm, one a family or variant of its own, and hybrids."""

SEGMENTATION = ("fcn_resnet50", "deeplabv3_resnet50", "deeplabv3_mobilenet_v3_large", "lraspp_mobilenet_v3_large")


def names() -> list[str]:
    """All of them: `torchvision:NAME`, `timm:NAME`, `segmentation:NAME`, `detection:NAME`, `own:NAME`."""
    return [
        *(f"torchvision:{name}" for name in models.list_models(module=models)),
        *(f"timm:{name}" for name in TIMM),
        *(f"segmentation:{name}" for name in SEGMENTATION),
        *(f"detection:{name}" for name in DETECTION),
        *(f"own:{name}" for name in PRUNABLE),
    ]


def build(name: str) -> tuple[nn.Module, Example]:
    """The network in evaluation mode, and one example of its inputs."""
    kind, _, rest = name.partition(":")
    torch.manual_seed(0)
    model, example = BUILDERS[kind](rest)
    plain_convolutions(model.eval())
    return model, example


def _torchvision(name: str) -> tuple[nn.Module, Tensor]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FutureWarning)  # of two networks whose random weights will change
        model = models.get_model(name, weights=None)
    size = 299 if name == "inception_v3" else 224
    return model, torch.randn(1, 3, size, size)


def _timm(name: str) -> tuple[nn.Module, Tensor]:
    model, preprocess = timm_network(name, pretrained=False)
    return model, torch.randn(1, *preprocess.shape)


def _segmentation(name: str) -> tuple[nn.Module, Tensor]:
    options = {} if name.startswith("lraspp") else {"aux_loss": True}
    model = models.get_model(name, weights=None, weights_backbone=None, **options)
    return model, torch.randn(1, 3, 224, 224)


def _detection(name: str) -> tuple[nn.Module, Tensor]:
    return DETECTION[name](), torch.randn(1, 3, 320, 320)


def _own(name: str) -> tuple[nn.Module, Tensor]:
    return PRUNABLE[name].build(), PRUNABLE[name].example(1)


BUILDERS: dict[str, Callable[[str], tuple[nn.Module, Tensor]]] = {
    "torchvision": _torchvision,
    "timm": _timm,
    "segmentation": _segmentation,
    "detection": _detection,
    "own": _own,
}
