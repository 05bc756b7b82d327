"""Compact networks to recover: half of the channels of a small network are cut."""

import numpy as np
from torch import Tensor, nn

from amc.compression.compressor import Compressor
from amc.pruning.slicing import UnitMask
from amc.recovery.calibrated_network import CalibratedNetwork
from tests.architectures import PRUNABLE
from tests.oracles import prepared, random_mask


def recovery_problem(name: str, images: int, closed_form: str) -> tuple[CalibratedNetwork, UnitMask, nn.Module]:
    """The original with so many calibration images, the units that stay, and the compact network."""
    model, graph = prepared(name)
    calibration = [PRUNABLE[name].example(images)]
    mask = random_mask(graph, np.maximum(graph.full // 2, graph.least), 0)
    network, _ = Compressor(model, graph, calibration).compact(mask, closed_form)
    return CalibratedNetwork(model, graph, calibration), mask, network


def weights(network: nn.Module) -> dict[str, Tensor]:
    """A copy of all parameters and buffers by name."""
    return {name: tensor.clone() for name, tensor in network.state_dict().items()}
