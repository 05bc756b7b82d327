"""The result of a fine-tuning: the original, the pruned and the tuned network side by side."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from torch import nn

from agents.report.terminal.column_widths import Column
from agents.report.terminal.text_table import print_table
from amc.data.load import Splits
from amc.scoring.paired_test import Drop
from scripts.command.compared_scores import Score, Scoring

ORIGINAL, PRUNED, TUNED = "original", "pruned", "tuned"


@dataclass(frozen=True, eq=False)
class Comparison:
    """The scores of the original, the pruned and the tuned network, by name.

    Attributes:
        reward: Scores on the reward images.
        test: Scores on the test images.
    """

    reward: Mapping[str, float]
    test: Mapping[str, Score]

    @property
    def drops(self) -> dict[str, Drop | None]:
        """What the pruned and the tuned network lose against the original on the test images, by name."""
        return {name: self.test[ORIGINAL].drop_to(self.test[name]) for name in (PRUNED, TUNED)}

    def summary(self) -> dict[str, Any]:
        """The numbers of the comparison by the names that they have in `summary.json`."""
        return {
            **{f"{name}_accuracy": value for name, value in self.reward.items()},
            **{f"test_accuracy_{name}": score.value for name, score in self.test.items()},
            **{f"test_drop_{name}": drop and drop._asdict() for name, drop in self.drops.items()},
        }

    def print(self, scoring: Scoring) -> None:
        """Print a table with one row for each network."""
        rows = []
        for name, score in self.test.items():
            drop = self.drops.get(name)
            lost = "" if drop is None else "{:.2f} points ({:.2f} to {:.2f})".format(*(100 * each for each in drop))
            rows.append((name, scoring.shown(self.reward[name]), scoring.shown(score.value), lost))
        lost_header = Column("lost on the test split (95 % interval)", gives_way=1)
        print_table([Column("network"), Column("reward split"), Column("test split"), lost_header], rows)


def compare(
    scoring: Scoring,
    splits: Splits,
    original: nn.Module,
    pruned: nn.Module,
    tuned: nn.Module,
    reward_scores: tuple[float, float, float],
) -> Comparison:
    """Score the three networks on the test images, which is the one time that these are read.

    Args:
        scoring: The metric, and where the networks are.
        splits: The images.
        original: The network before pruning.
        pruned: The compact network before fine-tuning.
        tuned: The compact network after fine-tuning.
        reward_scores: The known scores of the three on the reward images, in this order.
    """
    networks = {ORIGINAL: original, PRUNED: pruned, TUNED: tuned}
    return Comparison(
        reward=dict(zip(networks, reward_scores, strict=True)),
        test={name: scoring(network, splits.test) for name, network in networks.items()},
    )
