"""What a user may try where no epoch of a fine-tuning beats the pruned network."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from amc.training.training_progress import Epoch
from amc.utils.option_names import option
from amc.utils.text import counted

SOFT = 0.9
"""The share of the soft targets in the loss that is advised where there are none."""
LEAST_RATE = 1e-4
"""The learning rate below which a lower one is not advised: it hardly changes a network within some epochs."""


def advice(
    before: float, original: float, epochs: Sequence[Epoch], options: Mapping[str, Any], *, interrupted: bool = False
) -> str:
    """The sentences that say that the pruned network is kept, and what may help; nothing where an epoch is better.

    Args:
        before: The score of the pruned network on the reward images.
        original: The score of the original network on them.
        epochs: The epochs that are over.
        options: The options of the training by name, with `epochs`, `lr` and `distillation`.
        interrupted: Whether the user ended the training before its time.
    """
    scores = [epoch.score for epoch in epochs]
    if interrupted and not scores:
        return "It was interrupted before its first epoch was over: the pruned network is kept."
    if not scores or max(scores) > before:
        return ""
    if before >= original:
        why = "It scores no less there than the original; only test images tell whether pruning cost anything"
    elif _rises(scores):
        why = "The score was still rising in the last epoch"
    elif options["lr"] <= LEAST_RATE:
        why = "The learning rate is low already"
    else:
        why = "A learning rate that is too high takes away more than the epochs bring back"
    begun = f"It was interrupted after {len(scores)} of {counted(options['epochs'], 'epoch')}. " if interrupted else ""
    return (
        f"{begun}No epoch beats the pruned network on the reward images: the pruned network is kept. {why}."
        f" What may help: {', '.join(_to_try(scores, options))}."
    )


def _to_try(scores: Sequence[float], options: Mapping[str, Any]) -> list[str]:
    """The options that may help, the most promising first."""
    tries = [option("epochs", 2 * options["epochs"])]
    if options["lr"] > LEAST_RATE:
        tries.insert(0, option("lr", _rounded(max(options["lr"] / 10, LEAST_RATE))))
    else:
        tries.append("more training images")
    if _rises(scores):
        tries.sort(key=lambda each: "epochs" not in each)
    if not options["distillation"]:
        tries.append(option("distillation", SOFT))
    return tries


def _rises(scores: Sequence[float]) -> bool:
    """Whether the last epoch is the best one, and better than the first."""
    return len(scores) > 1 and scores[-1] == max(scores) > scores[0]


def _rounded(rate: float) -> float:
    return float(f"{rate:.2g}")
