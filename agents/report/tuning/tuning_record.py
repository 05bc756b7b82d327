"""What the folder of a fine-tuning tells, whether it has ended or not."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from agents.report.run_summary import Interval, RunSources
from agents.report.tuning.comparison import NETWORKS, PRUNED, TUNED, Comparison
from amc.artifacts.checked_json import Count, checked, read_object
from amc.artifacts.policy import POLICY_FILE, CostReached, LatencyReached, read_policy
from amc.artifacts.run_folder import SUMMARY_FILE
from amc.artifacts.snapshots import snapshot_names
from amc.scoring.paired_test import Drop
from amc.training.training_progress import UNIT, Epoch, latest_training
from amc.utils.errors import UserError

PRETRAIN = "pretrain"
"""The program whose trainings have no report."""


@dataclass(frozen=True)
class TuningSetup:
    """What a fine-tuning is of, and what was asked for; its checkpoints hold it.

    Attributes:
        model: The name of the network.
        metric: The name of the metric of all scores.
        source: The folder that the compact network came from; empty where it came from Python.
        seed: The seed of the order and the changes of the images.
        original: The score of the original network on the reward images.
        options: The options of the training by name, with the number of `epochs` and the learning rate `lr`.
        costs: The costs of one image before and after pruning, by kind.
        latency: The measured latency before and after; None where it is not known.
    """

    model: str
    metric: str
    source: str
    seed: Count
    original: float
    options: Mapping[str, Any]
    costs: Mapping[str, CostReached]
    latency: LatencyReached | None = None

    @property
    def epochs(self) -> int:
        """The epochs that were asked for."""
        return int(self.options["epochs"])


@dataclass(frozen=True)
class TuningDescription:
    """What the checkpoints of a fine-tuning say of it.

    Attributes:
        program: The program that it was begun by.
        words: The options of the command, as words of a command line; none from Python.
        before: The score of the pruned network on the reward images.
        epochs: The epochs that are over.
        seconds: How long it took up to the checkpoint.
        versions: The versions of Python and of packages.
        tuning: What it is of, and what was asked for.
    """

    program: str
    words: tuple[str, ...]
    before: float
    epochs: tuple[Epoch, ...]
    seconds: float
    versions: Mapping[str, str]
    tuning: TuningSetup


@dataclass(frozen=True)
class TuningSummary:
    """The numbers of a fine-tuning that has ended, as far as its report shows them, as `summary.json` names them."""

    original_accuracy: float
    pruned_accuracy: float
    tuned_accuracy: float
    test_accuracy_original: float
    test_accuracy_pruned: float
    test_accuracy_tuned: float
    test_drop_pruned: Interval | None
    test_drop_tuned: Interval | None
    wall_seconds: float
    arguments: RunSources
    interrupted: bool = False


@dataclass(frozen=True)
class TuningRecord(TuningDescription):
    """A fine-tuning: its description at the last checkpoint, and its numbers once it has ended.

    Attributes:
        folder: The folder of the fine-tuning.
        summary: The numbers of `summary.json`; None before there are any.
    """

    folder: Path
    summary: TuningSummary | None

    @property
    def best_score(self) -> float:
        """The best score on the reward images so far, the pruned network's included."""
        return max([self.before, *(epoch.score for epoch in self.epochs)])

    @property
    def comparison(self) -> Comparison | None:
        """The three networks side by side; None before the fine-tuning has ended."""
        found = self.summary
        if found is None:
            return None
        return Comparison(
            self.tuning.metric,
            {name: getattr(found, f"{name}_accuracy") for name in NETWORKS},
            {name: getattr(found, f"test_accuracy_{name}") for name in NETWORKS},
            {PRUNED: _drop(found.test_drop_pruned), TUNED: _drop(found.test_drop_tuned)},
        )


def _drop(stored: Interval | None) -> Drop | None:
    return Drop(**vars(stored)) if stored else None


def is_training(folder: Path) -> bool:
    """Whether the folder holds checkpoints of a training."""
    return any(name.startswith(f"{UNIT}-") for name in snapshot_names(folder))


def read_tuning(folder: Path) -> TuningRecord:
    """Read what a fine-tuning has left in its folder so far.

    Raises:
        UserError: No fine-tuning is there, its files are damaged, or it has not ended and an earlier version began it.
    """
    run = latest_training(folder)[0].run
    if run.get("program") == PRETRAIN:
        raise UserError(f"{folder} holds a training from the start, which has no report")
    path = folder / SUMMARY_FILE
    content = read_object(path) if path.exists() else None
    summary = None if content is None else checked(content, TuningSummary, path)
    if "tuning" not in run:
        if content is None:
            raise UserError(f"{folder} was begun by an earlier version, and has no report before it has ended")
        run = {**run, "tuning": _setup_by_results(folder, content)}
    description = checked(run, TuningDescription, f"the checkpoint in {folder}")
    return TuningRecord(**vars(description), folder=folder, summary=summary)


def _setup_by_results(folder: Path, summary: Mapping[str, Any]) -> dict[str, Any]:
    """The setup of a fine-tuning that an earlier version made, put together from its results."""
    policy, arguments = read_policy(folder / POLICY_FILE), summary["arguments"]
    return {
        "model": policy.model,
        "metric": arguments["metric"],
        "source": arguments["run_dir"],
        "seed": arguments["seed"],
        "original": summary["original_accuracy"],
        "options": {name: arguments[name] for name in OPTIONS if name in arguments},
        "costs": policy.costs,
        "latency": policy.latency,
    }


OPTIONS = (
    "epochs",
    "lr",
    "batch_size",
    "schedule",
    "weight_decay",
    "label_smoothing",
    "crop_padding",
    "flip",
    "distillation",
    "temperature",
    "precision",
    "accumulate",
    "ema",
    "loss",
)
"""The options of a fine-tuning that its report names, in the order in which it does."""
