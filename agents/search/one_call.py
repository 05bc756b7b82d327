"""One call from a network and its images to a smaller network, for people who work in a notebook."""

from __future__ import annotations

import dataclasses
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import TypedDict, Unpack, cast

from torch import nn

from agents.search.drop_goal import DropGoal
from agents.search.front_goal import find_front
from agents.search.invocation import python_invocation
from agents.search.plan import SearchPlan
from agents.search.search_result import SearchResult
from agents.search.search_run import SearchRun
from agents.search.search_warnings import (
    warn_of_images_left_out,
    warn_of_judging_images,
    warn_of_reward_images,
    warn_of_underdetermined_layers,
)
from agents.strategies import MakeStrategy, make_strategy
from agents.strategy import Strategy
from amc.artifacts.run_folder import check_free
from amc.cost.costs import LATENCY
from amc.cost.limit import as_budgets
from amc.criteria import Criterion
from amc.data.find_data import Given
from amc.data.load import Splits, load_for
from amc.graph.group_patterns import Patterns
from amc.networks.admission import admit
from amc.networks.sources import Network
from amc.recovery.recoveries import Adjust
from amc.scoring.metric_targets import with_targets
from amc.scoring.metrics import Metric, moved_inputs
from amc.scoring.original_score import check_apart, print_score, score_original, warn_near_chance
from amc.task import Task
from amc.task_options import TaskOptions
from amc.utils.copying import copy_network
from amc.utils.device import DeviceLike, find_device
from amc.utils.errors import UserError
from amc.utils.option_names import check_options
from amc.utils.option_values import as_whole
from amc.utils.seeds import check_seed
from envs.rewards import RewardFunction, find_reward


class PruningOptions(TypedDict, total=False):
    """The options of `search` that most need not give, with the meanings and defaults that `amc.TaskOptions` has."""

    metric: str | Metric
    output_kind: str | None
    criterion: str | Criterion
    recovery: str | Adjust
    search_recovery: str | Adjust
    score: str
    reward_images: int | None
    round_to: int | None
    max_sparsity: float
    freeze: Patterns
    only: Patterns
    device: DeviceLike | None


class SearchOptions(PruningOptions, total=False):
    """The options of `search` that most need not give: those of `PruningOptions`, and what is searched for."""

    max_drop: float | None
    minimise: str
    points: Sequence[float] | None


