"""The analysis checks itself: a compact network must compute what the original computes when consumers ignore the cut.

The reference is the original with zeros in the consumers' weights wherever they meet a cut channel: exact for any
activation in between. Fresh and some pretrained networks hide errors (zero heads, tiny layer scales, all batch norms
alike), so both are built from a copy with randomised parameters and statistics, in float64 (in float32 where the
network's own code insists on it). A check counts only if ignoring the channels moves the output by far more than the
tolerance.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import cached_property, partial

import msgspec
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from amc.analysis.check_runs import (
    computes_in_float64,
    float_outputs,
    have_other_shapes,
    small_inputs,
    training_error,
)
from amc.artifacts.selection import StoredSelection, check_fits
from amc.graph import Example, Group, KeptCounts, PruningGraph
from amc.graph.inputs import cast_floats
from amc.graph.source_location import error_lines, user_line
from amc.pruning.masked_network import masked_consumers, randomised
from amc.pruning.slicing import Selection, UnitMask, compact, make_selection
from amc.utils.differences import furthest, largest
from amc.utils.errors import UserError
from amc.utils.safe_backward import safe_backward
from amc.utils.text import one_line

TOLERANCES = {torch.float64: 1e-8, torch.float32: 1e-5}
"""Largest accepted difference, relative to the largest output, by number format; correct cuts leave 1e-12 and 1e-6."""
RANDOM_KEPT_COUNTS = 2
"""How many random kept counts are tried after the first cut of one step each."""


def failed_groups(
    model: nn.Module, graph: PruningGraph, example: Example, analysed: Callable[[nn.Module, Example], PruningGraph]
) -> dict[int, str]:
    """Cut the groups of `graph`, compare with the original, and return the reason for each group that fails.

    All groups are cut in one pair of forward passes, first by one step each, then to random numbers of units; on
    failure the set is halved until the culprits are alone. Where the original runs in training mode, the compact
    network must too. Two random inputs like those of `example` are used, as small as those on which the network is
    still `analysed` as `graph`; groups that fail are checked again on inputs of the example's own size.

    Args:
        model: The traced network; it is not changed.
        graph: Its graph, before the check.
        example: An input `(batch, ...)`, or all arguments of the network.
        analysed: Makes the graph of a network and an example.
    """
    generator = torch.Generator().manual_seed(0)
    randoms = randomised(model, generator)
    failures: dict[int, str] = {}
    left: Sequence[Group] = graph.groups
    for inputs in small_inputs(example, graph, partial(analysed, randoms), generator):
        trial = _Trial.of(randoms, graph, inputs)
        failures = trial.failures(left)
        left = [group for group in left if group.index in failures]
        if not left:
            break
    return failures


@dataclass(frozen=True)
class _Trial:
    """A network with random numbers in it, inputs, and its outputs' sizes and sensitivities."""

    model: nn.Module
    graph: PruningGraph
    inputs: Example
    sizes: list[float]  # largest value of each output
    moved: NDArray[np.float64]  # how far ignoring each group moves the output
    tolerance: float

    @classmethod
    def of(cls, model: nn.Module, graph: PruningGraph, inputs: Example) -> _Trial:
        """Run the original on `inputs`; in float32 if the network can't run in float64."""
        dtype = torch.float64 if computes_in_float64(model, inputs) else torch.float32
        model, inputs = (model.double() if dtype == torch.float64 else model.float()), cast_floats(inputs, dtype)
        moved = _sensitivity(model, graph, inputs)
        with torch.no_grad():  # last: a network that keeps what it computed can't be copied while that has a gradient
            sizes = [max(largest(out), 1e-300) for out in float_outputs(model, inputs, graph.heads)]
        return cls(model, graph, inputs, sizes, moved, TOLERANCES[dtype])

    @cached_property
    def trains(self) -> bool:
        """Whether the original runs in training mode on inputs alone."""
        return training_error(self.model, self.inputs) is None

    def failures(self, groups: Sequence[Group]) -> dict[int, str]:
        """Return the reason for each of `groups` that fails."""
        found: dict[int, str] = {}
        a_step = np.array([group.choices[-2] if len(group.choices) > 1 else group.units for group in self.graph.groups])
        self._search(groups, a_step, found)
        rng = np.random.default_rng(0)
        for number in range(RANDOM_KEPT_COUNTS):
            kept_counts = np.array([rng.choice(group.choices) for group in self.graph.groups])
            left = [group for group in groups if group.index not in found]
            self._search(left, kept_counts, found, in_training=number == 0)
        for group in groups:
            if group.index not in found and not self._moves(group, self.graph.least):
                found[group.index] = "self-check: ignoring its channels does not move the output, so nothing is proved"
        return found

    def _moves(self, group: Group, kept_counts: KeptCounts) -> bool:
        """Return whether ignoring channels of the group moves the output by far more than the tolerance.

        It is tried where gradients do not say so, since they do not come through every operator.
        """
        least = 100 * self.tolerance
        if self.moved[group.index] >= least:
            return True
        with torch.no_grad():
            whole = float_outputs(self.model, self.inputs, self.graph.heads)
            with masked_consumers(self.model, self.graph, self._mask([group], kept_counts)):
                without = float_outputs(self.model, self.inputs, self.graph.heads)
        return have_other_shapes(whole, without) or any(
            furthest(after, before) >= least * size
            for before, after, size in zip(whole, without, self.sizes, strict=False)
        )

    def _search(
        self, groups: Sequence[Group], kept_counts: KeptCounts, found: dict[int, str], in_training: bool = False
    ) -> None:
        failure = self._difference(groups, kept_counts, in_training) if groups else None
        if failure is None:
            return
        if len(groups) == 1:
            assumed = groups[0].assumed
            passed = f"; its channels are split by {', '.join(assumed)}" if assumed else ""
            found[groups[0].index] = failure + passed
            return
        middle = len(groups) // 2
        self._search(groups[:middle], kept_counts, found, in_training)
        self._search(groups[middle:], kept_counts, found, in_training)

    def _mask(self, groups: Sequence[Group], kept_counts: KeptCounts) -> UnitMask:
        """Return a mask of any `kept_counts[g]` units of each of `groups`, and all units of the others."""
        mask = np.ones(self.graph.unit_count, dtype=np.bool_)
        for group in groups:
            cut = np.random.default_rng(group.index).permutation(group.units)[kept_counts[group.index] :]
            mask[group.first_unit + cut] = False
        return mask

    def _difference(self, groups: Sequence[Group], kept_counts: KeptCounts, in_training: bool) -> str | None:
        mask = self._mask(groups, kept_counts)
        selection = make_selection(self.graph, self.model, mask)
        if unreadable := _unreadable(self.model, selection):
            return unreadable
        try:
            small = compact(self.model, selection)
            with torch.no_grad():
                outputs = float_outputs(small, self.inputs, self.graph.heads)
        except Exception as error:
            return f"self-check: the compact network fails with {_told(error)}"
        if in_training and (failure := training_error(small, self.inputs)) and self.trains:
            return f"self-check: the compact network fails in training mode with {_told(failure)}"
        with torch.no_grad(), masked_consumers(self.model, self.graph, mask):
            wanted = float_outputs(self.model, self.inputs, self.graph.heads)
        if have_other_shapes(outputs, wanted) or len(outputs) != len(self.sizes):
            shapes = (", ".join(str(tuple(each.shape)) for each in found) for found in (outputs, wanted))
            return "self-check: the output has shape {}, not {}".format(*shapes)
        for got, want, size in zip(outputs, wanted, self.sizes, strict=True):
            worst = furthest(got, want) / size
            if not worst <= self.tolerance:
                return f"self-check: outputs differ by {worst:.1e} relative"
        return None


