"""The former name of `amc.scoring.number_format`, until nothing imports it by this name."""

from amc.scoring.number_format import COST_NAMES, is_share, metric_name, percent, score, score_difference, score_name

__all__ = ["COST_NAMES", "is_share", "metric_name", "percent", "score", "score_difference", "score_name"]
