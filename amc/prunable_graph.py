"""The analysis of a network with the channel groups that a task lets be pruned."""

from __future__ import annotations

from torch import nn

from amc.analysis.analyse import analyse
from amc.analysis.check_runs import is_repeatable
from amc.graph import PruningGraph
from amc.graph.inputs import Example
from amc.scoring.metrics import check_runs
from amc.task_options import DEFAULTS, TaskOptions
from amc.utils.errors import UserError


def prunable_graph(model: nn.Module, example: Example, options: TaskOptions = DEFAULTS) -> PruningGraph:
    """The analysis of a network, with the channel groups that `options` let be pruned; there is at least one.

    Raises:
        UserError: The network does not run on the example, a pattern matches nothing, or nothing can be pruned.
    """
    round_to, max_sparsity = options.round_to, options.max_sparsity
    if not 0 < max_sparsity < 1:
        raise UserError(f"the largest sparsity is a share between 0 and 1, got {max_sparsity}")
    if round_to is not None and round_to < 1:
        raise UserError(f"widths are rounded to a whole number above 0, got {round_to}")
    check_runs(model, example)
    graph = analyse(model, example, round_to, max_sparsity, options.freeze, options.only)
    if not graph.groups and not is_repeatable(model, example):
        raise UserError(
            "the network returns something else every time it is run on the same input, so that nothing about it can be"
            " proved; take random numbers (dropout in evaluation mode, noise, sampling) out of its forward"
        )
    if not graph.groups:
        reasons = sorted({frozen.reason for frozen in graph.frozen})
        raise UserError(f"no channels of this network can be pruned: {'; '.join(reasons[:3]) or 'it has no layers'}")
    return graph
