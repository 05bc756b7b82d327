"""How numbers are written for people: shares in percent, a user's own metric as the plain number that it is."""

from __future__ import annotations

from amc.scoring.metrics import METRICS

SMALLEST, LARGEST = 1e-3, 1e6
"""Beyond these a plain number has significant digits in place of decimals."""


def percent(share: float, digits: int = 2) -> str:
    """A share in [0, 1] as a percentage."""
    return f"{100 * share:.{digits}f} %"


def is_share(metric: str) -> bool:
    """Whether the metric of that name is a share of the images; a user's own has a scale that only the user knows."""
    return metric in METRICS


def score_name(metric: str) -> str:
    """What a score is called where there is no room for the metric's own name."""
    return "accuracy" if is_share(metric) else "metric"


def score(metric: str, value: float, digits: int = 2) -> str:
    """A score by that metric."""
    return percent(value, digits) if is_share(metric) else _plain(value)


def score_difference(metric: str, value: float) -> str:
    """By how much one score by that metric exceeds another."""
    return f"{100 * value:+.2f} points" if is_share(metric) else _plain(value, "+")


def _plain(value: float, sign: str = "") -> str:
    is_usual = value == 0 or SMALLEST <= abs(value) < LARGEST
    return f"{value:{sign}.4f}" if is_usual else f"{value:{sign}.4g}"
