"""One pass over calibration images: second moments of what every consumer of a cut group reads.

With the inputs of a layer as rows of `X` (im2col'd, a column of ones at the end for the bias), the Gram matrix
`G = X'X` holds all that least squares needs for every subset of channels (He, Zhang, Sun 2017, section 3.1), because
the targets are the layer's own outputs, `X W`. Where there are fewer rows than unknowns, or the Gram matrix would be
very large, rows themselves are kept. How many there will be is known before the pass.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from amc.graph import Layer, PruningGraph
from amc.graph.batch_memory import LARGEST_AT_ONCE, images_that_fit
from amc.graph.inputs import Example, feed, split_batch
from amc.graph.layer_calls import LayerPass, layer_input
from amc.graph.trace_forward import unfused_operators
from amc.recovery.least_squares import held_out_count
from amc.recovery.row_sampling import ROWS_PER_UNKNOWN, draw_positions, patches, positions_per_image, unknowns

POSITIONS_PER_IMAGE = 64
"""The least number of output positions of a convolution that are sampled in each image (all where there are fewer)."""
LARGEST_GRAM = 2**30
"""The size of the largest Gram matrix in bytes; where one would take more, `MOST_ROWS` rows are kept instead."""
MOST_ROWS = 4096


@dataclass(frozen=True, eq=False)
class Moments:
    """Second moments of a layer's inputs, per group of a grouped convolution.

    Exactly one of `gram` and `rows` is set. Each output has `d` inputs, channels times kernel, and a constant.

    Attributes:
        gram: The Gram matrix of the rows, `(groups, d + 1, d + 1)` in float64.
        rows: The rows themselves, `(groups, n, d + 1)` in float32, where there are fewer than `d + 1`, or where the
            Gram matrix would be too large. The last of them are held out.
        held: The Gram matrix of the rows held out, which are in `gram` too; None where there are plenty of rows.
    """

    gram: Tensor | None = None
    rows: Tensor | None = None
    held: Tensor | None = None

    @property
    def groups(self) -> int:
        """The number of groups of the convolution; 1 for other layers."""
        source = self.rows if self.gram is None else self.gram
        assert source is not None
        return len(source)

    def split(self) -> tuple[Moments, Moments] | None:
        """The moments without the rows held out, and of those alone; None where no rows are held out."""
        if self.gram is not None:
            return None if self.held is None else (Moments(gram=self.gram - self.held), Moments(gram=self.held))
        assert self.rows is not None
        count = held_out_count(self.rows.shape[1])
        return (Moments(rows=self.rows[:, :-count]), Moments(rows=self.rows[:, -count:])) if count else None


def collect_moments(
    model: nn.Module, graph: PruningGraph, batches: Iterable[Example], images: int, seed: int
) -> dict[str, Moments]:
    """Moments of the inputs of every layer that consumes a group, by the name of its weight.

    A weight that is used several times gets the sum over its uses. Transposed convolutions are left out: their weights
    are sliced, not reconstructed.

    Args:
        model: The network in evaluation mode.
        graph: The network's analysis.
        batches: Inputs, `(n, ...)` each.
        images: The number of images in all batches.
        seed: The seed of the positions that are sampled in the images.

    Raises:
        UserError: Other layers ran than in the analysis.
    """
    wanted = {layer.call: layer for layer in reconstructable_layers(graph)}
    tap = _Tap(wanted, images, torch.Generator().manual_seed(seed))
    most = images_that_fit(graph, LARGEST_AT_ONCE)
    with torch.no_grad(), unfused_operators(model):
        for inputs in batches:
            for part in split_batch(inputs, most):
                tap.begin()
                with tap:
                    feed(model, part)
                tap.check_calls(graph)
    return tap.moments()


def reconstructable_layers(graph: PruningGraph) -> list[Layer]:
    """The layers that read channels of a group, with a weight that is used in one way and by no transposed convolution.

    What layers with one weight read can't be summed up where they read along different axes of it, or in other groups.
    """
    sliced = {layer.weight for layer in graph.layers if layer.kernel and layer.transposed_weight}
    ways = Counter(weight for weight, *_ in {(each.weight, each.in_dimension, each.groups) for each in graph.layers})
    sliced |= {weight for weight, count in ways.items() if count > 1}
    return [layer for layer in graph.layers if layer.weight_in.is_cuttable and layer.weight not in sliced]


def underdetermined(graph: PruningGraph, images: int) -> list[str]:
    """The layers for which `images` calibration images give fewer rows than there are unknowns, with both numbers."""
    return [
        f"{layer.name} ({rows_per_call(layer, images):,} of {unknowns(layer):,})"
        for layer in reconstructable_layers(graph)
        if rows_per_call(layer, images) < unknowns(layer)
    ]


def rows_per_call(layer: Layer, images: int) -> int:
    """The number of rows that `images` calibration images give for one call of a layer."""
    return images * positions_per_image(layer, images, POSITIONS_PER_IMAGE)


class _Tap(LayerPass):
    """Takes the inputs of the wanted layers from forward passes, counting layer calls as the analysis does."""

    def __init__(self, wanted: dict[int, Layer], images: int, generator: torch.Generator) -> None:
        super().__init__(wanted)
        self._images = images
        self._expected: Counter[str] = Counter()
        for layer in wanted.values():
            self._expected[layer.weight or ""] += rows_per_call(layer, images)
        self._generator = generator
        self._grams: dict[str, Tensor] = {}
        self._held: dict[str, Tensor] = {}
        self._rows: dict[str, list[Tensor]] = {}

    def begin(self) -> None:
        """Start counting the calls of a new forward pass."""
        self.call = -1

    def before(self, name: str, args: Any, layer: Layer | None) -> None:
        """Add what a wanted layer is about to read."""
        if layer is not None:
            self._add(layer, self._rows_of(layer_input(name, args), layer, args[3:6]))

    def _add(self, layer: Layer, rows: Tensor) -> None:
        """Note `rows` `(n, inputs)` of a layer; they are split over the groups of a grouped convolution."""
        assert layer.weight is not None
        rows = rows.unflatten(1, (layer.groups, -1)).transpose(0, 1)
        rows = torch.cat([rows, rows.new_ones(*rows.shape[:2], 1)], dim=2)
        count, size = self._expected[layer.weight], rows.shape[2]
        if count < size or 8 * len(rows) * size**2 > LARGEST_GRAM:
            noted = self._rows.setdefault(layer.weight, [])
            noted.append(rows[:, : MOST_ROWS - sum(each.shape[1] for each in noted)])
            return
        add_products(self._grams, layer.weight, rows)
        if count < ROWS_PER_UNKNOWN * size:
            add_products(self._held, layer.weight, rows[:, rows.shape[1] - held_out_count(rows.shape[1]) :])

    def _rows_of(self, rows: Tensor, layer: Layer, geometry: Any) -> Tensor:
        """The rows that a layer reads, `(batch * positions, inputs)`, sampled where there are many positions."""
        most = positions_per_image(layer, self._images, POSITIONS_PER_IMAGE)
        if layer.kernel:
            places = draw_positions(rows.shape[2:], layer.kernel, geometry, most, self._generator)
            return patches(rows, layer.kernel, geometry, places)
        batch = rows.shape[0] // layer.positions
        places = torch.randperm(layer.positions, generator=self._generator)[:most]
        return rows.reshape(batch, layer.positions, -1)[:, places].flatten(0, 1)

    def moments(self) -> dict[str, Moments]:
        """The moments that were collected, by weight, on the CPU."""
        held = {name: gram.cpu() for name, gram in self._held.items()}
        grams = {name: Moments(gram=gram.cpu(), held=held.get(name)) for name, gram in self._grams.items()}
        return grams | {name: Moments(rows=torch.cat(rows, dim=1).cpu()) for name, rows in self._rows.items()}


def add_products(grams: dict[str, Tensor], name: str, rows: Tensor) -> None:
    """Add the products of rows `(groups, n, inputs)` to the Gram matrix of that name."""
    gram = (rows.transpose(1, 2) @ rows).double()
    grams[name] = grams[name].add_(gram) if name in grams else gram
