"""How numbers are written for people: shares in percent, a user's own metric as the plain number that it is."""

from __future__ import annotations

from amc.scoring.metrics import CLASS_METRICS, METRICS

COST_NAMES = {"macs": "MACs", "params": "parameters", "memory": "memory", "latency": "latency"}
"""The words for each kind of cost."""
METRIC_NAMES = {"top1": "accuracy", "top5": "top-5 accuracy", "miou": "mean IoU", "map": "mAP"}
SHARES = (*CLASS_METRICS, "miou", "map")
"""Metrics that are written in percent."""
SMALLEST, LARGEST = 1e-3, 1e6
"""Beyond these a plain number has significant digits in place of decimals."""


def percent(share: float, digits: int = 2) -> str:
    """Write a share in [0, 1] as a percentage."""
    return f"{100 * share:.{digits}f} %"


def is_share(metric: str) -> bool:
    """Whether the metric of that name is written in percent; a user's own has a scale that only the user knows."""
    return metric in SHARES


def metric_name(metric: str) -> str:
    """The words for the metric of that name; a user's own is called as its function."""
    return METRIC_NAMES.get(metric, metric.rpartition(":")[2])


def score_name(metric: str) -> str:
    """The word for a score where there is no room for the metric's own name."""
    if metric in CLASS_METRICS:
        return "accuracy"
    return metric if metric in METRICS else "metric"


def score(metric: str, value: float, digits: int = 2) -> str:
    """Write a score by that metric."""
    return percent(value, digits) if is_share(metric) else _plain(value)


def score_difference(metric: str, value: float) -> str:
    """Write by how much one score by that metric exceeds another."""
    return f"{100 * value:+.2f} points" if is_share(metric) else _plain(value, "+")


def score_drop(metric: str, value: float) -> str:
    """Write by how much a score by that metric falls."""
    return f"{100 * value:.2f} points" if is_share(metric) else _plain(value)


def duration(seconds: float) -> str:
    """Write a time in the units that suit its length."""
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    if hours:
        return f"{hours} h {minutes} min"
    return f"{minutes} min {rest} s" if minutes else f"{seconds:.1f} s"


def _plain(value: float, sign: str = "") -> str:
    needs_no_exponent = value == 0 or SMALLEST <= abs(value) < LARGEST
    return f"{value:{sign}.4f}" if needs_no_exponent else f"{value:{sign}.4g}"