def search(
    model: nn.Module | Network,
    data: Splits | Given,
    budget: str | Sequence[str] = (),
    episodes: int = 200,
    seed: int = 0,
    strategy: str | Strategy | MakeStrategy = "ddpg",
    reward: str | RewardFunction = "error",
    folder: str | Path | None = None,
    **options: Unpack[SearchOptions],
) -> SearchResult:
    """Search for the smaller network that keeps the most accuracy within a budget, or the smallest that keeps enough.

    The score of the original is printed first, then progress is shown: a bar on a terminal and in a notebook, else
    lines. An interrupt (Ctrl-C, or a notebook's stop button) ends the search early with the best policy so far. The
    same seed gives the same policy as `amc train` with the same options.

    Args:
        model: The trained network: a `torch.nn.Module`, or what `amc.load_network` returned. It is never changed.
        data: The images: what `amc.load_data` returned, or what it takes as `data`.
        budget: What may be left: `macs=0.5`, `params=0.5` or `memory=0.5` (shares of the original), `macs=60M` or
            `memory=4MB` (absolute); several as a list. None for `max_drop`, or a reward that weighs accuracy against
            cost.
        episodes: How many policies are scored at the most.
        seed: The seed of everything that is drawn.
        strategy: How policies are found: `ddpg` (an agent that learns), `sb3:SAC`, `sb3:TD3`, `sb3:PPO`, `sb3:DDPG`,
            `sb3:A2C`, `sb3:DQN` (those of Stable-Baselines3), `random`, `evolution`, `cma-es`, `swaps`, a rule
            (`uniform`, `shallow`, `deep`, `cp`, `global`, `second-order`, `sensitivity`, `greedy`, `knapsack`), or one
            of your own.
        reward: What is maximised: `error`, or without a budget `error_log_macs`, `error_log_params`; with one also
            `mnasnet`; or a function of a policy's outcome.
        folder: A new folder, to which all is written as it is found; None to write nothing (`SearchResult.save`).
        **options: Any of these:
            max_drop: In place of a budget, find the network of least cost that scores at most this much less than the
            original: points of a percent of accuracies, else units of the metric. Half of the reward images are put
            aside to judge it.
            minimise: The cost that is then least: `macs` (the default), `params` or `memory`.
            points: Shares at which networks are made where the budget is a range such as `macs=0.3:0.8`; by default
            the least, the middle and the largest. The result is that nearest to the middle, `front` has all.
            metric: How a network is scored: `top1` (the default), `top5`, `fidelity` (how near its outputs are to the
            original's, from 0 to 1, without labels), or a function of a network and batches, where larger is better.
            output_kind: What the network's outputs are where they are compared: `scores` (of classes) or `values`, for
            all or by name, as `logits=scores,boxes=values`; scores for `top1` and `top5`, else values by default.
            criterion: Which channels stay: `auto` (the default: `obs`, or `l1` for those that a depthwise convolution
            passes on), `obs` (those that the others could not make up for), `l1`, `l2`, `taylor`, `thinet`, `nisp`,
            `bn_scale`, `apoz`, `lasso`, `lda`, `random`, or a function.
            recovery: What is done after the channels of the network that is kept are cut: `auto` (the default: that of
            `asymmetric` and `both` which is better on the network), `blockwise` (the same, then
            training by gradients), `asymmetric`, `both`, `closed_form`, `reconstruction`, `statistics`, `none`, or a
            function.
            search_recovery: The same for the networks that the search scores, but for `blockwise`; `auto`, the
            default, is decided on the uniform policy: `both`, which is quicker, unless `asymmetric` is surely better.
            score: What the search compares networks by: `fidelity` (to the original's class probabilities), `loss`,
            `accuracy`, or `auto`, the default (`fidelity` for `top1` and `top5`, else the metric).
            reward_images: How many reward images the search scores with; all by default.
            round_to: The number of channels that widths are multiples of; what suits each group by default.
            max_sparsity: The largest share of a group that may be cut; 0.8 by default.
            freeze: Patterns of layers whose channels all stay, such as `fc` or `stem*`; one, or several as a list.
            only: Patterns of the layers whose channels may be cut.
            device: The device that networks run on: `cpu`, `cuda`, `auto` (a GPU where there is one, the default), or
            a `torch.device`.

    Returns:
        The result. Most useful of it are `network` (the compact network), `costs` (before, after and their ratio),
        `original`, `uniform` and `found` (scores on reward and test images), `policy`, `episodes`, `plot()` and
        `save(folder)`.

    Raises:
        UserError: A network or data that can't be used, an unknown name, a budget that can't be met, a folder that is
            not free.
    """
    begun = time.perf_counter()
    seed, episodes = check_seed(seed), as_whole("episodes", episodes)
    check_options(options, (*SearchOptions.__annotations__, "budget", "episodes", "strategy", "reward", "folder"))
    max_drop = options.pop("max_drop", None)
    if max_drop is None and "minimise" in options:
        raise UserError("minimise goes with max_drop, such as max_drop=1")
    minimise = options.pop("minimise", DropGoal.minimise)
    goal = None if max_drop is None else DropGoal(max_drop, minimise)
    budgets, points = as_budgets(budget), options.pop("points", None)
    _check(budgets, goal, reward, folder)
    front = find_front(budgets, points, reward)
    network = as_network(model)
    device = find_device(options.get("device") or "auto")
    how = TaskOptions(**cast(PruningOptions, options))
    how = dataclasses.replace(how, device=device, seed=seed, name=network.name)
    splits = data if isinstance(data, Splits) else load_for(data, network.preprocess, seed)
    for note in (*(f"note: {each}" for each in network.notes), *splits.notes):
        print(note, file=sys.stderr)
    whole = network.model.to(device)
    splits = with_targets(splits, whole, network.class_names, how.metric, device, how.output_kind)
    if goal is not None:
        splits = splits.with_judging(seed)
    given = model.model if isinstance(model, Network) else model
    check_apart(whole, given, moved_inputs(splits.reward.example(1), device))
    original = score_original(network.model, splits.reward, how.metric, device)
    print_score(original, "original")
    warn_near_chance(original, "those of the network that was given")
    task = Task(network.model, splits, budgets if front is None else (front.main,), how)
    warn_of_reward_images(task)
    warn_of_images_left_out(task)
    warn_of_judging_images(task, goal)
    asked = python_invocation(task, strategy, reward)
    recorded = {"weights": network.weights, "max_drop": max_drop, "budget": list(budgets), "points": points}
    plan = SearchPlan(lambda _: make_strategy(strategy), episodes, seed, reward, goal=goal, front=front)
    result = SearchRun(
        task,
        plan,
        dataclasses.replace(asked, arguments={**asked.arguments, **recorded}),
        folder=None if folder is None else Path(folder),
        original_accuracy=original.value,
        quiet=False,
        begun=begun,
    ).run()
    warn_of_underdetermined_layers(task)
    return result


def as_network(given: nn.Module | Network) -> Network:
    """A network that a user gives as an object, in evaluation mode: a copy, with a name.

    Raises:
        UserError: It is no network, or one that can't be pruned.
    """
    if isinstance(given, Network):
        return dataclasses.replace(given, model=copy_network(given.model))
    if not isinstance(given, nn.Module):
        raise UserError(
            f"expected a torch.nn.Module or what amc.load_network returns as a network, got {type(given).__name__}"
        )
    model, notes = admit(copy_network(given))
    return Network(model, type(model).__name__, None, None, notes)


def _check(
    budgets: Sequence[str], goal: DropGoal | None, reward: str | RewardFunction, folder: str | Path | None
) -> None:
    """Raise a UserError for what can be seen without reading anything."""
    if goal is not None and (budgets or not find_reward(reward).needs_budget):
        raise UserError("max_drop finds the budget itself; leave the budget, and a reward that weighs the cost, out")
    kinds = [goal.minimise] if goal else [each.partition("=")[0] for each in budgets]
    needs_latency = find_reward(reward).needs_latency or LATENCY in kinds
    if needs_latency:
        raise UserError(
            "a search that knows latency measures on a device, which the command amc train connects to; search by the"
            f" command amc train --budget {LATENCY}=0.5, with --target for another machine than this one"
        )
    if folder is not None:
        check_free(folder)
