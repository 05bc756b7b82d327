"""The networks of benchmarks.coverage, by name, with random weights, each with an example of its inputs."""

from __future__ import annotations

import warnings
from collections.abc import Callable

import torch
from torch import Tensor, nn
from torchvision import models

from amc.graph import Example
from amc.networks.timm_networks import timm_network
from amc.pruning.materialise_weights import materialise_weights
from benchmarks.detection_heads import DETECTION
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
"""Convolutional networks of timm, each a family or a variant of its own, and hybrids."""

OTHER_FAMILIES = (
    "beit_base_patch16_224",
    "halonet26t",
    "cait_xxs24_224",
    "coat_lite_tiny",
    "convit_tiny",
    "convmixer_768_32",
    "cpubone_nano",
    "crossvit_9_240",
    "csatv2",
    "cspnext_tiny",
    "davit_tiny",
    "deepseek_vit_412m",
    "deit_tiny_patch16_224",
    "efficientformer_l1",
    "efficientvim_m1",
    "efficientvit_m0",
    "eva02_tiny_patch14_224",
    "fasternet_t0",
    "gcvit_xxtiny",
    "gemma4_vit_167m",
    "hiera_tiny_224",
    "sam2_hiera_tiny",
    "iformer_t",
    "inception_v3",
    "lcnetv2_small",
    "levit_128s",
    "lowformer_b0",
    "coatnet_pico_rw_224",
    "mixer_s32_224",
    "mobilenetv5_300m",
    "mvitv2_tiny",
    "naflexvit_base_patch16_gap",
    "nest_tiny",
    "nextvit_small",
    "pit_ti_224",
    "pvt_v2_b0",
    "qwen3_vit_88m",
    "legacy_seresnet18",
    "sequencer2d_s",
    "shvit_s1",
    "swiftformer_xs",
    "swin_tiny_patch4_window7_224",
    "swinv2_tiny_window8_256",
    "swinv2_cr_tiny_224",
    "tiny_vit_5m_224",
    "tnt_s_patch16_224",
    "twins_svt_small",
    "vit_tiny_patch16_224",
    "vit_tiny_r_s16_p8_224",
    "vit_relpos_small_patch16_224",
    "samvit_base_patch16_224",
    "vitamin_small_224",
    "volo_d1_224",
    "xcit_nano_12_p16_224",
)
"""A small network of every other family of timm: transformers, mixers, state spaces."""

SEGMENTATION = ("fcn_resnet50", "deeplabv3_resnet50", "deeplabv3_mobilenet_v3_large", "lraspp_mobilenet_v3_large")


def names() -> list[str]:
    """The names of all networks: `torchvision:NAME`, `timm:NAME`, `segmentation:NAME`, `detection:NAME`, `own:NAME`."""
    return [
        *(f"torchvision:{name}" for name in models.list_models(module=models)),
        *(f"timm:{name}" for name in (*TIMM, *OTHER_FAMILIES)),
        *(f"segmentation:{name}" for name in SEGMENTATION),
        *(f"detection:{name}" for name in DETECTION),
        *(f"own:{name}" for name in PRUNABLE),
    ]


def build(name: str) -> tuple[nn.Module, Example]:
    """The network of that name in evaluation mode with random weights, and one example of its inputs."""
    kind, _, rest = name.partition(":")
    torch.manual_seed(0)
    model, example = BUILDERS[kind](rest)
    materialise_weights(model.eval())
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
"""Functions from the name behind the colon to a network and an example, by the kind before it."""
