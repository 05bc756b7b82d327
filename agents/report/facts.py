"""What a report says of a run, whether it has ended or not, as plain text."""

from __future__ import annotations

import itertools
import re
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from agents.report.charts import COST_NAMES, of_policy
from agents.report.commands import check_command, resume_command
from agents.report.number_format import is_share, percent, score, score_difference
from agents.report.run_record import Record
from agents.result import Episode, best_of
from amc.artifacts.json_validation import entry, number, object_of, text
from amc.cost.costs import COSTS, LATENCY, format_cost

METRIC_NAMES = {"top1": "accuracy", "top5": "top-5 accuracy"}
ORIGINAL, UNIFORM, FOUND = "original", "uniform policy", "found policy"
NETWORKS = {
    ORIGINAL: ("original_accuracy", "test_accuracy_original"),
    UNIFORM: ("uniform_accuracy", "test_accuracy_uniform"),
    "agent before learning": ("zero_shot_accuracy", "test_accuracy_zero_shot"),
    FOUND: ("policy_accuracy", "test_accuracy_policy"),
}
"""Entries of the summary with the scores on the reward and on the test split."""
AFTER = {LATENCY: "latency_after_ms"}
"""The entry of a cost in the summary, where it is another than `KIND_after`."""
BUDGET = re.compile(rf"({'|'.join(COST_NAMES)})=([0-9]+\.?[0-9]*|\.[0-9]+)(?:[KMGkmg]?[Bb]?|ms)")


class Table(NamedTuple):
    """Text in rows; the first column says what a row is about."""

    head: Sequence[str]
    rows: Sequence[Sequence[str]]


@dataclass(frozen=True)
class Result:
    """What a run has reached so far.

    Attributes:
        costs: Of the found network by kind.
        scores: By name of the network, on the reward and on the test split once the run has ended; until then on the
            images that the search scores with.
        channels: Of each group that are kept.
        uniform: Of each group in the uniform policy; empty without a budget.
    """

    costs: Mapping[str, float]
    scores: Mapping[str, Sequence[float]]
    channels: Sequence[int]
    uniform: Sequence[int]


def result_of(record: Record) -> Result | None:
    """The result, of an unfinished run that of its best episode; None before the first one within the budget.

    Raises:
        ValueError: the files do not go together, or lack an entry, which is named.
    """
    _check(record)
    best = best_of(record.episodes)
    if best is None:
        return None
    uniform = _channels(record, record.uniform) if record.uniform else ()
    if record.summary is None or record.policy is None:
        costs = {kind: float(getattr(best.outcome, kind)) for kind in record.whole}
        return Result(costs, _scores_so_far(record, best), _channels(record, best.kept_counts), uniform)
    summary = record.summary
    if [group.name for group in record.policy.groups] != [group.name for group in record.groups]:
        raise ValueError("policy.json and the checkpoint are of different networks")
    return Result(
        costs={kind: entry(summary, AFTER.get(kind, f"{kind}_after"), number) for kind in record.whole},
        scores={
            name: tuple(entry(summary, key, number) for key in keys)
            for name, keys in NETWORKS.items()
            if name in (ORIGINAL, UNIFORM, FOUND) or keys[0] in summary
        },
        channels=[group.width_after for group in record.policy.groups],
        uniform=uniform,
    )


def headline(record: Record, result: Result | None) -> str:
    """The result in a sentence."""
    if result is None:
        return f"{record.model}: no policy within the budget has been scored yet"
    kinds = [limit.partition("=")[0] for limit in record.budget] or list(record.whole)
    left = " and ".join(
        f"{100 * result.costs[kind] / record.whole[kind]:.1f} % of its {COST_NAMES[kind]}" for kind in kinds
    )
    scores = {name: score(record.metric, values[-1], digits=1) for name, values in result.scores.items()}
    name, value = metric_name(record), scores[FOUND]
    found = f"{record.model} at {left}: " + (f"{value} {name}" if is_share(record.metric) else f"{name} {value}")
    if record.summary is None:
        return f"{found} so far"
    return f"{found} on test images; uniform {scores[UNIFORM]}, original {scores[ORIGINAL]}"


def metric_name(record: Record) -> str:
    """What the scores are called: a user's own metric as its function."""
    return METRIC_NAMES.get(record.metric, record.metric.rpartition(":")[2])


def state(record: Record) -> str:
    """How far the run has come."""
    done = f"{len(record.episodes)} of {record.asked} episodes"
    if record.summary is None:
        return f"This run has not ended: at its last checkpoint, {done} were scored. What follows is the best so far."
    if not record.summary.get("interrupted"):
        return f"This run has ended: {done} were scored."
    known = int(entry(record.summary, "episodes", number))
    which = "of them" if known == len(record.episodes) else f"of the first {known}"
    return f"This run was interrupted: {done} were scored. What follows is the best {which}."


def go_on(record: Record) -> str | None:
    """The command that goes on with the run; None where it has ended."""
    if record.summary is not None and not record.summary.get("interrupted"):
        return None
    pairs = itertools.pairwise(record.words)
    given = {option.removeprefix("--"): value for option, value in pairs if option.startswith("--")}
    return resume_command(record.program, record.folder, given)


