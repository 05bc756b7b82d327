"""The straight line of a search, whatever it starts from: options, network, images, episodes, run folder."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch

from agents.ddpg.agent_file import save_agent
from agents.report import write_report
from agents.report.command_lines import check_command
from agents.report.tensorboard.board import Board
from agents.report.terminal.progress import search_progress
from agents.report.terminal.result_tables import print_final
from agents.result import Episode, Past, best_of
from agents.search.checkpoints import Checkpoints
from agents.search.final import FinalResult, as_searched, final_result, policy_file, score_on_test
from agents.search.latency_finalists import TOLERANCE, latency_limit
from agents.search.search import BestOf
from agents.search.stages import Limits, Stages
from agents.search.summary import of_stages, summarise
from agents.strategies import Ddpg
from agents.strategy import Strategy
from amc.analysis.round_trip import check_round_trip
from amc.artifacts.policy import current_versions, save_compact
from amc.artifacts.run_folder import AGENT_FILE, SUMMARY_FILE
from amc.cost.costs import COSTS, LATENCY, macs
from amc.data.load import Splits
from amc.latency.latency_model import LatencyModel
from amc.networks.sources import Network
from amc.scoring.engines.engine import make_engine
from amc.scoring.metrics import moved_inputs
from amc.task import Task
from amc.utils.device import find_device
from amc.utils.files import write_json
from amc.utils.text import shortened
from envs import PruningProblem
from envs.rewards import REWARDS
from scripts.command import latency_connection
from scripts.command.original import score_original
from scripts.command.session import Session
from scripts.command.signals import INTERRUPTED
from scripts.options.cli_arguments import flat
from scripts.options.network_and_images import DataOptions, NetworkOptions, joined
from scripts.options.search_options import SearchOptions


@dataclass(frozen=True)
class Job:
    """A search that can be run.

    Attributes:
        session: Its folder, and how far it has come.
        network, images, options: Its arguments.
        strategy: Makes the strategy for the pruning problem.
        strategy_name: As it is written into the results.
        observation: What an agent sees.
        budgets: Of each stage, the last ones being those of the result.
        episodes: Policies that may be scored in all.
        tune_steps: Steps of training between two stages.
        zero_shot: The first of them is what a trained agent does before it learns here.
        inputs: Files that it starts from, by the name that their copies in the run folder have.
    """

    session: Session[Any, Past]
    network: NetworkOptions
    images: DataOptions
    options: SearchOptions
    strategy: Callable[[PruningProblem], Strategy]
    strategy_name: str
    observation: str
    budgets: Sequence[Limits]
    episodes: int
    tune_steps: int = 0
    zero_shot: bool = False
    inputs: Mapping[str, Path] = field(default_factory=dict)


def run_job(job: Job) -> None:
    """Search, score the winner on everything, write the run folder, print the table.

    Raises:
        UserError: arguments that do not fit each other or what they name.
    """
    start = time.perf_counter()
    torch.manual_seed(job.options.seed)  # of weights that are random
    network = job.network.load(quiet=job.options.quiet)
    splits = job.images.load(network, job.options.metric, job.options.seed, progress=not job.options.quiet)
    example = splits.calibration.example(1)
    job.network.check_inputs(example)
    original = score_original(
        network, job.network, splits.reward, job.options.metric, job.options.device, quiet=job.options.quiet
    )
    measured = latency_connection.opened(job.options, network.model, example, job.session.folder)
    with measured if job.options.wants_latency else nullcontext() as latency_model:
        task = _task(job, network, splits, latency_model)
        del network, measured  # the task has a copy, which may be large
        _run(job, task, latency_model, original, start)


def _run(job: Job, task: Task, latency_model: LatencyModel | None, original: float, start: float) -> None:
    options, session, folder = job.options, job.session, job.session.folder
    session.check_same(task.digests)
    if task.splits.reward_from_train and not options.quiet:
        print(
            "warning: the data has no val/ split, so reward images are taken from the training images; a network that"
            " was trained on them flatters itself",
            file=sys.stderr,
        )
    stages = Stages(
        folder,
        task,
        job.budgets,
        job.episodes,
        job.strategy,
        reward=options.reward,
        observation=job.observation,
        seed=options.seed,
        tune_steps=job.tune_steps,
        quiet=options.quiet,
        latency=partial(latency_model.latency_of, measured=REWARDS[options.reward].weighs_cost)
        if latency_model
        else None,
    )
    if not session.past.episodes:
        given = moved_inputs(task.splits.calibration.example(1), task.device)
        check_round_trip(task.model, task.graph, given, folder)
    description = _description(job, task, stages.planned)
    if latency_model is not None:
        description["whole"][LATENCY] = latency_model.original
    board = Board(
        folder,
        task.graph,
        description["whole"],
        stages.planned,
        session.past.episodes,
        metric=options.metric,
        uniform=description["uniform"],
    )
    checkpoints = Checkpoints(
        folder, description, stages.state, options.checkpoint_every, session.past, session.seconds
    )
    episodes, interrupted = _search(job, stages, board, checkpoints, latency_model)
    seconds = checkpoints.seconds
    last = [episode for episode in episodes if episode.stage == stages.number]
    _keep_found(job, stages.task, last, original)
    result = final_result(
        stages.task, last, stages.problem.reward, original, zero_shot=job.zero_shot, latency_model=latency_model
    )
    policy = policy_file(
        stages.task, result.policy, original, job.network.model, job.strategy_name, options.seed, result.latency
    )
    save_compact(folder, policy, result.policy.network)
    if isinstance(stages.strategy, Ddpg) and stages.strategy.agent is not None:
        save_agent(folder / AGENT_FILE, stages.strategy.agent)
    on_test = score_on_test(stages.task, result)  # after the policy is safe: reading the images may fail
    arguments = _arguments(job)
    summary = summarise(result, on_test, episodes, seconds) | {
        "seed": options.seed,
        "arguments": arguments,
        "stages": of_stages(job.budgets, episodes),
        "interrupted": interrupted,
        "wall_seconds": session.seconds + time.perf_counter() - start,
    }
    write_json(folder / SUMMARY_FILE, summary)
    board.close(episodes, result.policy.kept_counts, arguments, summary, latency_model.pairs if latency_model else ())
    write_report(folder)
    if not options.quiet:
        _warn_of_underdetermined_layers(task)
        if latency_model is not None:
            _say_of_latency(latency_model, stages.task, result)
        print_final(result, on_test, options.metric)
        print(
            f"{len(episodes)} episodes in {seconds:.1f} s, on {summary['reward_images_used']:.0%} of the reward images;"
            f" results in {folder}\n"
            f"check them with: {check_command(folder, arguments)}"
        )
        if interrupted:
            print(f"go on with: {session.resume_command}")
    if interrupted:
        sys.exit(INTERRUPTED)


def _task(job: Job, network: Network, splits: Splits, latency_model: LatencyModel | None) -> Task:
    """The task of the original network, at the budgets of the result."""
    options = job.options
    return Task(
        network.model,
        splits,
        job.budgets[-1],
        metric=options.metric,
        reward_images=options.reward_images,
        round_to=latency_connection.learned_rounding(options, latency_model),
        max_sparsity=options.channels.max_sparsity,
        freeze=joined(options.channels.freeze),
        only=joined(options.channels.only),
        criterion=options.criterion,
        recovery=options.recovery,
        search_recovery=options.search_recovery,
        seed=options.seed,
        device=find_device(options.device),
        costs=latency_model.costs if latency_model else COSTS,
        engine=make_engine(options.engine, options.workers),
    )


def _search(
    job: Job, stages: Stages, board: Board, checkpoints: Checkpoints, latency_model: LatencyModel | None
) -> tuple[list[Episode], bool]:
    """All episodes, those of the past included, and whether the user ended the search before its time.

    Raises:
        KeyboardInterrupt: the user ended it before there was a policy within the budget.
        DeviceLostError: the device whose latency counts is gone.
    """
    session, quiet = job.session, job.options.quiet
    with search_progress(
        stages.planned,
        macs(stages.task.graph)(stages.task.graph.full),
        quiet,
        session.past.episodes,
        job.options.metric,
    ) as show:
        noted = BestOf(board.episode, checkpoints, show, past=session.past.episodes)
        for name, source in job.inputs.items():
            session.keep(name, source)
        if latency_model is not None:
            latency_connection.keep(latency_model, session.folder)
        checkpoints.write()
        try:
            stages.search(noted, session.past)
        except KeyboardInterrupt:
            if noted.best is None or noted.best.stage < len(job.budgets) - 1:
                raise
            print("interrupted: saving the best policy so far", file=sys.stderr)
            return noted.episodes, True
        finally:
            if noted.episodes:
                checkpoints.attempt()
            else:
                session.forget()
            stages.task.close()
    return noted.episodes, False


def _warn_of_underdetermined_layers(task: Task) -> None:
    if task.underdetermined:
        print(
            f"warning: fewer calibration rows than unknowns in {shortened(task.underdetermined, 3)}; least squares"
            " leans on its ridge there, more --calibration-images help",
            file=sys.stderr,
        )


def _say_of_latency(latency_model: LatencyModel, task: Task, result: FinalResult) -> None:
    """Say what of the latency is not as wished."""
    assert result.latency is not None, "it was measured"
    limit, after = latency_limit(task), result.latency.latency_after_ms
    if limit is not None and after > (1 + TOLERANCE) * limit.most:
        print(
            f"warning: {after:.4g} ms are {after / limit.most - 1:.1%} over the budget {limit.asked}, and no policy of"
            " the search is nearer; give a smaller budget, or more episodes",
            file=sys.stderr,
        )
    if unmoved := latency_model.unmoved(result.policy.kept_counts):
        print(
            f"warning: fewer MACs and no less time in {shortened(unmoved, 3)}; --round-to device keeps channels that"
            " cost no time",
            file=sys.stderr,
        )


def _description(job: Job, task: Task, planned: int) -> dict[str, Any]:
    """What a checkpoint says of the search."""
    uniform = task.budgets.scale(np.ones(len(task.graph.groups))).tolist() if task.budgets.limits else []
    return {
        "program": job.session.program,
        "words": list(job.session.words),
        "model": job.network.model,
        "strategy": job.strategy_name,
        "seed": job.options.seed,
        "budget": list(job.budgets[-1]),
        "stages": [list(limits) for limits in job.budgets],
        "metric": job.options.metric,
        "groups": [{"name": each.name, "width": each.width, "units": each.units} for each in task.graph.groups],
        "whole": {kind: make(task.graph)(task.graph.full) for kind, make in COSTS.items()},
        "uniform": uniform,
        "asked": planned,
        "device": task.device.type,
        "threads": torch.get_num_threads(),
        "digests": task.digests,
        "versions": current_versions(),
        "arguments": _arguments(job),
    }


def _arguments(job: Job) -> dict[str, Any]:
    """The arguments of the run, as later commands read them."""
    return flat(job.session.arguments) | {"budget": list(job.budgets[-1]), "run_dir": None, "resume": None}


def _keep_found(job: Job, task: Task, episodes: Sequence[Episode], original: float) -> None:
    """Write the best policy of the search as it was scored, before anything else is tried with it."""
    best = best_of(episodes)
    if best is not None:
        found = as_searched(task, best)
        policy = policy_file(task, found, original, job.network.model, job.strategy_name, job.options.seed)
        save_compact(job.session.folder, policy, found.network)
