"""The options of a search in stages."""

from __future__ import annotations

import itertools
from dataclasses import dataclass

from agents.search.plan import Limits
from amc.scoring.metrics import METRICS
from amc.utils.errors import UserError
from scripts.options.search_options import SearchOptions


@dataclass(frozen=True)
class StageOptions:
    """The stages by which a search comes to its budget."""

    stages: str | None = None
    """Search in stages, each from the network that the one before it found: what is left after each, as shares of the
    whole network, such as 0.7,0.5,0.35. The last one is the budget, in MACs unless --budget names another kind."""
    tune_steps: int = 0
    """Steps of training between two stages, 128 training images each; 0: the network is searched on as it was cut."""

    def budgets(self, search: SearchOptions) -> tuple[Limits, ...]:
        """The budgets of each stage; a search without stages has a single one.

        Raises:
            UserError: Stages that do not descend to the budget, or training that is not between stages or can't be.
        """
        if self.tune_steps < 0:
            raise UserError(f"expected --tune-steps of 0 or more, got {self.tune_steps}")
        if self.stages is None:
            if self.tune_steps:
                raise UserError("--tune-steps trains between stages; give --stages too, such as --stages 0.7,0.5")
            return (search.limits,)
        if self.tune_steps and search.metric not in METRICS:
            raise UserError("--tune-steps trains classifiers; leave it out with a metric of your own")
        if not search.limits:
            raise UserError(f"--stages lead to a budget, which --reward {search.reward} does not have")
        shares = _shares(self.stages)
        if not all(share > 0 for share in shares):
            raise UserError(f"expected --stages above 0, got {self.stages}")
        kind, last = "macs", self.stages.split(",")[-1]
        others: Limits = ()
        if search.budget:
            first, *rest = search.limits
            others = tuple(rest)
            kind, _, last = first.partition("=")
            shares = _ending_at(shares, first)
        if any(after >= before for before, after in itertools.pairwise((1.0, *shares))):
            raise UserError(f"expected --stages that descend from below 1 to the budget, got {self.stages}")
        return (*((f"{kind}={share:g}",) for share in shares[:-1]), (f"{kind}={last}", *others))


def _shares(stages: str) -> tuple[float, ...]:
    try:
        return tuple(map(float, stages.split(",")))
    except ValueError:
        raise UserError(
            f"expected --stages as shares with commas between them, such as 0.7,0.5, got {stages!r}"
        ) from None


def _ending_at(shares: tuple[float, ...], budget: str) -> tuple[float, ...]:
    """The shares, with the share of the budget as the last one."""
    try:
        last = float(budget.partition("=")[2])
    except ValueError:
        last = 2.0
    if not 0 < last <= 1:
        raise UserError(f"--stages are shares of the whole network, so --budget must be one too, got {budget}")
    return shares if shares[-1] == last else (*shares, last)
