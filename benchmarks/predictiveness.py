"""Rank correlations of the scores before and after fine-tuning, over random policies, for each way of recovery.

The table of docs/predictiveness.md comes from this command. Policies that are already in `--out` are not measured
again, so it can be interrupted.
"""

from __future__ import annotations

import collections
import json
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median, stdev
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.stats import rankdata
from torch import nn

from agents.exploration import random_policy
from amc.data.augment import Augmentation
from amc.data.load import load_data
from amc.networks.sources import load_network
from amc.pruning.inference_form import for_inference
from amc.recovery.recoveries import RECOVERIES
from amc.task import Task
from amc.task_options import TaskOptions
from amc.training.distillation import Distillation
from amc.training.objectives import ClassObjective
from amc.training.training_loop import Recipe, Training
from amc.utils.defaults import CLOSED_FORMS
from amc.utils.files import write_json, write_text
from benchmarks.runs import machine, percent
from scripts.command.cli import run

RESAMPLES = 2000
"""The number of resamples of a bootstrap interval."""
CPU = torch.device("cpu")


@dataclass(frozen=True)
class Arguments:
    """Score random policies after each way of recovery, fine-tune each once for a short while, and correlate."""

    data: str
    """Images, as for scripts.train."""
    out: Path
    """Folder for the numbers (predictiveness.json) and the table (predictiveness.md)."""
    model: str = "resnet20"
    """Network, as for scripts.train."""
    weights: str = "default"
    """Weights of the network, as for scripts.train."""
    budget: str = "macs=0.5"
    """The budget, as for scripts.train."""
    policies: int = 40
    """Random policies."""
    images: int = 5000
    """Training images that each is fine-tuned on, once."""
    lr: float = 0.02
    """Peak learning rate of fine-tuning."""
    seed: int = 0
    """Seed of the policies, the calibration images and the training."""


class Predictiveness(NamedTuple):
    """A rank correlation in [-1, 1], and the ends of its 95 % interval."""

    value: float
    low: float
    high: float


def predictiveness(arguments: Arguments) -> None:
    """Measure the policies that are missing, then write the table."""
    path = arguments.out / "predictiveness.json"
    rows: list[dict[str, Any]] = json.loads(path.read_text(encoding="utf-8"))["rows"] if path.exists() else []
    for row in _rows(arguments, len(rows)):
        rows.append(row)
        write_json(path, {"machine": machine(), "rows": rows})
        scores = ", ".join(f"{way} {percent(score)}" for way, score in row["scores"].items())
        print(f"policy {len(rows)}/{arguments.policies}: {scores}, tuned {percent(row['tuned'])}", flush=True)
    table = _table(rows)
    write_text(arguments.out / "predictiveness.md", table)
    print(table)


def _rows(arguments: Arguments, known: int) -> Iterator[dict[str, Any]]:
    """The rows of policies that are missing: kept counts, scores and seconds by recovery, score after fine-tuning."""
    if known >= arguments.policies:
        return
    network = load_network(arguments.model, arguments.weights)
    splits = load_data(arguments.data, network.preprocess, seed=arguments.seed)
    task = Task(network.model, splits, [arguments.budget], options=TaskOptions(seed=arguments.seed))
    for way in RECOVERIES:  # what is done once for all networks
        task.compressor.compact(task.compressor.mask(task.graph.full), way)
    images = splits.train.take(arguments.images, arguments.seed)
    teacher = for_inference(task.model, task.graph)
    recipe = Recipe(
        epochs=1,
        batch_size=128,
        learning_rate=arguments.lr,
        weight_decay=5e-4,
        label_smoothing=0.0,
        augmentation=Augmentation(crop_padding=4, flip=True),
        seed=arguments.seed,
        precision="auto",
    )

    def tune(pruned: nn.Module) -> None:
        objective = ClassObjective(distillation=Distillation(teacher, temperature=4.0, weight=0.9))
        training = Training(pruned, images, recipe, CPU, objective)
        collections.deque(training.rest_of_epoch(), maxlen=0)

    for number in range(known, arguments.policies):
        kept_counts = random_policy(np.random.default_rng([arguments.seed, number]), task.budgets)
        row: dict[str, Any] = {"keeps": kept_counts.tolist(), "scores": {}, "seconds": {}}
        for way in RECOVERIES:
            start = time.perf_counter()
            pruned, _ = task.compressor.compact(task.compressor.mask(kept_counts), way)
            row["seconds"][way] = time.perf_counter() - start
            row["scores"][way] = task.accuracy(pruned, splits.reward)
            if way == CLOSED_FORMS[0]:
                tuned = pruned
        tune(tuned)
        yield row | {"tuned": task.accuracy(tuned, splits.reward)}