def asked_and_reached(record: Record, result: Result | None) -> Table:
    """What was asked for, and what came of it."""
    rows = [("episodes", f"{record.asked:,}", f"{len(record.episodes):,}")]
    for limit in record.budget:
        kind, _, most = limit.partition("=")
        is_share = _is_share(most)
        asked, reached = percent(float(most)) if is_share else most, ""
        if result is not None:
            left = result.costs[kind]
            reached = percent(left / record.whole[kind]) if is_share else format_cost(kind, left)
        rows.append((f"{COST_NAMES[kind]} left, at most", asked, reached))
    return Table(("", "asked", "reached"), rows)


def stages(record: Record) -> Table | None:
    """The best of each stage that was begun, as it scored in the search; None where there are no stages."""
    if len(record.stages) == 1:
        return None
    rows = []
    for place, limits in enumerate(record.stages):
        episodes = [episode for episode in record.episodes if episode.stage == place]
        best = best_of(episodes)
        if best is not None:
            reached = f"{100 * best.outcome.macs / record.whole['macs']:.1f} %"
            rows.append((" ".join(limits), f"{len(episodes):,}", reached, score(record.metric, best.outcome.accuracy)))
    return Table(("stage", "episodes", f"{COST_NAMES['macs']} left", f"best {metric_name(record)}"), rows)


def scores(record: Record, result: Result) -> Table:
    """What the networks score, and how far they are from the original once that is known."""
    if record.summary is None:
        rows = [(name, score(record.metric, value)) for name, (value,) in result.scores.items()]
        return Table(("network", "images of the search"), rows)
    whole = result.scores[ORIGINAL][1]
    return Table(
        ("network", "reward split", "test split", "test split, against the original"),
        [
            (
                name,
                score(record.metric, on_reward),
                score(record.metric, on_test),
                "" if name == ORIGINAL else score_difference(record.metric, on_test - whole),
            )
            for name, (on_reward, on_test) in result.scores.items()
        ],
    )


def costs(record: Record, result: Result) -> Table:
    """Costs of one image before and after."""
    return Table(
        ("cost of one image", "original", "found", "left"),
        [
            (
                COST_NAMES[kind],
                format_cost(kind, whole),
                format_cost(kind, result.costs[kind]),
                percent(result.costs[kind] / whole),
            )
            for kind, whole in record.whole.items()
        ],
    )


def channels(record: Record, result: Result) -> Table:
    """Channels of every group."""
    uniform = list(map(str, result.uniform)) or [""] * len(record.groups)
    head = ("group", "original", "uniform", "kept", "sparsity")
    rows = [
        (
            group.name,
            str(group.width),
            even,
            str(kept),
            f"{100 * (1 - kept / group.width):.0f} %",
        )
        for group, even, kept in zip(record.groups, uniform, result.channels, strict=True)
    ]
    return Table(head, rows)


def commands(record: Record) -> Table:
    """What makes the run and this page again, and checks the result."""
    rows = [("make it again", shlex.join(["python", "-m", f"scripts.{record.program}", *record.words]))]
    if record.summary is not None:
        arguments = entry(record.summary, "arguments", object_of(lambda value: value))
        named = {option: entry(arguments, option, text) for option in ("model", "data", "metric")}
        rows.append(("check the result", check_command(record.folder, named)))
    rows.append(
        ("write this page again", shlex.join(["python", "-m", "scripts.report", "--run-dir", str(record.folder)]))
    )
    return Table(("to", "run"), rows)


def circumstances(record: Record) -> Table:
    """How the run was made."""
    rows = [("strategy", record.strategy), ("seed", str(record.seed)), ("metric", record.metric)]
    rows.append(("time of the search", _duration(record.seconds)))
    if record.summary is not None:
        rows.append(("time in all", _duration(entry(record.summary, "wall_seconds", number))))
    if record.policy is not None:
        rows.append(("input", record.policy.inputs))
        rows += [(name, version) for name, version in record.policy.versions.items()]
    return Table((), rows)


def _check(record: Record) -> None:
    """Raise a ValueError for what no run has."""
    if not set(COSTS) <= set(record.whole) <= set(COST_NAMES) or not all(record.whole.values()):
        raise ValueError(f"'whole': expected costs above 0 of {' and '.join(COSTS)}, got {dict(record.whole)}")
    for group in record.groups:
        if not 0 < group.units <= group.width:
            raise ValueError(f"'groups': {group.name!r} has {group.width} channels in {group.units} units")
    for limit in itertools.chain(record.budget, *record.stages):
        if not BUDGET.fullmatch(limit):
            raise ValueError(f"'budget': {limit!r} is none")


def _is_share(most: str) -> bool:
    return most[-1].isdigit() and float(most) <= 1


def _scores_so_far(record: Record, best: Episode) -> Mapping[str, Sequence[float]]:
    uniform = of_policy(record.episodes, record.uniform)
    known = {UNIFORM: (uniform.outcome.accuracy,)} if uniform else {}
    return known | {FOUND: (best.outcome.accuracy,)}


def _channels(record: Record, kept_counts: Sequence[int] | Any) -> list[int]:
    return [group.width // group.units * int(keep) for group, keep in zip(record.groups, kept_counts, strict=True)]


def _duration(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    if hours:
        return f"{hours} h {minutes} min"
    return f"{minutes} min {rest} s" if minutes else f"{seconds:.1f} s"