def _sensitivity(model: nn.Module, graph: PruningGraph, inputs: Example) -> NDArray[np.float64]:
    """Return, for each group, how far ignoring it moves a random projection of the outputs, relative to its size.

    It is a first-order estimate in which effects of two channels never cancel; 0 where no gradient comes through.
    """
    parameters = dict(model.requires_grad_(False).named_parameters())
    consumers = {layer.weight: layer for layer in graph.layers if layer.weight and layer.weight_in.is_cuttable}
    wanted = [parameters[name].requires_grad_(True) for name in consumers]
    with torch.enable_grad():
        outputs = [out.where(out.isfinite(), 0) for out in float_outputs(model, inputs, graph.heads)]
        generator = torch.Generator().manual_seed(1)
        weights = [torch.randn(out.shape, generator=generator, dtype=out.dtype) for out in outputs]
        projected = [(out * weight).sum() for out, weight in zip(outputs, weights, strict=True) if out.requires_grad]
        gradients: Sequence[Tensor | None] = [None] * len(wanted)
        if projected and wanted:
            with (
                suppress(Exception),
                safe_backward(),
            ):  # operators in place or without a gradient, a user's own backward
                gradients = torch.autograd.grad(sum(projected, torch.zeros(())), wanted, allow_unused=True)
    size = sum(float((out.detach() * weight).abs().sum()) for out, weight in zip(outputs, weights, strict=True))
    of_unit = np.zeros(graph.unit_count + 1)
    for layer, parameter, gradient in zip(consumers.values(), wanted, gradients, strict=True):
        if gradient is not None:
            effect = gradient.mul(parameter.detach()).abs_()
            others = [dim for dim in range(effect.ndim) if dim != layer.in_dimension]
            for units in layer.weight_in.memberships:
                np.add.at(of_unit, units, effect.sum(others).double().numpy())
    model.requires_grad_(False)
    return np.array([of_unit[group.slice].sum() for group in graph.groups]) / max(size, 1e-300)


def _unreadable(model: nn.Module, selection: Selection) -> str | None:
    """Return why a policy file could not hold how the model is cut, or None."""
    try:
        written = json.dumps(vars(StoredSelection.of(selection)))
        check_fits(model, msgspec.json.decode(written, type=StoredSelection).selection, "the network")
    except (ValueError, TypeError, UserError) as error:
        return f"self-check: its policy can't be written and read again, {one_line(error)}"
    return None


def _told(error: Exception) -> str:
    """Return what was raised, and by which line of the network's code."""
    return one_line(error) + user_line(error_lines(error))
