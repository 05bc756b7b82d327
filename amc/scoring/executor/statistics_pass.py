"""Batch-norm statistics of one compact network after the other, on the same images.

They are those of `amc.recovery.batch_norm_statistics.reestimate`, sooner: convolutions are fused with what follows
them, and what networks have in common is computed once.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence, Set
from itertools import accumulate, pairwise

import torch
from torch import Tensor, nn

from amc.graph.inputs import Example, batch_size
from amc.recovery.batch_norm_statistics import StatisticsAverages, batch_normalised, reestimate, tracks_statistics
from amc.replay.operator_trace import NoProgramError, Step
from amc.scoring.executor.fused_program import fused_program
from amc.scoring.executor.prefix_cache import PrefixCache

NORM = torch.ops.aten.native_batch_norm.default
MEAN = 1
"""The position of the running mean among the arguments of `StatisticsPass._normed`."""


class StatisticsPass:
    """Re-estimates the statistics of compact networks of one network.

    Args:
        model: The network, in evaluation mode.
        networks: The widest compact network and the narrowest; the second may be made once the first is not needed.
        batches: The inputs that statistics are taken on, `(n, ...)` each.
    """

    def __init__(self, model: nn.Module, networks: Iterable[nn.Module], batches: Sequence[Example]) -> None:
        self._batches = batches
        self._averages = StatisticsAverages()
        self._known: dict[str, Tensor] = {}  # statistics of norms before the split point where something is kept
        self._prefixes = self._prefix_cache(model, networks)

    def take(self, network: nn.Module) -> None:
        """Replace the statistics of `network`, a compact network of the model, by those of the batches, in place."""
        if self._prefixes is None:
            reestimate(network, self._batches)
            return
        self._averages = StatisticsAverages()
        with torch.inference_mode():
            run = self._prefixes.bind(network)
            for places in pairwise(accumulate(map(batch_size, self._batches), initial=0)):
                run(slice(*places))
            self._averages.write_back()
            self._share(self._prefixes.shared, dict(network.named_buffers()))

    def _share(self, shared: Set[str], held: Mapping[str, Tensor]) -> None:
        """Take over the statistics of norms that did not run, or note them for networks that begin alike."""
        names = shared & held.keys()
        if any(held[name] in self._averages for name in names):
            self._known = {name: held[name].clone() for name in names}
        else:
            for name in names & self._known.keys():
                held[name].copy_(self._known[name])

    def _prefix_cache(self, model: nn.Module, networks: Iterable[nn.Module]) -> PrefixCache | None:
        """A cache over a program whose norms average what they read; None where there is no such program."""
        batches = [batch for batch in self._batches if isinstance(batch, Tensor)]
        if not batches:
            return None
        norms = {f"{name}.running_mean" for name, module in model.named_modules() if tracks_statistics(module)}

        def with_averages(steps: Sequence[Step], names: Sequence[str]) -> list[Step]:
            changed = [self._with_average(step) if step.function == NORM else step for step in steps]
            means = [names[step.args[MEAN].number] for step in changed if step.function == self._normed]
            if not means or len(set(means)) < len(means) or not norms.issuperset(means):
                raise NoProgramError("a norm runs twice, by another operator, or is none of PyTorch's")
            return changed

        program = fused_program(networks, batches[0], with_averages)
        return None if program is None else PrefixCache(program, torch.cat(batches))

    def _with_average(self, step: Step) -> Step:
        x, weight, bias, mean, var, takes_its_own, _, epsilon = step.args
        if takes_its_own:
            return step
        return Step(self._normed, (x, mean, var, weight, bias, epsilon), {}, step.out[:1], returns_new=True)

    def _normed(
        self, x: Tensor, mean: Tensor, var: Tensor, weight: Tensor | None, bias: Tensor | None, epsilon: float
    ) -> Tensor:
        self._averages.add(mean, var, x)
        return batch_normalised(x, mean, var, weight, bias, epsilon)
