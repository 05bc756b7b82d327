"""What a user may try where no epoch of a fine-tuning beats the pruned network."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from amc.training.training_progress import Epoch
from amc.utils.option_names import option

SOFT = 0.9
"""The share of the soft targets in the loss that is advised where there are none."""


def advice(before: float, original: float, epochs: Sequence[Epoch], options: Mapping[str, Any]) -> str:
    """The sentences that say that the pruned network is kept, and what may help; nothing where an epoch is better.

    Args:
        before: The score of the pruned network on the reward images.
        original: The score of the original network on them.
        epochs: The epochs that are over.
        options: The options of the training by name, with `epochs`, `lr` and `distillation`.
    """
    scores = [epoch.score for epoch in epochs]
    if not scores or max(scores) > before:
        return ""
    if before >= original:
        why = "It is no worse there than the original, so there may be nothing to gain back"
    elif len(scores) > 1 and scores[-1] == max(scores) > scores[0]:
        why = "The score was still rising in the last epoch"
    else:
        why = "A learning rate that is too high takes away more than the epochs bring back"
    return (
        f"No epoch beats the pruned network on the reward images: the pruned network is kept. {why}."
        f" What may help: {', '.join(_to_try(scores, options))}."
    )


def _to_try(scores: Sequence[float], options: Mapping[str, Any]) -> list[str]:
    """The options that may help, the most promising first."""
    tries = [option("lr", _rounded(options["lr"] / 10)), option("epochs", 2 * options["epochs"])]
    if len(scores) > 1 and scores[-1] == max(scores) > scores[0]:
        tries.reverse()
    if not options["distillation"]:
        tries.append(option("distillation", SOFT))
    return tries


def _rounded(rate: float) -> float:
    return float(f"{rate:.2g}")
