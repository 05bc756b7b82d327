"""How well each score on a few images tells which policies are best on others: the table of docs/signal.md.

Random policies are scored on all reward images once; then a score on m images is compared, by Spearman's rank
correlation, with the accuracy on those that were not drawn. Policies that are already in `--out` are not scored again.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.stats import rankdata

from agents.exploration import random_policy
from amc.data.load import load_data
from amc.data.splits import SplitSizes
from amc.networks.sources import load_network
from amc.scoring.image_losses import FIDELITY, LOSS
from amc.scoring.score import Answers
from amc.task import Task
from amc.task_options import TaskOptions
from amc.utils.defaults import ACCURACY
from amc.utils.files import write_json, write_text
from benchmarks.runs import machine
from scripts.command.cli import run

BLEND = "fidelity and loss"
SCORES = (ACCURACY, LOSS, FIDELITY, BLEND)
"""The scores that are compared; a blend is the sum of losses, each over its deviation between policies."""
DRAWS = 60
"""How many times images are drawn."""


@dataclass(frozen=True)
class Arguments:
    """Score random policies by every score, and compare the scores with the accuracy on other images."""

    weights: str
    """A weights file for the network."""
    data: str
    """Images, as for scripts.train."""
    out: Path
    """Folder for the answers (signal.sqlite), the numbers (signal.json) and the table (signal.md)."""
    model: str = "resnet20"
    """Network, as for scripts.train."""
    budget: str = "macs=0.5"
    """The budget, as for scripts.train."""
    recoveries: tuple[str, ...] = ("both",)
    """Recoveries of the scored networks."""
    policies: int = 101
    """Random policies."""
    images: tuple[int, ...] = (100, 250, 500, 1000, 2000)
    """Numbers of images that are scored on; those left must be enough to judge on."""


def signal(arguments: Arguments) -> None:
    """Score what is missing, then write the correlations."""
    path = arguments.out / "signal.json"
    rows: list[dict[str, Any]] = json.loads(path.read_text(encoding="utf-8"))["rows"] if path.exists() else []
    for recovery in arguments.recoveries:
        answers = {score: _answers(arguments, recovery, score) for score in (LOSS, FIDELITY)}
        rows = [row for row in rows if (row["model"], row["recovery"]) != (arguments.model, recovery)]
        rows += [
            {"model": arguments.model, "recovery": recovery, "budget": arguments.budget, **row}
            for row in correlations(answers[FIDELITY], answers[LOSS], arguments.images)
        ]
        write_json(path, {"machine": machine(), "rows": rows})
        write_text(arguments.out / "signal.md", table(rows))


def _answers(arguments: Arguments, recovery: str, score: str) -> list[Answers]:
    """The answers of random policies to all reward images."""
    network = load_network(arguments.model, arguments.weights)
    splits = load_data(arguments.data, network.preprocess, SplitSizes(), 0)
    task = Task(network.model, splits, [arguments.budget], TaskOptions(score=score, search_recovery=recovery))
    drawn = [random_policy(np.random.default_rng((0, each)), task.budgets) for each in range(arguments.policies)]
    with task.scorer(cache=arguments.out / "signal.sqlite") as scorer:
        found = [each.answers for each in scorer.all(drawn)]
    return [each for each in found if each is not None]


def correlations(
    fidelity: Sequence[Answers], loss: Sequence[Answers], images: Sequence[int]
) -> list[dict[str, float | int | str]]:
    """Spearman's correlation of each score on some images with the accuracy on the others, a mean over draws.

    Args:
        fidelity: The answers of each policy to all images, with the divergences from the original.
        loss: The same answers with the cross-entropies.
        images: The numbers of images that are scored on.
    """
    right = np.stack([each.right for each in fidelity]).astype(np.float64)
    losses = {
        ACCURACY: 1 - right,
        LOSS: np.stack([each.losses for each in loss]).astype(np.float64),
        FIDELITY: np.stack([each.losses for each in fidelity]).astype(np.float64),
    }
    deviations = {score: each.mean(axis=1).std() for score, each in losses.items()}
    losses[BLEND] = losses[LOSS] / deviations[LOSS] + losses[FIDELITY] / deviations[FIDELITY]
    best = np.argsort(-right.mean(axis=1))[: len(right) // 2]
    rows: list[dict[str, float | int | str]] = []
    for count in images:
        found: dict[tuple[str, str], list[float]] = {}
        for draw in range(DRAWS):
            order = np.random.default_rng((draw, count)).permutation(right.shape[1])
            judged = right[:, order[count:]].mean(axis=1)
            for score, each in losses.items():
                scored = -each[:, order[:count]].mean(axis=1)
                for of, chosen in (("all", np.arange(len(right))), ("best half", best)):
                    found.setdefault((score, of), []).append(_spearman(scored[chosen], judged[chosen]))
        rows += [
            {"images": count, "score": score, "policies": of, "correlation": float(np.mean(each))}
            for (score, of), each in found.items()
        ]
    return rows


def _spearman(one: NDArray[np.float64], other: NDArray[np.float64]) -> float:
    return float(np.corrcoef(rankdata(one), rankdata(other))[0, 1])


def table(rows: Sequence[dict[str, Any]]) -> str:
    """A table for each network and recovery, with a row for each number of images."""
    lines = []
    for model, recovery, budget in dict.fromkeys((row["model"], row["recovery"], row["budget"]) for row in rows):
        own = [row for row in rows if (row["model"], row["recovery"]) == (model, recovery)]
        known = {(row["images"], row["policies"], row["score"]): row["correlation"] for row in own}
        names = [f"{of}: {score}" for of in ("all", "best half") for score in SCORES]
        lines += [f"{model}, {recovery}, {budget}:", "", f"| images | {' | '.join(names)} |"]
        lines.append(f"|{'---|' * (len(names) + 1)}")
        for count in dict.fromkeys(row["images"] for row in own):
            cells = [f"{known[count, of, score]:.3f}" for of in ("all", "best half") for score in SCORES]
            lines.append(f"| {count:,} | {' | '.join(cells)} |")
        lines.append("")
    return "\n".join(lines)


def main() -> None:
    """Run as a command."""
    run(signal, Arguments)


if __name__ == "__main__":
    main()
