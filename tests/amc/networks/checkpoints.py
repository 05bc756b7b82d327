"""A small network and its weights, for tests that write them in many forms."""

import torch
from torch import Tensor, nn

from amc.networks.weight_files import load_weights


class Small(nn.Module):
    """A convolution, a batch norm and a linear layer."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Sequential(nn.Conv2d(3, 4, 3, bias=False), nn.BatchNorm2d(4))
        self.fc = nn.Linear(4, 2)


def weights(value: float) -> dict[str, Tensor]:
    """All tensors of `Small`, each filled with one value."""
    return {name: torch.full_like(tensor, value) for name, tensor in Small().state_dict().items()}


def prefixed(prefix: str, state: dict[str, Tensor]) -> dict[str, Tensor]:
    """The same tensors with something before each name."""
    return {prefix + name: tensor for name, tensor in state.items()}


def loaded(spec: object) -> tuple[float, tuple[str, ...]]:
    """The one value that all weights have once a file's are loaded, and the notes."""
    model = Small()
    notes = load_weights(model, str(spec))
    state = [tensor for name, tensor in model.state_dict().items() if "num_batches" not in name]
    (value,) = {float(each) for tensor in state for each in tensor.flatten()}
    return value, notes
