"""The episodes that a search scores in a second, beside a straightforward implementation, and where the time goes.

One search runs in this process, and every policy that it decides on is scored again outside its time: to the end, and
some of them by `benchmarks.paper_style`. `docs/speed.md` says how to read the numbers.
"""

from __future__ import annotations

import json
import multiprocessing
from collections import defaultdict
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from unittest import mock

import numpy as np
import torch
from scipy.stats import spearmanr
from torch import Tensor

import amc.recovery.calibration
import amc.scoring.candidates
from agents.ddpg.episodic_ddpg import EpisodicDDPG
from agents.episode import Episode
from agents.search.episode_log import EpisodeLog
from agents.search.problem import make_problem
from agents.strategies import make_strategy
from amc.compression.compressor import Compressor
from amc.data.preprocess import Preprocess
from amc.data.resident import ResidentImages
from amc.scoring.candidates import CALIBRATION_BATCHES, Candidates
from amc.scoring.executor import StatisticsPass
from amc.scoring.scoring_network import ScoringNetwork
from amc.task import CALIBRATION_BATCH, Task
from amc.utils.errors import UserError
from amc.utils.files import write_json
from benchmarks.forward_passes import relative_times
from benchmarks.paper_style import InputRows, PaperStyle, Pictures
from benchmarks.part_times import PartTimes
from benchmarks.runs import machine
from benchmarks.search_setup import make_task, peak_of_a_search
from scripts.command.cli import run

POSITIONS = 30
"""The positions of a convolution's output that are sampled in each of 1,000 images: least squares has 30,000 rows."""
BEST = 0.05
"""The share of the best candidates, none of which may be given up."""
BARE = 3
"""The number of policies whose bare forward passes are timed."""
MEMORY_EPISODES = 4
"""The episodes of the search whose memory is measured."""


@dataclass(frozen=True)
class Arguments:
    """Compare the speed of a search with that of a straightforward implementation."""

    model: str = "resnet56"
    """Network, as for scripts.train."""
    weights: str = "default"
    """Weights of the network, as for scripts.train."""
    data: str = "cifar10"
    """Images, as for scripts.train; they must fit in memory."""
    image_size: int | None = None
    """Pixels of the images, as for scripts.train."""
    budget: str = "macs=0.5"
    """The budget, as for scripts.train."""
    episodes: int = 120
    """Policies that the search scores."""
    paper_episodes: int = 30
    """Number of its policies that are scored the straightforward way, too."""
    seed: int = 0
    """Seed of the search."""
    out: Path = Path("runs/search-speed.json")
    """File for the numbers."""


