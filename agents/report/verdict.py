"""What images say of a policy and of a recovery against others, in plain words."""

from __future__ import annotations

import enum
from collections.abc import Mapping

from agents.judgement import ScoreDrop
from amc.recovery.layer_problem import LostShares
from amc.scoring.number_format import COST_NAMES, percent, score, score_difference, score_drop
from amc.scoring.paired_test import Drop

ADVICE = "More episodes, more reward images or a smaller budget give a search more to find."
"""What to do about a policy that is not better than uniform."""

COUNTED = ("macs", "params")
"""The kinds of cost of which there are fewer or more; of others there is less or more."""
LITTLE_MORE = 1.1
"""How much more may be lost on images held out than on others where more images are said to help little."""


class Verdict(enum.Enum):
    """What the test images say of a found policy; the value is how that is put before the word `uniform`."""

    BETTER = "better than"
    WORSE = "worse than"
    SAME = "not told apart from"


def verdict(difference: Drop) -> Verdict:
    """What a difference, found less uniform, says: whether its interval lies above 0, below, or around it."""
    if difference.low > 0:
        return Verdict.BETTER
    return Verdict.WORSE if difference.high < 0 else Verdict.SAME


def against_uniform(
    metric: str, gain: float, difference: Drop | None, *, is_uniform: bool, is_trained: bool = False
) -> str:
    """What the test images say of a found policy, in a sentence or two.

    Args:
        metric: The name of the metric.
        gain: The score of the found policy on the test images less that of the uniform one.
        difference: The same with its interval; None where that is not known.
        is_uniform: Whether the found policy is the uniform one.
        is_trained: Whether the found network was trained by gradients after that was measured.
    """
    if is_uniform:
        return f"The policy that is kept is the uniform one, with the same share of every group. {ADVICE}"
    before = ", before it was trained by gradients," if is_trained else ""
    on_test = f"On unseen (test) images the found policy{before} is"
    if difference is None:
        known = f"{on_test} {score_difference(metric, gain)} against uniform; no interval is known."
        return known if gain > 0 else f"{known} That is not better. {ADVICE}"
    if (found := verdict(difference)) is Verdict.SAME:
        apart = f"{score_difference(metric, difference.value)} (95 % interval {_ends(difference, '+')})"
        return f"{on_test} {found.value} uniform: {apart}. {ADVICE}"
    size = difference if found is Verdict.BETTER else opposite(difference)
    known = f"{on_test} {found.value} uniform by {100 * size.value:.2f} points (95 % interval {_ends(size)})."
    return known if found is Verdict.BETTER else f"{known} {ADVICE}"


def goal_reached(metric: str, minimise: str, max_drop: float, drop: ScoreDrop, passed_over: int) -> str:
    """What the judging images say of the cheapest network that is good enough, in a sentence or two.

    Args:
        metric: The name of the metric.
        minimise: The kind of cost that was to be least.
        max_drop: The largest drop that was allowed.
        drop: The drop of the network on the judging images.
        passed_over: How many cheaper networks were good enough on the reward images, but not on the judging images.
    """
    interval = ""
    if drop.interval is not None:
        low, high = drop.interval
        interval = f" (95 % interval {_ends(Drop(drop.value, low, high))})"
    least = "fewest" if minimise in COUNTED else "least"
    told = (
        f"Of the networks found that lose at most {score_drop(metric, max_drop)}, this one has the {least}"
        f" {COST_NAMES[minimise]}: on the judging images, which the search does not see, it loses"
        f" {score_drop(metric, drop.value)}{interval}."
    )
    if not passed_over:
        return told
    others = "1 cheaper network was" if passed_over == 1 else f"{passed_over} cheaper networks were"
    return f"{told} {others} good enough on the reward images alone, and passed over."


def opposite(difference: Drop) -> Drop:
    """The difference of the second network to the first, from that of the first to the second."""
    return Drop(-difference.value, -difference.high, -difference.low)


def with_interval(metric: str, value: float, difference: Drop | None) -> str:
    """A difference of scores as a table shows it, with the ends of its interval in brackets where that is known."""
    text = score_difference(metric, value)
    return text if difference is None else f"{text} ({_ends(difference, '+')})"


def _ends(difference: Drop, sign: str = "") -> str:
    return f"{100 * difference.low:{sign}.2f} to {100 * difference.high:{sign}.2f}"


def recovery_chosen(metric: str, taken: str | None, scores: Mapping[str, float]) -> str | None:
    """The closed form that was taken and what it was compared with, in a sentence; None where the user chose.

    Args:
        metric: The name of the metric.
        taken: The name of the recovery.
        scores: The score of each that was tried, by name.
    """
    if not scores:
        return None
    named = ", ".join(f"{name} {score(metric, value)}" for name, value in scores.items())
    return f"recovery: {named} with the best policy of the search on all reward images, so {taken} is what is kept"


def more_calibration_images(lost: LostShares | None) -> str | None:
    """What more calibration images would help, in a sentence; None where there are plenty of them."""
    if lost is None:
        return None
    shares = f"{percent(lost.held_out, 0)} of what varies in layers' outputs is lost, {percent(lost.seen, 0)}"
    if lost.held_out <= LITTLE_MORE * lost.seen:
        return f"calibration: on images held out {shares} on the others; more calibration images would help little"
    more = "more calibration images (--calibration-images) would bring the first nearer to the second"
    if not lost.takes_more:
        more = "no more of them are solved on at once, for want of memory"
    return f"calibration: on images held out {shares} on the others; {more}"
