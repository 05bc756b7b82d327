"""Compact networks of one network, ready to be scored: made by the hundred, so nothing is copied or traced for one.

Convolutions run in a number format that the processor multiplies fast, with their channels last and the batch norms
folded into them; batch-norm statistics are taken in that format, too.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm
from torch.nn.modules.conv import _ConvNd
from torch.nn.utils.fusion import fuse_conv_bn_weights

from amc.graph import Example, PruningGraph
from amc.graph.inputs import cast
from amc.inference import Fold, folds, for_inference
from amc.mold import Mold, laid_out
from amc.prune import Selection
from amc.statistics import reestimate


class FastNetworks:
    """Makes them; one exists at a time.

    Args:
        model: The network, in evaluation mode.
        graph: Its analysis.
        calibration: Batches of inputs that statistics are taken on.
        dtype: The number format. Batch norms that are left compute in float32.
    """

    def __init__(
        self, model: nn.Module, graph: PruningGraph, calibration: Sequence[Example], dtype: torch.dtype
    ) -> None:
        self._dtype = dtype
        self._calibration = [cast(batch, dtype) for batch in calibration]
        self._modules = dict(model.named_modules())
        self._folds = folds(model, graph)
        self._gone = {fold.norm for fold in self._folds}
        self._whole = Mold(model)
        self._folded = Mold(for_inference(model, graph))

    def network(self, tensors: Mapping[str, Tensor], selection: Selection, *, statistics: bool) -> nn.Module:
        """The compact network of `tensors` (`amc.prune.sliced`), which may be changed, until the next one is made.

        With `statistics` those of batch norms are taken anew.
        """
        if statistics:
            with_norms = {name: self._laid_out(name, tensor) for name, tensor in tensors.items()}
            reestimate(self._whole.fill(with_norms, selection.attributes), self._calibration)
        folded = {name: tensor for name, tensor in tensors.items() if _owner(name) not in self._gone}
        for fold in self._folds:
            folded |= self._fold(fold, tensors)
        attributes = {name: values for name, values in selection.attributes.items() if name not in self._gone}
        return self._folded.fill({name: self._laid_out(name, tensor) for name, tensor in folded.items()}, attributes)

    def _laid_out(self, name: str, tensor: Tensor) -> Tensor:
        is_of_norm = isinstance(self._modules[_owner(name)], _BatchNorm)
        return tensor if is_of_norm else laid_out(tensor, self._dtype)

    def _fold(self, fold: Fold, tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
        conv, norm = self._modules[fold.conv], self._modules[fold.norm]
        assert isinstance(conv, _ConvNd)
        assert isinstance(norm, _BatchNorm)
        weight, bias = fuse_conv_bn_weights(
            tensors[f"{fold.conv}.weight"],
            tensors.get(f"{fold.conv}.bias"),
            tensors[f"{fold.norm}.running_mean"],
            tensors[f"{fold.norm}.running_var"],
            norm.eps,
            tensors.get(f"{fold.norm}.weight"),
            tensors.get(f"{fold.norm}.bias"),
            transpose=conv.transposed,
        )
        return {f"{fold.conv}.weight": weight, f"{fold.conv}.bias": bias}


def _owner(name: str) -> str:
    """The module that holds a tensor of that name."""
    return name.rpartition(".")[0]
