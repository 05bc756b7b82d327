"""One pass over calibration images: second moments of what every consumer of a cut group reads.

With the inputs of a layer as rows of `X` (im2col'd, a column of ones at the end for the bias), the Gram matrix
`G = X'X` holds all that least squares needs for every subset of channels (He, Zhang, Sun 2017, section 3.1), because
the targets are the layer's own outputs, `X W`. Where there are fewer rows than unknowns, the rows themselves are kept.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from amc.graph import Layer, PruningGraph
from amc.graph.inputs import Example, feed
from amc.graph.watch import plain_attention
from amc.passes import LayerPass, layer_input
from amc.patches import patches

POSITIONS_PER_IMAGE = 64
"""Output positions of a convolution that are sampled in each image (all of them where there are fewer)."""


@dataclass(frozen=True, eq=False)
class Moments:
    """Second moments of a layer's inputs, per group of a grouped convolution.

    Exactly one is set: `gram` `(groups, d + 1, d + 1)` in float64, or `rows` `(groups, n, d + 1)` in float32 where
    `n` rows are fewer than the `d + 1` unknowns. `d` counts inputs of one output: channels times kernel.
    """

    gram: Tensor | None = None
    rows: Tensor | None = None


def collect(
    model: nn.Module, graph: PruningGraph, batches: Iterable[Example], images: int, seed: int
) -> dict[str, Moments]:
    """Moments of the inputs of every layer that consumes a group, by the name of its weight.

    `batches` yields inputs `(batch, ...)`, `images` of them in all. A weight that is used several times gets the sum
    over its uses. Transposed convolutions are left out: their weights are sliced, not reconstructed.
    """
    wanted = {
        layer.call: layer
        for layer in graph.layers
        if layer.weight_in.is_cuttable and not (layer.kernel and layer.transposed_weight)
    }
    tap = _Tap(wanted, images, torch.Generator().manual_seed(seed))
    with torch.no_grad(), plain_attention():
        for inputs in batches:
            tap.begin()
            with tap:
                feed(model, inputs)
    return tap.moments()


class _Tap(LayerPass):
    """Takes the inputs of the wanted layers from running forward passes, counting layer calls as the watch does."""

    def __init__(self, wanted: dict[int, Layer], images: int, generator: torch.Generator) -> None:
        super().__init__(wanted)
        self._expected: Counter[str | None] = Counter()  # rows of each weight, over all of its uses
        for layer in wanted.values():
            self._expected[layer.weight] += images * min(layer.positions, POSITIONS_PER_IMAGE)
        self._generator = generator
        self._grams: dict[str, Tensor] = {}
        self._rows: dict[str, list[Tensor]] = {}

    def begin(self) -> None:
        """Start counting the calls of a new forward pass."""
        self.call = -1

    def before(self, name: str, args: Any, layer: Layer | None) -> None:
        """See `LayerPass`."""
        if layer is not None:
            self._add(layer, self._rows_of(layer_input(name, args), layer, args[3:6]))

    def _add(self, layer: Layer, rows: Tensor) -> None:
        """Note `rows` `(n, inputs)` of a layer; they are split over the groups of a grouped convolution."""
        assert layer.weight is not None
        rows = rows.unflatten(1, (layer.groups, -1)).transpose(0, 1)
        rows = torch.cat([rows, rows.new_ones(*rows.shape[:2], 1)], dim=2)
        if self._expected[layer.weight] < rows.shape[2]:
            self._rows.setdefault(layer.weight, []).append(rows)
            return
        gram = (rows.transpose(1, 2) @ rows).double()
        held = self._grams.get(layer.weight)
        self._grams[layer.weight] = gram if held is None else held.add_(gram)

    def _rows_of(self, rows: Tensor, layer: Layer, geometry: Any) -> Tensor:
        """What a layer reads `(batch * positions, inputs)`, sampled where there are many positions."""
        if layer.kernel:
            return patches(rows, layer.kernel, geometry, POSITIONS_PER_IMAGE, self._generator)[0]
        batch = rows.shape[0] // layer.positions
        places = torch.randperm(layer.positions, generator=self._generator)[:POSITIONS_PER_IMAGE]
        return rows.reshape(batch, layer.positions, -1)[:, places].flatten(0, 1)

    def moments(self) -> dict[str, Moments]:
        """All that was collected, on the CPU."""
        grams = {name: Moments(gram=gram.cpu()) for name, gram in self._grams.items()}
        return grams | {name: Moments(rows=torch.cat(rows, dim=1).cpu()) for name, rows in self._rows.items()}
