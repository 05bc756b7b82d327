"""The points of a front: none is dominated, and what is written is read again."""

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from amc.artifacts.front_file import Front, FrontPoint, read_front, undominated, write_front
from amc.artifacts.policy import CostReached
from amc.utils.errors import UserError


def point(macs: int, score: float) -> FrontPoint:
    return FrontPoint(
        budget="macs=0.5",
        costs={"macs": CostReached(100, macs, macs / 100)},
        kept={"conv": 3},
        score=score,
        accuracy=score,
    )


POINTS = st.lists(st.builds(point, st.integers(1, 9), st.integers(0, 9).map(float)))


@given(POINTS)
def test_no_point_is_dominated_and_each_that_is_left_out_is(points: list[FrontPoint]) -> None:
    kept = undominated(points, "macs")

    def dominates(one: FrontPoint, other: FrontPoint) -> bool:
        return one.costs["macs"].after <= other.costs["macs"].after and one.score >= other.score

    assert not any(dominates(one, other) for one in kept for other in kept if one is not other)
    assert all(any(dominates(one, each) for one in kept) for each in points)
    assert [each.costs["macs"].after for each in kept] == sorted(each.costs["macs"].after for each in kept)


def test_a_front_is_read_as_it_was_written(tmp_path: Path) -> None:
    front = Front("macs=0.3:0.8", "top1", "fidelity", (point(30, 0.5), point(60, 0.75)), (point(40, 0.25),))
    write_front(tmp_path, front)
    assert read_front(tmp_path / "front.json") == front


@pytest.mark.parametrize(
    ("entry", "value", "message"),
    [("schema", 2, "expected schema 1, got 2"), ("points", [{"budget": 1}], "is damaged"), ("range", None, "damaged")],
)
def test_a_damaged_front_is_one_line(tmp_path: Path, entry: str, value: object, message: str) -> None:
    write_front(tmp_path, Front("macs=0.3:0.8", "top1", "fidelity", (point(30, 0.5),), ()))
    path = tmp_path / "front.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {entry: value}))
    with pytest.raises(UserError, match=message):
        read_front(path)
