"""The result of a fine-tuning: the original, the pruned and the tuned network side by side."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from amc.scoring.number_format import score
from amc.scoring.paired_test import Drop
from amc.utils.column_widths import Column
from amc.utils.tabular import Table

ORIGINAL, PRUNED, TUNED = "original", "pruned", "tuned"
NETWORKS = (ORIGINAL, PRUNED, TUNED)


@dataclass(frozen=True)
class Comparison:
    """The scores of the original, the pruned and the tuned network, by name; in [0, 1] for accuracies.

    Attributes:
        metric: The name of the metric.
        reward: Scores on the reward images.
        test: Scores on the test images.
        drops: What the pruned and the tuned network lose against the original on the test images, image by image; None
            for metrics other than top1 and top5.
    """

    metric: str
    reward: Mapping[str, float]
    test: Mapping[str, float]
    drops: Mapping[str, Drop | None]

    def summary(self) -> dict[str, Any]:
        """The numbers of the comparison by the names that they have in `summary.json`."""
        return {
            "metric": self.metric,
            **{f"{name}_accuracy": value for name, value in self.reward.items()},
            **{f"test_accuracy_{name}": value for name, value in self.test.items()},
            **{f"test_drop_{name}": drop and drop._asdict() for name, drop in self.drops.items()},
        }

    @property
    def table(self) -> Table:
        """The table with one row for each network."""
        columns = [
            Column("network", is_text=True),
            Column("reward images"),
            Column("test images"),
            Column("lost on test images (95 % interval)", gives_way=1),
        ]
        rows = [
            (
                name,
                score(self.metric, self.reward[name]),
                score(self.metric, self.test[name]),
                lost_points(self.drops.get(name)),
            )
            for name in NETWORKS
        ]
        return Table("", columns, rows)


def lost_points(drop: Drop | None) -> str:
    """Write the fall of an accuracy with its interval in percentage points; nothing where it is not known."""
    return "" if drop is None else "{:.2f} points ({:.2f} to {:.2f})".format(*(100 * each for each in drop))