def correlation(scores: Sequence[float], tuned: Sequence[float]) -> Predictiveness:
    """Spearman's rank correlation of scores before and after fine-tuning, with a bootstrap interval (Efron 1979)."""
    low, high = np.nanpercentile(_resampled(scores, tuned), [2.5, 97.5])  # resamples of equal policies have none
    return Predictiveness(float(_rank_correlation(np.column_stack([scores, tuned]))), float(low), float(high))


def _resampled(scores: Sequence[float], tuned: Sequence[float]) -> NDArray[np.float64]:
    """The correlation in each of `RESAMPLES` samples of the policies, the same ones whatever the scores."""
    pairs = np.column_stack([scores, tuned])
    return _rank_correlation(pairs[np.random.default_rng(0).integers(len(pairs), size=(RESAMPLES, len(pairs)))])


def _rank_correlation(pairs: NDArray[np.float64]) -> NDArray[np.float64]:
    """Spearman's rank correlation of pairs `(..., policies, 2)`, `(...)`."""
    ranks = rankdata(pairs, axis=-2)
    centred = ranks - ranks.mean(axis=-2, keepdims=True)
    with np.errstate(invalid="ignore"):
        return centred.prod(axis=-1).sum(axis=-1) / np.sqrt((centred**2).sum(axis=-2).prod(axis=-1))


def recommended(scores: Mapping[str, Sequence[float]], tuned: Sequence[float], seconds: Mapping[str, float]) -> str:
    """The cheapest way of recovery that is not clearly behind the best: the interval of their difference reaches 0.

    Both are correlated with `tuned` over the same resampled policies, so what makes some policies hard to tell apart
    for all ways alike is not counted against any.
    """
    samples = {way: _resampled(each, tuned) for way, each in scores.items()}
    best = max(samples, key=lambda way: correlation(scores[way], tuned).value)
    behind = {way: np.nanpercentile(samples[best] - each, 2.5) for way, each in samples.items()}
    return min((way for way, least in behind.items() if least <= 0), key=lambda way: seconds[way])


def _table(rows: list[dict[str, Any]]) -> str:
    """The spread of the tuned networks, a row for each way of recovery, and the recommendation."""
    tuned = [row["tuned"] for row in rows]
    scores = {way: [row["scores"][way] for row in rows] for way in RECOVERIES}
    seconds = {way: median(row["seconds"][way] for row in rows) for way in RECOVERIES}
    found = {way: correlation(scores[way], tuned) for way in RECOVERIES}
    lines = [
        f"{len(rows)} policies; tuned: {percent(min(tuned))} to {percent(max(tuned))},"
        f" standard deviation {100 * stdev(tuned):.2f} points.",
        "",
        "| `--recovery` | rank correlation with the tuned accuracy | 95 % interval | untuned accuracy | seconds |",
        "|---|---|---|---|---|",
    ]
    for way, (value, low, high) in found.items():
        spread = f"{percent(min(scores[way]))} to {percent(max(scores[way]))}"
        lines.append(f"| `{way}` | {value:.2f} | {low:.2f} to {high:.2f} | {spread} | {seconds[way]:.1f} |")
    return "\n".join([*lines, "", f"Recommended: `{recommended(scores, tuned, seconds)}`."]) + "\n"


def main() -> None:
    """Run as a command."""
    run(predictiveness, Arguments)


if __name__ == "__main__":
    main()