def search_speed(arguments: Arguments) -> None:
    """Run the search, compare its policies with the straightforward way, and write and print the numbers."""
    rows: dict[str, list[Tensor]] = defaultdict(list)
    with _noted(rows):
        task, preprocess = _task(arguments)
        assert task.group_features.table.size, "which reads the rows"
    scorer = task.scorer()
    whole = Candidates(*scorer.candidates.arguments)  # the number format of both is chosen before the clock starts
    paper = _paper(task, preprocess, {name: torch.cat(parts).numpy() for name, parts in rows.items()})
    clock, apart = PartTimes(), PartTimes()
    every = max(arguments.episodes // arguments.paper_episodes, 1)
    found: list[dict[str, Any]] = []

    def compare(episode: Episode) -> None:
        with clock.part("apart"):
            row: dict[str, Any] = {"keeps": episode.kept_counts.tolist(), "images": episode.outcome.images}
            row |= {"raced": episode.outcome.accuracy, "parts": {}}
            with clock.apart() as parts, apart.part("whole"):
                row["whole"] = whole.score(episode.kept_counts).value
            row["parts"] = dict(parts)
            if episode.index % every == 0:
                with apart.part("paper"):
                    row["paper"] = paper.score(episode.kept_counts)
            found.append(row)
            print(
                f"{len(found)}/{arguments.episodes}: {row['whole']:.4f}, {row['images']:.0%} of the images", flush=True
            )

    with ExitStack() as stack:
        _time_parts(clock, stack)
        with clock.part("decide"):
            problem = make_problem(task, scorer)
            make_strategy("ddpg").search(problem, arguments.episodes, arguments.seed, EpisodeLog(compare))
    result = _speeds(clock, apart, found) | _faithfulness(found) | _passes(scorer.candidates, found)
    result |= {"paper_seconds": {part: seconds / _papers(found) for part, seconds in paper.seconds.items()}}
    result |= {"peak_memory_mb": _peak_memory(arguments), "dtype": str(whole.dtype), "machine": machine()}
    write_json(arguments.out, result)
    print(json.dumps(result, indent=1))


@contextmanager
def _noted(rows: dict[str, list[Tensor]]) -> Iterator[None]:
    """A context in which least squares samples `POSITIONS`, and its rows are noted by the weight that they are for."""

    def add_products(grams: dict[str, Tensor], name: str, added: Tensor) -> None:
        rows[name].append(added[0, :, :-1])  # without the column of ones
        original(grams, name, added)

    original = amc.recovery.calibration.add_products
    with (
        mock.patch.object(amc.recovery.calibration, "POSITIONS_PER_IMAGE", POSITIONS),
        mock.patch.object(amc.recovery.calibration, "add_products", add_products),
    ):
        yield


def _task(arguments: Arguments) -> tuple[Task, Preprocess | None]:
    given = arguments.model, arguments.weights, arguments.data, arguments.image_size, arguments.budget
    return make_task(*given, arguments.seed)


def _paper(task: Task, preprocess: Preprocess | None, rows: Mapping[str, InputRows]) -> PaperStyle:
    reward, calibration = task.search_images, task.splits.calibration
    if preprocess is None or not isinstance(reward, ResidentImages) or not isinstance(calibration, ResidentImages):
        raise UserError("the straightforward way needs images that fit in memory, and what they are normalised by")
    first = calibration.at(np.arange(CALIBRATION_BATCHES * CALIBRATION_BATCH))
    pictures = [Pictures(images, preprocess) for images in (first, reward)]
    return PaperStyle(task.model, task.graph, task.compressor.importance, rows, *pictures)


def _time_parts(clock: PartTimes, stack: ExitStack) -> None:
    """Time the parts of an episode."""
    clock.time_calls(stack, Compressor, "mask", "choose")
    clock.time_calls(stack, Compressor, "tensors", "reconstruct")
    clock.time_calls(stack, ScoringNetwork, "load", "build")
    clock.time_calls(stack, StatisticsPass, "take", "statistics")
    clock.time_calls(stack, amc.scoring.candidates, "answered_right", "forward")
    clock.time_calls(stack, EpisodicDDPG, "train", "learn")


def _papers(rows: list[dict[str, Any]]) -> int:
    return sum("paper" in row for row in rows)


def _speeds(clock: PartTimes, apart: PartTimes, rows: list[dict[str, Any]]) -> dict[str, Any]:
    """The episodes per second with racing, as the search ran, and without, as if all had been scored to the end."""
    count = len(rows)
    seconds = {part: total / count for part, total in clock.seconds.items() if part != "apart"}
    ours = sum(seconds.values())
    besides = seconds["decide"] + seconds.get("learn", 0.0)
    whole = apart.seconds["whole"] / count + besides
    paper = apart.seconds["paper"] / _papers(rows)
    again = _repeated(rows)
    return {
        "paper_episodes_per_second": 1 / paper,
        "episodes_per_second": 1 / ours,
        "episodes_per_second_without_racing": 1 / whole,
        "ratio": paper / ours,
        "ratio_without_racing": paper / whole,
        "learn_share": seconds.get("learn", 0.0) / ours,
        "seconds": seconds,
        "seconds_without_racing": {
            part: float(np.mean([row["parts"].get(part, 0.0) for row in rows])) for part in rows[0]["parts"]
        },
        "images_used": float(
            np.mean([row["images"] * (not is_known) for row, is_known in zip(rows, again, strict=True)])
        ),
        "repeated": float(np.mean(again)),
    }


def _repeated(rows: list[dict[str, Any]]) -> list[bool]:
    """Whether each policy had been scored to the end before, so that nothing ran for it."""
    known: set[tuple[int, ...]] = set()
    repeated = []
    for row in rows:
        kept_counts = tuple(row["keeps"])
        repeated.append(kept_counts in known)
        if row["images"] == 1:
            known.add(kept_counts)
    return repeated


def _faithfulness(rows: list[dict[str, Any]]) -> dict[str, Any]:
    """The differences between the fast scores and the straightforward ones."""
    whole = np.array([row["whole"] for row in rows])
    best = np.argsort(-whole, kind="stable")[: max(round(BEST * len(rows)), 1)]
    differences = [abs(row["paper"] - row["whole"]) for row in rows if "paper" in row]
    return {
        "largest_difference_points": 100 * max(differences),
        "mean_difference_points": 100 * float(np.mean(differences)),
        "rank_correlation": float(spearmanr(whole, [row["raced"] for row in rows]).statistic),
        "best_stopped": sum(rows[index]["images"] < 1 for index in best),
    }


def _passes(candidates: Candidates, rows: list[dict[str, Any]]) -> dict[str, Any]:
    """The medians of `relative_times` over a few policies, without a prefix cache: all of an episode is computed."""
    with mock.patch("amc.scoring.executor.prefix_cache.MOST_BYTES", 0):
        candidates = Candidates(*candidates.arguments)
    found = [relative_times(candidates, np.array(row["keeps"])) for row in rows[: BARE * 8 : 8]]
    return {name: float(np.median([each[name] for each in found])) for name in found[0]}


def _peak_memory(arguments: Arguments) -> float:
    """The peak memory in MiB of a process that does nothing but a short search."""
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        return pool.apply(_searched, (arguments,))


def _searched(arguments: Arguments) -> float:
    task, _ = _task(arguments)
    return peak_of_a_search(task, MEMORY_EPISODES, arguments.seed)


def main() -> None:
    """Run as a command."""
    run(search_speed, Arguments)


if __name__ == "__main__":
    main()
