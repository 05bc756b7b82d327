"""One budget as a user writes it, such as `macs=0.5` or `latency=3.2ms`, and the cost that it limits."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from fractions import Fraction
from numbers import Real

from amc.cost.costs import COSTS, LATENCY, MEMORY, CostFunction
from amc.graph import PruningGraph
from amc.utils.errors import UserError
from amc.utils.registry import look_up

_SUFFIXES = {"": 1, "K": 10**3, "M": 10**6, "G": 10**9}
MILLISECONDS = "ms"
_UNITS = {LATENCY: MILLISECONDS, MEMORY: "[KMG]?B|[KMG]"}  # of others: the suffixes
_EXAMPLES = {LATENCY: "3.2ms", MEMORY: "4MB"}

Costs = Mapping[str, Callable[[PruningGraph], CostFunction]]
"""Kinds of cost by name; each makes the cost function of a graph."""


@dataclass(frozen=True, eq=False)
class Limit:
    """One budget: a kind of cost, and how much of it the pruned network may have.

    Attributes:
        kind: The kind of cost, such as `macs`.
        asked: The budget as it was written.
        cost: The cost as a function of the kept counts.
        original: Cost of the original network.
        most: Largest cost that is allowed.
    """

    kind: str
    asked: str
    cost: CostFunction
    original: float
    most: float


def as_budgets(given: object) -> tuple[str, ...]:
    """The budgets that a user gives in Python: one as text, or several.

    Raises:
        UserError: It is something else, such as a number; the message says how that is written.
    """
    if isinstance(given, str):
        return (given,)
    if isinstance(given, Mapping):
        meant = [f"{kind}={value}" for kind, value in given.items()]
    elif isinstance(given, Iterable) and getattr(given, "ndim", None) != 0:  # tensors of one number are iterable
        several = tuple(given)
        if all(isinstance(each, str) for each in several):
            return several
        meant = []
    else:
        meant = [f"macs={given}"] if isinstance(given, Real) else []
    examples = meant or ["macs=0.5"]
    raise UserError(
        f"expected a budget as text, or a list of several, got {given!r}; write"
        f" {json.dumps(examples[0] if len(examples) == 1 else examples)}"
    )


@dataclass(frozen=True)
class Amount:
    """What a budget says by itself, before any network is known.

    Attributes:
        kind: The kind of cost, such as `macs`.
        number: A share of the original in (0, 1], or an amount of that cost.
        is_share: Whether it is a share.
    """

    kind: str
    number: Fraction
    is_share: bool


def parse_limit(text: str, graph: PruningGraph, whole: PruningGraph | None = None, costs: Costs = COSTS) -> Limit:
    """Read `KIND=VALUE`: a share of the original as `macs=0.5`, or an amount.

    Amounts are `macs=60M` (K, M, G are powers of 1000), `memory=4MB` or `latency=3.2ms`.

    Args:
        text: The budget.
        graph: The graph of the network that is pruned.
        whole: The graph of the original network, where that is another.
        costs: The kinds of cost that there are.

    Raises:
        UserError: The budget has another form or an unknown kind, or its value is not above 0.
    """
    amount = read_amount(text, costs)
    make, number = costs[amount.kind], amount.number
    original = make(whole or graph)((whole or graph).full)
    most = float(number * Fraction(original) if amount.is_share else number)
    return Limit(amount.kind, text, make(graph), original, most)


def read_amount(text: str, kinds: Iterable[str]) -> Amount:
    """Read `KIND=VALUE` as far as that needs no network.

    Args:
        text: The budget, as `parse_limit` takes it.
        kinds: The kinds of cost that there are.

    Raises:
        UserError: The budget has another form or an unknown kind, or its value is not above 0.
    """
    kind, _, value = text.partition("=")
    if not value:
        raise UserError(f"a budget is KIND=VALUE such as macs=0.5 or params=200K, got {text!r}")
    if kind.lower() in ("flop", "flops"):
        raise UserError(f"budget {text!r}: operations are counted as multiply-accumulates here; {_in_macs(value)}")
    look_up("budget kind", kind, dict.fromkeys(kinds))
    units = _UNITS.get(kind, "[KMG]")
    match = re.fullmatch(rf"(\d+\.?\d*|\.\d+)({units})?", value, flags=re.IGNORECASE)
    number = Fraction(match[1]) if match else Fraction(0)  # exact: 0.29 of 100 is 29
    unit = (match[2] or "").upper() if match else ""
    is_share = not unit and number <= 1
    number *= _SUFFIXES.get(unit.removesuffix("B"), 1)
    if number <= 0 or not (is_share or (unit if kind == LATENCY else number == int(number))):
        example = f"{kind}={_EXAMPLES.get(kind, '60M')}"
        raise UserError(
            f"budget {text!r}: expected a share of the original in (0, 1] such as {kind}=0.5, "
            f"or an amount such as {example}, got {value!r}"
        )
    return Amount(kind, number, is_share)


def _in_macs(flops: str) -> str:
    """The advice for a budget in floating-point operations, of which a multiply-accumulate counts as two."""
    match = re.fullmatch(r"(\d+\.?\d*|\.\d+)([KMG]?)", flops, flags=re.IGNORECASE)
    if match is None or (not match[2] and float(match[1]) <= 1):
        return f"a share is the same in both: macs={flops}"
    return f"one counts as two FLOPs: macs={float(match[1]) / 2:g}{match[2]}"


def has_unit(kind: str) -> bool:
    """Return whether amounts of this kind of cost are written with a unit (ms, bytes)."""
    return kind in _UNITS
