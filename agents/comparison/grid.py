"""The searches that a comparison asks for: every strategy at every budget with every seed."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

from agents.report.strategies.cell import CellKey
from agents.search.plan import SearchPlan
from agents.strategies import MakeStrategy, make_strategy
from amc.cost.costs import COSTS
from amc.cost.limit import read_amount
from amc.scoring.engines.engine import MakeEngine, SerialEngine
from amc.utils.defaults import SEEDS
from amc.utils.errors import UserError
from amc.utils.option_names import option
from amc.utils.registry import name_of
from amc.utils.seeds import check_seed


@dataclass(frozen=True)
class Grid:
    """The searches of a comparison, each of which may score the same number of policies.

    Attributes:
        strategies: The strategies, as `agents.strategies.make_strategy` takes them; the others are compared with the
            first.
        budgets: The budgets; several that hold at once have commas between them.
        seeds: The seeds.
        episodes: How many policies each search may score.
        round_size: How many policies a strategy decides on before they are scored, where it can.
        make_engine: Makes the engine that scores them.
    """

    strategies: Sequence[str | MakeStrategy]
    budgets: Sequence[str]
    seeds: Sequence[int] = SEEDS
    episodes: int = 200
    round_size: int = 1
    make_engine: MakeEngine = SerialEngine

    def check(self) -> None:
        """Raise a UserError for what can be seen before anything is loaded: unknown names, values out of range."""
        for name in ("strategies", "budgets", "seeds"):
            values = [name_of(each) for each in getattr(self, name)] if name == "strategies" else getattr(self, name)
            if not values:
                raise UserError(f"expected one or more of {option(name)}")
            if twice := [each for each in values if list(values).count(each) > 1]:
                raise UserError(f"{twice[0]} is named twice among {option(name)}; name each once")
        if self.episodes < 1:
            raise UserError(f"expected {option('episodes')} above 0, got {self.episodes}")
        for given in self.strategies:
            make_strategy(given)
        for budget in self.budgets:
            for limit in limits_of_budget(budget):
                read_amount(limit, tuple(COSTS))
        for seed in self.seeds:
            check_seed(seed)

    @cached_property
    def by_name(self) -> Mapping[str, str | MakeStrategy]:
        """The strategies by their names."""
        return {name_of(given): given for given in self.strategies}

    def keys(self, seed: int) -> Iterator[CellKey]:
        """Yield the searches with a seed, those at one budget together."""
        return (CellKey(name, budget, seed) for budget in self.budgets for name in self.by_name)

    def plan(self, key: CellKey) -> SearchPlan:
        """The plan of one search."""
        given = self.by_name[key.strategy]
        return SearchPlan(
            lambda _: make_strategy(given, round_size=self.round_size),
            self.episodes,
            key.seed,
            make_engine=self.make_engine,
        )


def limits_of_budget(budget: str) -> tuple[str, ...]:
    """The limits that hold at once, such as `macs=0.5`."""
    return tuple(budget.split(","))
