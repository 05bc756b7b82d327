"""The points of a search over a range of budgets, as `front.json` holds them."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from amc.artifacts.checked_json import Size, check_schema, checked, read_object
from amc.artifacts.policy import CostReached
from amc.utils.files import write_json

FRONT_FILE = "front.json"
FRONT_FOLDER = "front"
"""The folder of a run with a run folder for each point, named by two digits in ascending order of the budgets."""
SCHEMA = 1


@dataclass(frozen=True)
class FrontPoint:
    """A policy that no other of its list costs less than and scores as much as.

    Attributes:
        budget: The budget that it was found for, such as `macs=0.5`.
        costs: Its costs before and after, by kind.
        kept: How many units of each group are kept, by the name of the group.
        score: What networks were compared by, on the reward images; larger is better.
        accuracy: The score by the metric on the reward images.
        test_accuracy: The same on the test images; None where these were not read for it.
        folder: The folder of its network, below that of the run; None where none was made.
    """

    budget: str
    costs: Mapping[str, CostReached]
    kept: Mapping[str, Size]
    score: float
    accuracy: float
    test_accuracy: float | None = None
    folder: str | None = None


@dataclass(frozen=True)
class Front:
    """The result of a search over a range of budgets.

    Attributes:
        range: The range as it was asked for, such as `macs=0.3:0.8`.
        metric: The name of the metric.
        compared_by: The name of what networks were compared by.
        points: The points that were asked for, whose networks were made as they are kept.
        searched: The policies of the search between them, with the scores that the search gave them.
    """

    range: str
    metric: str
    compared_by: str
    points: tuple[FrontPoint, ...]
    searched: tuple[FrontPoint, ...]

    @property
    def kind(self) -> str:
        """The kind of cost that the range is of."""
        return self.range.partition("=")[0]


def undominated(points: Sequence[FrontPoint], kind: str) -> tuple[FrontPoint, ...]:
    """The points in ascending order of their cost of a kind, without those that another one makes useless.

    That is one that costs as much or less and scores as much or more; of equals the first stays.
    """
    ordered = sorted(points, key=lambda point: (point.costs[kind].after, -point.score))
    kept: list[FrontPoint] = []
    for point in ordered:
        if not kept or point.score > kept[-1].score:
            kept.append(point)
    return tuple(kept)


def write_front(folder: Path, front: Front) -> None:
    """Write `front.json` into a run folder, whole or not at all.

    Raises:
        UserError: The folder can't be written to.
    """
    write_json(folder / FRONT_FILE, {"schema": SCHEMA, **dataclasses.asdict(front)})


def read_front(path: Path) -> Front:
    """Read a `front.json`.

    Raises:
        UserError: No such file, a damaged one, or one of another release.
    """
    content = read_object(path)
    check_schema(content, SCHEMA, path)
    return checked(content, Front, path)
