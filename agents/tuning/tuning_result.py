"""The result of a fine-tuning, and the files that it is saved as."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from torch import nn

from agents.report import charts, write_report
from agents.report.tensorboard.training_events import Point, TrainingEvents
from agents.report.tuning.comparison import Comparison
from agents.report.tuning.tuning_advice import advice
from agents.tuning.tuning_options import TuningOptions
from agents.tuning.tuning_problem import TuningProblem
from amc.artifacts.policy import Policy, save_compact
from amc.artifacts.run_folder import SUMMARY_FILE, check_free
from amc.artifacts.snapshots import Snapshot
from amc.scoring.number_format import metric_name, score
from amc.training.training_progress import Epoch, TrainingProgress, save_training
from amc.utils.errors import UserError
from amc.utils.files import write_json
from amc.utils.tabular import Table, Tabular
from amc.utils.text import counted

if TYPE_CHECKING:
    from matplotlib.figure import Figure


@dataclass(frozen=True, eq=False, repr=False)
class TuningResult(Tabular):
    """The result of a fine-tuning: the tuned network, and all numbers on the way to it.

    Attributes:
        network: The tuned network, in evaluation mode: that of the best epoch, or the pruned one where none is better.
        policy: How the original was cut, with the tuned network's score, as `policy.json` holds it.
        comparison: The scores of the original, the pruned and the tuned network.
        problem: What was fine-tuned.
        options: How it was trained.
        arguments: All options by name, as later commands read them.
        checkpoint: The last checkpoint, with a description of the fine-tuning.
        points: The numbers of each step, as TensorBoard shows them; those of this process alone.
        steps: The number of batches that the network was trained on.
        seconds: Seconds that were spent training.
        wall_seconds: Seconds that everything took.
        interrupted: Whether the user ended it before its time.
    """

    network: nn.Module
    policy: Policy
    comparison: Comparison
    problem: TuningProblem
    options: TuningOptions
    arguments: Mapping[str, Any]
    checkpoint: Snapshot[TrainingProgress]
    points: Sequence[Point]
    steps: int
    seconds: float
    wall_seconds: float
    interrupted: bool

    @property
    def class_names(self) -> tuple[str, ...] | None:
        """The names of the network's classes in the order of its outputs; None where they are not known."""
        return self.problem.splits.class_names

    @property
    def epochs(self) -> tuple[Epoch, ...]:
        """The mean loss of every epoch, and the score on the reward images after it."""
        return self.checkpoint.past.epochs

    @property
    def advice(self) -> str:
        """Sentences on what may help where no epoch beats the pruned network; empty where one does."""
        reward = self.comparison.reward
        return advice(
            reward["pruned"], reward["original"], self.epochs, vars(self.options), interrupted=self.interrupted
        )

    @property
    def summary(self) -> dict[str, Any]:
        """Every number of the fine-tuning by name, as `summary.json` holds them; accuracies are in [0, 1]."""
        return self.comparison.summary() | {
            "epochs": list(map(asdict, self.epochs)),
            "arguments": dict(self.arguments),
            "tuning_seconds": self.seconds,
            "wall_seconds": self.wall_seconds,
            "interrupted": self.interrupted,
        }

    @property
    def tables(self) -> Sequence[Table]:
        """The table of the three networks, with what may help where the training did not."""
        table = self.comparison.table
        return [Table(table.title, table.columns, table.rows, [self.advice] if self.advice else [])]

    @property
    def _has_better_epoch(self) -> bool:
        return self.comparison.reward["tuned"] > self.comparison.reward["pruned"]

    def __repr__(self) -> str:
        """Return the result in a line."""
        metric, test = self.comparison.metric, self.comparison.test
        scores = ", ".join(f"{name} {score(metric, value)}" for name, value in test.items())
        return (
            f"<TuningResult of {self.policy.model}: {metric_name(metric)} on test images: {scores};"
            f" {counted(len(self.epochs), 'epoch')} in {self.seconds:.1f} s{', interrupted' * self.interrupted}"
            f"{'' if self._has_better_epoch else ' (no epoch was better: the pruned network)'}>"
        )

    def plot(self) -> Figure:
        """Draw loss and score of every epoch, with the scores of the pruned and the original network as lines.

        Raises:
            UserError: It was interrupted before an epoch was over, so that there is nothing to draw.
        """
        if not self.epochs:
            raise UserError("no epoch is over, so there is nothing to draw")
        reward = self.comparison.reward
        return charts.training_curves(self.epochs, reward["pruned"], reward["original"], self.comparison.metric)

    def save(self, folder: str | Path) -> None:
        """Write the files that the command leaves, into a folder that is new or empty.

        Raises:
            UserError: The folder is not free, or can't be written to.
        """
        folder = Path(folder)
        check_free(folder)
        save_training(folder, self.steps, self.checkpoint)
        save_compact(folder, self.policy, self.network)
        events = TrainingEvents(folder, 0)
        events.write(self.points)
        self.write_numbers(folder, events)

    def write_numbers(self, folder: Path, events: TrainingEvents) -> None:
        """Write the summary and the report into the folder, and end the TensorBoard events."""
        write_json(folder / SUMMARY_FILE, self.summary)
        events.close(self.summary, self.steps)
        write_report(folder)
