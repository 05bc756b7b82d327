"""What each part of the agent is worth: searches of a network with one part of it taken away, seed by seed.

All searches see one half of the reward images and share a file of scores; the other half judges what they found. Rows
that are already in `--out` are not made again, so it can be interrupted, and run in parts.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any
from unittest.mock import patch

import numpy as np

from agents.ddpg.settings import PRESETS, DDPGSettings
from agents.episode import Episode, Past, best_so_far
from agents.exploration import varied_policies
from agents.rules.demonstrations import first_policy
from agents.search.problem import make_problem
from agents.strategies import Ddpg
from agents.surrogate.proposer import SIGMA
from amc.cost.budget import Budgets
from amc.data.load import Splits, load_data
from amc.data.resident import ResidentImages
from amc.graph import KeptCounts
from amc.networks.sources import load_network
from amc.task import Task
from amc.task_options import TaskOptions
from amc.utils.files import write_json, write_text
from amc.utils.registry import look_up
from benchmarks.exact_table import JUDGED, SEARCHED, half
from benchmarks.intervals import mean_and_half
from benchmarks.runs import machine
from scripts.command.cli import run

COUNTS = (10, 25, 50)
"""The numbers of evaluations after which the best so far is noted."""
WHOLE = "the whole agent"


class _WithoutActor(Ddpg):
    """The model alone proposes, from first to last: the actor is never trained, and its policies are no candidates."""

    def _warmup(self, episodes: int) -> int:
        return episodes


@dataclass(frozen=True)
class Part:
    """The agent with something taken away.

    Attributes:
        settings: Its settings.
        change: Makes the change of the code, where it is no setting.
        make: Makes the strategy of the settings.
    """

    settings: DDPGSettings = PRESETS["tuned"]
    change: Callable[[], AbstractContextManager[Any]] = nullcontext
    make: Callable[[DDPGSettings], Ddpg] = Ddpg


def _changed(**settings: Any) -> Part:
    return Part(replace(PRESETS["tuned"], **settings))


def _only_varied(budgets: Budgets, policies: KeptCounts, rng: np.random.Generator) -> KeptCounts:
    return varied_policies(rng, budgets, policies[0], SIGMA, len(policies))


PARTS = {
    WHOLE: Part(),
    "demonstrations by rules": Part(
        change=lambda: patch("agents.ddpg.explorer.demonstrations", lambda problem: [first_policy(problem)])
    ),
    "the expected change in the model": Part(
        change=lambda: patch(
            "envs.PruningProblem.expected_change", lambda _, policies: np.zeros(len(policies), dtype=np.float64)
        )
    ),
    "random policies": _changed(random_policies=0),
    "groups by themselves in the model": Part(change=lambda: patch("agents.surrogate.gaussian_process.ALONE", 1e-6)),
    "groups together in the model": Part(change=lambda: patch("agents.surrogate.gaussian_process.TOGETHER", 1e-6)),
    "swaps": Part(change=lambda: patch("agents.surrogate.proposer.swapped_policies", _only_varied)),
    "the actor": Part(make=_WithoutActor),
    "imitation": _changed(imitation=0.0),
    "the episode's reward as target": _changed(monte_carlo=False),
    "rewards over their deviation": _changed(standardised=False),
    "the model": _changed(surrogate=False),
    "all: the paper's settings": Part(PRESETS["paper"]),
}
"""What is taken away, by the name in the table."""


@dataclass(frozen=True)
class Arguments:
    """Search with each part of the agent taken away, with every seed that is missing, then write the table."""

    out: Path
    """Folder for the rows (ablation.json), the table (ablation.md) and the scores that searches share."""
    model: str = "digits_resnet"
    """Network, as for amc train."""
    weights: str = "default"
    """Its weights, as for amc train."""
    data: str = "digits"
    """Its images, as for amc train."""
    budget: str = "params=0.055"
    """The budget."""
    search_recovery: str = "auto"
    """How scored networks are recovered, as for amc train."""
    evaluations: int = 50
    """Networks that each search may score."""
    seeds: int = 10
    """Seeds, from 0 on."""
    parts: tuple[str, ...] = tuple(PARTS)
    """What is taken away."""


def agent_ablation(arguments: Arguments) -> None:
    """Make the searches that are missing, then write the table."""
    parts = {name: look_up("part", name, PARTS) for name in arguments.parts}
    path = arguments.out / "ablation.json"
    rows: list[dict[str, Any]] = json.loads(path.read_text(encoding="utf-8"))["rows"] if path.exists() else []
    known = {(row["model"], row["budget"], row["part"], row["seed"]) for row in rows}
    place = {"model": arguments.model, "budget": arguments.budget}
    todo = [
        (name, seed) for seed in range(arguments.seeds) for name in parts if (*place.values(), name, seed) not in known
    ]
    tasks = _tasks(arguments) if todo else None
    for name, seed in todo:
        assert tasks is not None
        found = _searched(*tasks, parts[name], arguments, seed)
        rows.append({**place, "part": name, "seed": seed, **found})
        write_json(path, {"machine": machine(), "rows": rows})
        print(f"without {name}, seed {seed}: {found}", flush=True)
    write_text(arguments.out / "ablation.md", page(rows))


def _tasks(arguments: Arguments) -> tuple[Task, Splits]:
    """The task on the half of the images that is searched on, and all images."""
    network = load_network(arguments.model, arguments.weights)
    splits = load_data(arguments.data, network.preprocess, seed=0)
    assert isinstance(splits.reward, ResidentImages)
    options = TaskOptions(search_recovery=arguments.search_recovery)
    searched = replace(splits, reward=splits.reward.at(half(splits, SEARCHED)))
    return Task(network.model, searched, [arguments.budget], options), splits


def _searched(task: Task, splits: Splits, part: Part, arguments: Arguments, seed: int) -> dict[str, Any]:
    episodes: list[Episode] = []
    begun = time.process_time()
    with part.change(), task.scorer(cache=arguments.out / "scores.sqlite") as scorer:
        part.make(part.settings).search(
            make_problem(task, scorer), arguments.evaluations, seed, episodes.append, Past()
        )
    seconds = time.process_time() - begun
    best = [episode for episode in best_so_far(episodes) if episode is not None]
    assert len(best) == len(episodes), "every policy of an agent is within the budget"
    scores = {str(count): 1 + best[count - 1].reward for count in COUNTS}
    network, _ = task.compact(best[-1].kept_counts)
    assert isinstance(splits.reward, ResidentImages)
    return {
        **scores,
        "judged": task.accuracy(network, splits.reward.at(half(splits, JUDGED))),
        "seconds": seconds,
    }


def page(rows: Sequence[dict[str, Any]]) -> str:
    """A table for each network, with a row for each part that is taken away."""
    lines: list[str] = []
    for place in dict.fromkeys((row["model"], row["budget"]) for row in rows):
        own = [row for row in rows if (row["model"], row["budget"]) == place]
        lines += [f"{place[0]}, {place[1]}:", "", f"| without | seeds | {' | '.join(map(str, COUNTS))} | judged | s |"]
        lines.append(f"|{'---|' * (len(COUNTS) + 4)}")
        lines += [*_lines(own), ""]
    return "\n".join(lines)


def _lines(rows: Sequence[dict[str, Any]]) -> Iterator[str]:
    whole = {row["seed"]: row for row in rows if row["part"] == WHOLE}
    for part in PARTS:
        own = {row["seed"]: row for row in rows if row["part"] == part}
        pairs = [(row, whole[seed] if part != WHOLE else None) for seed, row in own.items() if seed in whole]
        if not pairs:
            continue
        cells = [_cell(pairs, name) for name in (*map(str, COUNTS), "judged")]
        seconds = np.mean([row["seconds"] for row, _ in pairs])
        yield f"| {part} | {len(pairs)} | {' | '.join(cells)} | {seconds:.0f} |"


def _cell(pairs: Sequence[tuple[dict[str, Any], dict[str, Any] | None]], name: str) -> str:
    """The mean in points with its interval: of the values of the whole agent, of the others' differences to it."""
    mean, around = mean_and_half([100 * (row[name] - (whole[name] if whole else 0.0)) for row, whole in pairs])
    sign = "+" if pairs[0][1] else ""
    return f"{mean:{sign}.2f} ± {around:.2f}"


def main() -> None:
    """Run as a command."""
    run(agent_ablation, Arguments)


if __name__ == "__main__":
    main()
