"""The exact table: all policies of a network with a few widths a group near each budget, scored once.

Strategies search it in seconds (`benchmarks.table_searches`), and the true optimum is known. Scores lie in a file that
grows as they are made (`amc.scoring.score_cache`), so that this can be interrupted; it is outside the repository.
"""

from __future__ import annotations

import itertools
import time
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from amc.cost.budget import Budgets
from amc.cost.costs import cost_of_each
from amc.data.load import Splits, load_data
from amc.data.resident import ResidentImages
from amc.data.sampling import stratified
from amc.data.splits import SplitSizes
from amc.graph import KeptCounts
from amc.networks.sources import load_network
from amc.scoring.image_losses import FIDELITY
from amc.scoring.score import Answers
from amc.task import Task
from amc.task_options import TaskOptions
from scripts.command.cli import run

SEARCHED, JUDGED, ALL = "searched", "judged", "all"
"""The halves of the reward images: one is searched on, the other judges; and both."""
WIDTHS = {"macs=0.7": (0.15, 0.4, 1.0), "macs=0.3": (0.12, 0.35, 0.65, 1.0), "macs=0.5": (0.2, 0.5, 1.0)}
"""The shares of a group that may be kept, by the budget."""
MAX_SPARSITY = 0.9
"""The largest sparsity of the task, below which all widths are."""
FULL_ENOUGH = 0.95
"""The least share of a budget that a policy of the table uses."""


@dataclass(frozen=True)
class Arguments:
    """Score all policies of the table that are not in the file yet."""

    weights: str
    """A weights file for the network."""
    data: str
    """Images, as for scripts.train."""
    out: Path
    """File of the scores."""
    model: str = "resnet20"
    """Network, as for scripts.train."""
    minutes: float = 600.0
    """Minutes after which this stops; another call goes on."""


def exact_table(arguments: Arguments) -> None:
    """Score what is missing, on the images of both halves at once."""
    end = time.perf_counter() + 60 * arguments.minutes
    tasks = {
        part: whole_task(arguments.model, arguments.weights, arguments.data, part) for part in (ALL, SEARCHED, JUDGED)
    }
    places = {part: half(tasks[ALL].splits, part) for part in (SEARCHED, JUDGED)}
    for budget in WIDTHS:
        with ExitStack() as stack:
            scorers = {
                part: stack.enter_context(with_widths(task, budget).scorer(cache=arguments.out))
                for part, task in tasks.items()
            }
            caches = {part: cache for part in places if (cache := scorers[part].cache)}
            policies = table_policies(with_widths(tasks[ALL], budget))
            todo = [each for each in policies if not all(cache.get(each) for cache in caches.values())]
            print(f"{budget}: {len(policies):,} policies, {len(todo):,} of them to score", flush=True)
            for number, kept_counts in enumerate(todo):
                answers = scorers[ALL].candidates.score(kept_counts).answers
                assert answers is not None
                for part, cache in caches.items():
                    own = Answers(answers.right[places[part]], answers.losses[places[part]])
                    cache.put(kept_counts, scorers[part].candidates.score_of(own))
                if number % 100 == 0:
                    print(f"{number:,} of {len(todo):,}, {end - time.perf_counter():.0f} s left", flush=True)
                if time.perf_counter() > end:
                    return


def whole_task(model: str, weights: str, data: str, part: str, seed: int = 0) -> Task:
    """The task of a network, without a budget, on a part of the reward images."""
    found = load_network(model, weights)
    splits = load_data(data, found.preprocess, SplitSizes(), 0)
    if part != ALL:
        assert isinstance(splits.reward, ResidentImages)
        splits = replace(splits, reward=splits.reward.at(half(splits, part)))
    options = TaskOptions(
        max_sparsity=MAX_SPARSITY,
        round_to=1,
        score=FIDELITY,
        criterion="l1",  # what docs/exact-table.json was made with
        search_recovery="asymmetric",
        seed=seed,
    )
    return Task(found.model, splits, ["macs=1.0"], options)


def with_widths(task: Task, budget: str) -> Task:
    """The task with a budget of `WIDTHS`, and only the widths there to choose from."""
    groups = tuple(
        replace(group, choices=tuple(sorted({round(share * group.units) for share in WIDTHS[budget]})))
        for group in task.graph.groups
    )
    graph = replace(task.graph, groups=groups)
    return task._changed(graph=graph, budgets=Budgets(graph, [budget]))


def half(splits: Splits, part: str) -> NDArray[np.int64]:
    """The places of one half of the reward images, int64 `(images / 2,)`, with as many of each class in both."""
    assert isinstance(splits.reward, ResidentImages)
    count = len(splits.reward)
    first = np.sort(stratified(splits.reward.targets.numpy(), count // 2, 0))
    return first if part == SEARCHED else np.setdiff1d(np.arange(count), first)


def table_policies(task: Task) -> list[KeptCounts]:
    """All policies that use between `FULL_ENOUGH` and all of the task's budget, or none of whose groups could grow."""
    budgets = task.budgets
    (limit,) = budgets.limits
    every = np.array(list(itertools.product(*(group.choices for group in task.graph.groups))), dtype=np.int64)
    fitting = every[budgets.allows_each(every)]
    fills = cost_of_each(limit.cost, fitting) >= FULL_ENOUGH * limit.most
    fills |= (budgets.fill(fitting) == fitting).all(axis=1)
    return list(fitting[fills])


def main() -> None:
    """Run as a command."""
    run(exact_table, Arguments)


if __name__ == "__main__":
    main()
