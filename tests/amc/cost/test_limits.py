"""Budgets as a user writes them."""

import re

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from amc.cost.budget import Budgets
from amc.cost.costs import COSTS
from amc.cost.limit import parse_limit
from amc.graph import PruningGraph
from amc.utils.errors import UserError
from tests.oracles import prepared
from tests.problems import chain, graphs

MACS = 64 * 9 * 3 * 8 + 16 * 9 * 8 * 12 + 12 * 5  # of the plain network


@pytest.mark.parametrize(
    ("text", "most"),
    [
        ("macs=0.5", MACS / 2),
        ("macs=.25", MACS / 4),
        ("macs=1", MACS),
        ("macs=1.0", MACS),
        ("macs=2", 2),
        ("macs=6000", 6000),
        ("macs=60K", 60_000),
        ("macs=60k", 60_000),
        ("macs=1.5M", 1_500_000),
        ("macs=0.06M", 60_000),
        ("macs=2G", 2_000_000_000),
    ],
)
def test_shares_and_amounts(text: str, most: float) -> None:
    _, graph = prepared("plain")
    limit = parse_limit(text, graph)
    assert (limit.kind, limit.asked, limit.original) == ("macs", text, MACS)
    assert limit.most == most


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("0.5", "a budget is KIND=VALUE such as macs=0.5 or params=200K, got '0.5'"),
        ("macs", "a budget is KIND=VALUE"),
        ("macs=", "a budget is KIND=VALUE"),
        ("", "a budget is KIND=VALUE"),
        ("macs=0", r"budget 'macs=0': expected a share of the original in \(0, 1\] such as macs=0.5, or an amount"),
        ("macs=1.5", "expected a share of the original .* got '1.5'"),
        ("macs=-0.5", "got '-0.5'"),
        ("macs=half", "got 'half'"),
        ("macs=50%", "got '50%'"),
        ("macs=nan", "got 'nan'"),
        ("macs=1e6", "got '1e6'"),
        ("macs=0.5=0.6", "got '0.5=0.6'"),
        ("macs=1.00001K", "got '1.00001K'"),
        ("mac=0.5", "unknown budget kind 'mac'; did you mean macs?"),
        ("flops=0.5", r"budget 'flops=0.5': operations are .* here; a share is the same in both: macs=0.5$"),
        ("FLOPs=120M", "one counts as two FLOPs: macs=60M$"),
        ("flops=3.1g", "macs=1.55g$"),
        ("energy=0.5", "unknown budget kind 'energy'; there are macs, memory, params"),
    ],
)
def test_what_is_no_budget_is_told_in_one_line(text: str, message: str) -> None:
    _, graph = prepared("plain")
    with pytest.raises(UserError, match=message) as raised:
        parse_limit(text, graph)
    assert "\n" not in str(raised.value)


def test_one_budget_of_each_kind() -> None:
    _, graph = prepared("plain")
    with pytest.raises(UserError, match=r"one budget of each kind at the most, got macs=0\.5 macs=10K"):
        Budgets(graph, ["macs=0.5", "macs=10K"])
    assert len(Budgets(graph, ["macs=0.5", "params=0.5"]).limits) == 2


def test_a_number_above_1_without_a_unit_is_said_to_be_an_amount() -> None:
    _, graph = prepared("plain")
    with pytest.raises(UserError, match=r"can't be reached.*; 2 is read as an amount, since a share is at most 1"):
        Budgets(graph, ["macs=2"])
    with pytest.raises(UserError, match=r"\(macs=[\d.]+\)$"):
        Budgets(graph, ["macs=0.001"])


@settings(max_examples=200, derandomize=True, deadline=None)
@given(graphs(), st.sampled_from(sorted(COSTS)))
def test_a_budget_that_cannot_be_reached_names_the_least_that_can(graph: PruningGraph, kind: str) -> None:
    if not graph.groups:
        return
    least = COSTS[kind](graph)(graph.least)
    with pytest.raises(UserError, match="can't be reached") as raised:
        Budgets(graph, [f"{kind}={least - 1}"])
    message = str(raised.value)
    assert f"{least:,} {'bytes' if kind == 'memory' else kind} " in message
    named = re.search(rf"\(({kind}=[\d.]+)\)", message)
    assert named is not None
    budgets = Budgets(graph, [named[1]])  # the share it names can be reached
    assert budgets.allows(graph.least)
    share = float(named[1].partition("=")[2])
    assert share - 0.001 < least / COSTS[kind](graph)(graph.full)  # and no much smaller one


@pytest.mark.parametrize("share", ["0.29", "0.57", "0.58"])
def test_a_network_of_exactly_the_share_fits(share: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(COSTS, "units", lambda _: lambda kept_counts: int(kept_counts.sum()))
    wanted = round(100 * float(share))  # in floating point 0.29 * 100 is below 29
    graph = chain((100,), residual=False, round_to=1, max_sparsity=1 - wanted / 100)
    assert graph.least.tolist() == [wanted]
    assert Budgets(graph, [f"units={share}"]).interval([]) == (wanted, wanted)


def test_without_limits_everything_is_allowed() -> None:
    _, graph = prepared("plain")
    budgets = Budgets(graph, [])
    assert budgets.allows(graph.full)
    assert budgets.interval([]) == (2, 8)
    assert budgets.pressure(graph.full, graph.least) == 0.0


def test_pressure_is_the_share_of_what_can_be_saved_that_must_be() -> None:
    _, graph = prepared("plain")
    macs, params = (COSTS[kind](graph) for kind in ("macs", "params"))
    budgets = Budgets(graph, ["macs=10000", "params=600"])
    expected = [
        (cost(graph.full) - most) / (cost(graph.full) - cost(graph.least))
        for cost, most in ((macs, 1e4), (params, 600))
    ]
    assert budgets.pressure(graph.full, graph.least) == pytest.approx(max(expected))
    assert budgets.pressure(graph.least, graph.least) == 0.0
    tight = np.array([8, 3])
    assert budgets.pressure(tight, tight) == 1.0  # nothing is left to save, and it is still too much
