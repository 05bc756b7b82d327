"""The options of a pruning task."""

from __future__ import annotations

from dataclasses import dataclass, field

from amc.cost.costs import COSTS
from amc.cost.limit import Costs
from amc.criteria import Criterion
from amc.graph.group_patterns import Patterns
from amc.recovery.recoveries import Adjust
from amc.scoring.metrics import Metric
from amc.utils.defaults import AUTO, DEFAULT_CRITERION, DEFAULT_RECOVERY, SEARCH_RECOVERY
from amc.utils.device import DeviceLike
from amc.utils.option_values import check_types


@dataclass(frozen=True)
class TaskOptions:
    """The way in which the networks of a task are pruned, recovered and scored; the defaults suit most networks.

    Attributes:
        metric: The metric that networks are scored by, as `amc.scoring.metrics.find_metric` takes it.
        output_kind: What the network's outputs are where they are compared with the original's, as
            `amc.scoring.output_kinds.find_kinds` takes it; None for scores of classes with top1 and top5, else values.
        score: What a search compares networks by: `fidelity`, `loss` or `accuracy` (`amc.scoring.image_losses`), or
            `auto` for the best of these with top1 and top5, and else the metric.
        reward_images: How many reward images a search scores with; None for all.
        round_to: The number of channels that widths are multiples of; None for what suits each group.
        max_sparsity: The largest share of a group that may be cut, in (0, 1).
        freeze: Patterns of groups that stay whole, or one as text (`amc.graph.group_patterns`).
        only: Patterns of the groups that may be cut; none for all.
        criterion: The criterion by which channels are chosen, as `amc.criteria.find_criterion` takes it.
        recovery: The recovery of networks that are kept, as `amc.recovery.recoveries.check_recovery` takes it.
        search_recovery: The recovery of networks that a search scores, as `check_search_recovery` there takes it.
        seed: The seed of everything that is drawn.
        device: The device that networks run on: `cpu`, `cuda`, `auto` or a `torch.device`; None for the CPU.
        costs: The kinds of cost that a budget can name.
        name: The name of the network in the files of a search: one that `amc.load_network` knows, or any other, and
            then `amc.load` has to be given the original.

    Raises:
        UserError: A number or a text is something else.
    """

    metric: str | Metric = "top1"
    output_kind: str | None = None
    score: str = AUTO
    reward_images: int | None = None
    round_to: int | None = None
    max_sparsity: float = 0.8
    freeze: Patterns = ()
    only: Patterns = ()
    criterion: str | Criterion = DEFAULT_CRITERION
    recovery: str | Adjust = DEFAULT_RECOVERY
    search_recovery: str | Adjust = SEARCH_RECOVERY
    seed: int = 0
    device: DeviceLike | None = None
    costs: Costs = field(default_factory=lambda: COSTS)
    name: str = "network"

    def __post_init__(self) -> None:
        """Check the types of numbers and texts."""
        check_types(self)


DEFAULTS = TaskOptions()
"""The options of a task for which none are given."""
