"""One network that takes the shape of compact networks, by the hundred: nothing is copied or traced for one of them.

Convolutions run in a number format that the processor multiplies fast, with their channels last and the batch norms
folded into them; batch-norm statistics are taken in that format, too.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm
from torch.nn.modules.conv import _ConvNd
from torch.nn.utils.fusion import fuse_conv_bn_weights

from amc.compression.compressor import Compressor
from amc.graph import Example
from amc.graph.inputs import cast_floats
from amc.pruning.inference_form import Fold, find_folds, for_inference, laid_out
from amc.pruning.reusable_network import ReusableNetwork
from amc.pruning.slicing import Selection
from amc.scoring.executor import StatisticsPass
from amc.utils.copying import copy_network


class ScoringNetwork:
    """A network in inference form that the tensors of one compact network after the other are loaded into.

    Args:
        compressor: Prunes the original.
        calibration: Batches of inputs, on which batch-norm statistics are taken.
        dtype: The number format of convolutions; batch norms that can't be folded compute in float32.
        statistics: Whether batch-norm statistics are taken anew for each compact network.
    """

    def __init__(
        self, compressor: Compressor, calibration: Sequence[Example], dtype: torch.dtype, *, statistics: bool
    ) -> None:
        model, graph = compressor.model, compressor.graph
        self._compressor = compressor
        self._dtype = dtype
        self._modules = dict(model.named_modules())
        self._folds = find_folds(model, graph)
        self._gone = {fold.norm for fold in self._folds}
        self._folded = ReusableNetwork(for_inference(model, graph))
        self._statistics = None
        if statistics:
            self._whole = ReusableNetwork(copy_network(model))
            extremes = (self._with_norms(*each) for each in self._extremes())
            self._statistics = StatisticsPass(model, extremes, [cast_floats(batch, dtype) for batch in calibration])

    def load(self, tensors: Mapping[str, Tensor], selection: Selection) -> nn.Module:
        """Take the shape and the weights of a compact network, in place of those of the last one.

        Args:
            tensors: All its tensors by name (`Compressor.tensors`), which may be changed.
            selection: The channels that were left of the original's tensors.

        Returns:
            The network itself, in evaluation mode; it is the same module for all compact networks.
        """
        if self._statistics is not None:
            self._statistics.take(self._with_norms(tensors, selection))
        return self._without_norms(tensors, selection)

    def widest_and_narrowest(self) -> Iterator[nn.Module]:
        """The network with the shape of the original, then with that of the narrowest compact network."""
        for tensors, selection in self._extremes():
            yield self._without_norms(tensors, selection)

    def _extremes(self) -> Iterator[tuple[dict[str, Tensor], Selection]]:
        graph = self._compressor.graph
        for kept_counts in (graph.full, graph.least):
            yield self._compressor.tensors(self._compressor.mask(kept_counts), "none")

    def _with_norms(self, tensors: Mapping[str, Tensor], selection: Selection) -> nn.Module:
        """The compact network before batch norms are folded; it holds their tensors themselves."""
        arranged = {name: self._arranged(name, tensor) for name, tensor in tensors.items()}
        return self._whole.load(arranged, selection.attributes)

    def _without_norms(self, tensors: Mapping[str, Tensor], selection: Selection) -> nn.Module:
        folded = {name: tensor for name, tensor in tensors.items() if _owner(name) not in self._gone}
        for fold in self._folds:
            folded |= self._fold(fold, tensors)
        attributes = {name: values for name, values in selection.attributes.items() if name not in self._gone}
        return self._folded.load({name: self._arranged(name, tensor) for name, tensor in folded.items()}, attributes)

    def _arranged(self, name: str, tensor: Tensor) -> Tensor:
        module = self._modules[_owner(name)]
        if isinstance(module, _BatchNorm):
            return tensor
        tensor = tensor.detach().to(self._dtype) if tensor.is_floating_point() else tensor.detach()
        return laid_out(tensor, module, self._compressor.model)

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
