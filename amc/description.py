"""What of a network can be pruned, where its costs are, and what is frozen; `amc.describe_network` finds it out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from amc.cost.costs import format_cost
from amc.graph.structure import Frozen
from amc.latency.network_times import NetworkTimes
from amc.scoring.number_format import COST_NAMES, percent
from amc.utils.column_widths import Column
from amc.utils.tabular import Table, Tabular
from amc.utils.text import bar, merge_numbered

BAR = 6
"""The length of the longest bar in characters."""
LEAST_SHOWN = 0.0005
"""The least share of costs of no group that is shown."""
FEW = 2
"""The number of names that are listed although only numbers differ between them."""
DEFINITION = (
    "A layer from one group to another counts half for each, a layer with a group at one end only counts for that"
    " group; with the layers of no group, shares add up to 100 %."
)
"""How costs are divided, below the table of the groups."""


@dataclass(frozen=True)
class GroupCost:
    """The costs that are due to some channels.

    Attributes:
        macs: The MACs for one image.
        params: The parameters.
        milliseconds: The time of layers that were measured alone, in ms; 0 where nothing was measured.
    """

    macs: float
    params: float
    milliseconds: float


@dataclass(frozen=True)
class DescribedGroup:
    """A channel group as a user sees it.

    Attributes:
        name: The name of the first layer that makes its channels.
        width: The number of its channels.
        choices: The numbers of channels that may stay, ascending; the last is the width.
        producers: The names of the layers that make its channels.
        consumers: The names of the layers that read them.
        cost: The costs that are due to its channels.
    """

    name: str
    width: int
    choices: tuple[int, ...]
    producers: tuple[str, ...]
    consumers: tuple[str, ...]
    cost: GroupCost

    @property
    def least(self) -> int:
        """The fewest channels that may stay."""
        return self.choices[0]

    @property
    def step(self) -> int:
        """The difference between two widths that may stay."""
        return self.choices[1] - self.choices[0]

    @property
    def widths(self) -> str:
        """The width, the least and the step in words."""
        several = f" by {self.step}" if len(self.choices) > FEW else ""
        return f"{self.width} to {self.least}{several}" if several else f"{self.width} or {self.least}"


@dataclass(frozen=True, eq=False, repr=False)
class Description(Tabular):
    """What of a network can be pruned, what the channels cost, and what is frozen.

    A layer from one group to another is due half to each, since neither saves anything of it where the other is empty.
    A layer with one group at one end alone is due to that group; of several groups at one end each has its part. So the
    costs of all groups and `fixed` add up to those of the network (`amc.cost.group_shares`). The time of a layer is
    divided as its MACs are.

    Attributes:
        name: The name of the network.
        inputs: The shapes of its inputs without the batch.
        groups: The channel groups, in forward order.
        fixed: The costs that are due to no group, since no channels of theirs can be cut.
        frozen: The channels that can't be cut, with the reasons.
        costs: The cost for one image of the whole network and the least that pruning can leave, by kind; the latency
            where it was measured, in ms.
        times: The measured times; None where nothing was measured.
    """

    name: str
    inputs: str
    groups: tuple[DescribedGroup, ...]
    fixed: GroupCost
    frozen: tuple[Frozen, ...]
    costs: Mapping[str, tuple[float, float]]
    times: NetworkTimes | None

    def __repr__(self) -> str:
        """Return the tables, which are what a description is for."""
        return str(self)

    @property
    def tables(self) -> Sequence[Table]:
        """The tables of channel groups, of what is frozen, and of the costs."""
        frozen = [_frozen_table(self.frozen)] if self.frozen else []
        return [self._group_table, *frozen, _cost_table(self.costs)]

    @property
    def _group_table(self) -> Table:
        timed = self.times is not None
        kinds = ("milliseconds", "macs", "params") if timed else ("macs", "params")
        columns = [
            Column("group", is_text=True),
            Column("channels"),
            Column("of time" if timed else "of MACs"),
            Column("bar", is_text=True, gives_way=1),
            *([Column("of MACs")] if timed else []),
            Column("of params", gives_way=2),
            *([Column("ms", gives_way=3)] if timed else []),
            Column("MACs", gives_way=4),
            Column("parameters", gives_way=5),
            Column("produced by", is_text=True, gives_way=6),
            Column("read by", is_text=True, gives_way=7),
        ]
        costs = [group.cost for group in self.groups] + [self.fixed]
        shares = {kind: _shares([getattr(cost, kind) for cost in costs]) for kind in kinds}
        largest = max(shares[kinds[0]][:-1])
        names = [(group.name, group.widths) for group in self.groups] + [("no group", "")]
        layers = [(", ".join(group.producers), ", ".join(group.consumers)) for group in self.groups] + [("", "")]
        rows = []
        for place, cost in enumerate(costs):
            if place == len(self.groups) and max(each[place] for each in shares.values()) < LEAST_SHOWN:
                break
            first, *others = (percent(shares[kind][place], 1) for kind in kinds)
            length = bar(min(shares[kinds[0]][place] / largest, 1.0), BAR) if largest else ""
            amounts = [f"{cost.milliseconds:.3g}"] * timed + [f"{cost.macs:,.0f}", f"{cost.params:,.0f}"]
            rows.append([*names[place], first, length, *others, *amounts, *layers[place]])
        return Table(f"channel groups of {self.name}, for inputs of {self.inputs}", columns, rows, self._notes)

    @property
    def _notes(self) -> list[str]:
        if self.times is None:
            return [f"{DEFINITION} Bars show the share of MACs."]
        together = float(self.times.layers.sum())
        return [
            f"{DEFINITION} Bars show the share of time. Each layer was measured alone, with the overhead of a run of"
            f" its own, and is divided as its MACs are: the layers take {together:.3g} ms together, the whole network"
            f" {self.times.whole:.3g} ms ({self.times.where})."
        ]


def _shares(parts: Sequence[float]) -> list[float]:
    whole = sum(parts)
    return [part / whole if whole else 0.0 for part in parts]


def _frozen_table(frozen: Sequence[Frozen]) -> Table:
    """The reasons, each with the channels that are frozen for it; names and reasons that differ in numbers are one."""
    rows = []
    for reason, places in merge_numbered([each.reason for each in frozen]).items():
        names = []
        for pattern, alike in merge_numbered([frozen[place].name for place in places]).items():
            several = len(alike) > FEW
            names += [f"{pattern} ({len(alike)})"] if several else [frozen[places[place]].name for place in alike]
        widths = sorted({frozen[place].width for place in places})
        shown = f"{widths[0]} to {widths[-1]}" if len(widths) > 1 else str(widths[0])
        rows.append((", ".join(names), shown, reason))
    return Table("frozen", [Column("layer", is_text=True), Column("channels", gives_way=1), Column("why", True)], rows)


def _cost_table(costs: Mapping[str, tuple[float, float]]) -> Table:
    columns = [Column("cost", is_text=True), Column("whole network"), Column("least"), Column("least share", False, 1)]
    rows = [
        (COST_NAMES[kind], format_cost(kind, whole), format_cost(kind, least), percent(least / whole))
        for kind, (whole, least) in costs.items()
    ]
    return Table("costs of one image, and the least that pruning can leave", columns, rows)
