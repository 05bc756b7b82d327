"""One factor for class scores, where what least squares predicts is flatter than the original's scores.

What least squares predicts varies less than its targets do, and so class probabilities come out too even. The factor
with the least Kullback-Leibler divergence from the original's probabilities makes up for it (temperature scaling, Guo
et al. 2017, arXiv:1706.04599, section 4.2, with the original's probabilities in place of labels). No order of classes
changes by it. The fewer images tell the factor, the nearer to 1 it is kept.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn
from torch.func import functional_call
from torch.nn.functional import softmax

from amc.graph import Layer, PruningGraph
from amc.graph.inputs import Example, feed
from amc.graph.layer_calls import LayerPass, run_pass
from amc.pruning.slicing import named_tensors
from amc.recovery.output_distance import SCORES, OutputKinds, float_tensors

MOST_SCALE = 2.0
"""The largest factor; its inverse is the least."""
MOST_ROWS = 4096
"""How many images, or pixels, it is found on at the most."""
HALVINGS = 30
"""How often the interval of factors is halved."""
LEAST_GAIN = 1e-7
"""The nats that a factor has to gain; for less, scores are left as they are."""


class ScoreLayer(NamedTuple):
    """A layer whose output is one of the network's outputs, and holds scores of classes.

    Attributes:
        output: Which of the network's outputs it is (`amc.recovery.output_distance.float_tensors`).
        tensors: The names of its weight and its bias, if it has one.
    """

    output: int
    tensors: tuple[str, ...]


def score_layers(
    model: nn.Module, graph: PruningGraph, layers: Mapping[int, Layer], example: Example, kinds: OutputKinds
) -> list[ScoreLayer]:
    """The layers whose outputs are scores of classes that a network returns and nothing else reads.

    Args:
        model: The network in evaluation mode. It is not changed.
        graph: Its analysis.
        layers: Layers with a weight of their own, by their place among all calls.
        example: Some images.
        kinds: The kinds of the network's outputs; none where all are values.
    """
    if SCORES not in kinds:
        return []
    seen = _OutputPass(layers)
    outputs = float_tensors(run_pass(model, example, seen, graph))
    if len(outputs) != len(kinds):  # as many as there are images
        return []
    found = []
    for number, (output, kind) in enumerate(zip(outputs, kinds, strict=True)):
        calls = [call for call, made in seen.made.items() if kind == SCORES and _is_same(made, output)]
        for layer in (layers[call] for call in calls[-1:]):
            names = tuple(name for name in (layer.weight, layer.bias) if name)
            if _doubles(model, names, example, outputs, number):
                found.append(ScoreLayer(number, names))
    return found


def scores_of(layers: Sequence[ScoreLayer], outputs: Any, last: int) -> list[Tensor]:
    """What each of the layers gave at some places that are always the same, `(rows, classes)`.

    Args:
        layers: The layers, as `score_layers` finds them.
        outputs: What a network returned for some images.
        last: How many of the images, the last ones, are looked at; 0 for all.
    """
    found = float_tensors(outputs)
    return [_rows(found[layer.output][-last:]) for layer in layers]


def scale_scores(
    network: nn.Module, layers: Sequence[ScoreLayer], scores: Sequence[Tensor], originals: Sequence[Tensor]
) -> None:
    """Multiply the weights and biases of these layers by the factor that is best for each, in place.

    Args:
        network: The network.
        layers: The layers, as `score_layers` finds them.
        scores: What they give in this network (`scores_of`).
        originals: What they give in the original.
    """
    tensors = named_tensors(network)
    for layer, found, wanted in zip(layers, scores, originals, strict=True):
        factor = sure_scale(found, wanted)
        with torch.no_grad():
            for name in layer.tensors if factor != 1 else ():
                tensors[name].mul_(factor)


def best_scale(scores: Tensor, originals: Tensor) -> float:
    """The factor for scores after which their class probabilities are nearest to the original's.

    Args:
        scores: Scores of classes `(rows, classes)`.
        originals: The original's, of the same shape.

    Returns:
        The factor with the least mean Kullback-Leibler divergence of the original's probabilities from those of the
        scaled scores, which is convex in it; between 1 / `MOST_SCALE` and `MOST_SCALE`, and 1 where nothing is gained.
    """
    z, target = scores.double(), softmax(originals.double(), dim=1)
    wanted = (target * z).sum()

    def divergence(factor: float) -> float:
        """The sum of the divergences, but for what does not depend on the factor."""
        return float(torch.logsumexp(factor * z, dim=1).sum() - factor * wanted)

    low, high = 1 / MOST_SCALE, MOST_SCALE
    for _ in range(HALVINGS):
        middle = (low + high) / 2
        if (softmax(middle * z, dim=1) * z).sum() > wanted:  # the derivative is positive: less is better
            high = middle
        else:
            low = middle
    return middle if divergence(middle) < divergence(1.0) - LEAST_GAIN * len(z) else 1.0  # not if they are infinite


def sure_scale(scores: Tensor, originals: Tensor) -> float:
    """The best factor, drawn towards 1 as far as so few images leave it uncertain; arguments are as for `best_scale`.

    Its logarithm is multiplied by 1 less the square of its standard error relative to it, or by 0 where that is
    negative (James and Stein 1961).
    """
    factor = best_scale(scores, originals)
    if factor == 1:
        return factor
    z = factor * scores.double()
    found, wanted = softmax(z, dim=1), softmax(originals.double(), dim=1)
    mean = (found * z).sum(dim=1)
    slopes = mean - (wanted * z).sum(dim=1)  # of the divergence of each row, by the factor's logarithm
    curvature = (found * z.square()).sum() - mean.square().sum()
    variance = float(slopes.square().sum() / curvature.square())
    return math.exp(math.log(factor) * max(0.0, 1 - variance / math.log(factor) ** 2))


class _OutputPass(LayerPass):
    """Notes copies of what layers give."""

    def __init__(self, layers: Mapping[int, Layer]) -> None:
        super().__init__(layers)
        self.made: dict[int, Tensor] = {}

    def after(self, name: str, args: Any, layer: Layer | None, out: Tensor) -> None:  # noqa: ARG002
        """Note a copy, since what comes next may write into it."""
        if layer is not None:
            self.made[self.call] = out.clone()


def _rows(scores: Tensor) -> Tensor:
    """Scores `(n, classes, ...)` at random places, always the same ones, `(rows, classes)`; all where they are few."""
    places = scores.reshape(len(scores), scores.shape[1], -1)
    count = len(places) * places.shape[2]
    chosen = torch.arange(count)
    if count > MOST_ROWS:
        chosen = torch.randint(count, (MOST_ROWS,), generator=torch.Generator().manual_seed(0))
    return places[chosen // places.shape[2], :, chosen % places.shape[2]]


def _is_same(made: Tensor, output: Tensor) -> bool:
    return made.numel() == output.numel() and torch.equal(made.flatten(), output.flatten())


def _doubles(model: nn.Module, names: tuple[str, ...], example: Example, outputs: list[Tensor], number: int) -> bool:
    """Whether twice the tensors of these names give twice the output of that number, and the others as they are."""
    doubled = {name: 2 * tensor for name, tensor in named_tensors(model).items() if name in names}
    with torch.no_grad():
        found = float_tensors(feed(lambda *given, **named: functional_call(model, doubled, given, named), example))
    return all(
        torch.allclose(each, (1 + (place == number)) * former, rtol=1e-3, atol=1e-6)
        for place, (each, former) in enumerate(zip(found, outputs, strict=True))
    )
