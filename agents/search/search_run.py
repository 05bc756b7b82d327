"""A search from its first policy to its last file, which commands and Python users both call."""

from __future__ import annotations

import dataclasses
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import torch
from torch import nn

from agents.episode import Episode, Past
from agents.final_result import OnTest
from agents.report.episode_selection import episode_of_policy
from agents.report.terminal.progress import end_progress, search_progress
from agents.search.cheapest_search import CheapestSearch
from agents.search.checkpoints import Checkpoints
from agents.search.episode_log import EpisodeLog
from agents.search.final import make_policy, policy_as_searched, score_on_test
from agents.search.finalists import NOTHING_WITHIN
from agents.search.found_point import FoundPoint
from agents.search.front_search import FrontSearch
from agents.search.invocation import Invocation
from agents.search.plan import SearchPlan
from agents.search.saving_time import SavingTime
from agents.search.search_result import SearchResult, board_of, write_policy
from agents.search.search_steps import SearchSteps, of_stage
from agents.search.stages import Stages
from agents.strategies import Ddpg
from agents.strategy import OnEpisode
from amc.analysis.round_trip import check_round_trip
from amc.artifacts.policy import POLICY_FILE, current_versions, read_policy, save_compact
from amc.artifacts.run_folder import PYTHON, forget, has_result, keep_input
from amc.artifacts.snapshots import CHECKPOINT_FOLDER
from amc.cost.costs import COSTS, LATENCY, CostFunction, macs
from amc.graph import PruningGraph
from amc.latency.latency_model import LatencyModel
from amc.scoring.image_scores import ImageScores
from amc.scoring.metrics import moved_inputs
from amc.task import Task
from amc.utils.defaults import AUTO, BLOCKWISE
from amc.utils.errors import NothingFoundError
from amc.utils.registry import name_of
from amc.utils.slow_step import told_if_slow
from envs.rewards import find_reward


@dataclass(frozen=True, eq=False)
class SearchRun:
    """A search over one task, which writes what it finds into a folder as soon as it is known.

    Attributes:
        task: The network that is pruned, with its images and budgets.
        plan: The strategy, the number of episodes and the stages.
        invocation: How the search was asked for, as its files tell it.
        folder: The run folder; None where nothing is written.
        original_accuracy: The score of the original on all reward images; None for the search to work it out.
        latency_model: Predicts and measures latency; None where the search does not know it.
        past: The past of the search before an interruption; empty for a new one.
        seconds_before: Seconds that were spent before the interruption.
        checkpoint_every: Episodes after which a checkpoint is written at the latest.
        inputs: Files that the search starts from, by the names of their copies beside the checkpoints.
        quiet: Whether no progress is shown.
        begun: The reading of `time.perf_counter` when the work began.
    """

    task: Task
    plan: SearchPlan
    invocation: Invocation
    folder: Path | None = None
    original_accuracy: float | None = None
    latency_model: LatencyModel | None = None
    past: Past = field(default_factory=Past)
    seconds_before: float = 0.0
    checkpoint_every: int = 10
    inputs: Mapping[str, Path] = field(default_factory=dict)
    quiet: bool = True
    begun: float = field(default_factory=time.perf_counter)

    def run(self, on_episode: OnEpisode | None = None) -> SearchResult:
        """Search, make the best policies as they will be kept, and write the run folder.

        The policy is on the disk before anything else is tried with it. Ctrl-C ends the search early once there is a
        policy within the budget, and the result says so; a second one ends everything, and what is on the disk stays.

        Args:
            on_episode: Called with every policy that is scored.

        Raises:
            UserError: A plan that does not fit the task, or a network whose result could not be written and loaded.
            NothingFoundError: No policy is within the budget, or none is good enough.
            KeyboardInterrupt: The user ended the search before there was a policy within the budget, or while its
                result was made.
        """
        with self._make_steps(
            self.task, self.plan, self.folder, latency_of=self._latency_of, quiet=self.quiet
        ) as steps:
            if not self.past.episodes:
                self._check_round_trip()
            if not self.quiet and self.task.options.search_recovery == AUTO:
                with told_if_slow("comparing ways of recovery on the uniform policy"):
                    chosen = self.task.search_recovery
                print(f"recovery of the networks that the search scores: {chosen}", file=sys.stderr)
            run = self._description(steps)
            board = board_of(self.folder, self.task.graph, run(), self.past.episodes) if self.folder else None
            checkpoints = Checkpoints(
                self.folder, run, steps.state, self.checkpoint_every, self.past, self.seconds_before
            )
            listeners = [each for each in (board and board.episode, checkpoints, on_episode) if each]
            interrupted = self._search(steps, listeners, checkpoints)
            result = self._result(steps, checkpoints, interrupted=interrupted)
        if self.folder and board:
            result.write_numbers(self.folder, board)
        return result

    @property
    def _make_steps(self) -> type[Stages | CheapestSearch | FrontSearch]:
        if self.plan.front is not None:
            return FrontSearch
        return Stages if self.plan.goal is None else CheapestSearch

    @property
    def _latency_of(self) -> Callable[[PruningGraph], CostFunction] | None:
        if self.latency_model is None:
            return None
        return partial(self.latency_model.latency_of, measured=find_reward(self.plan.reward).weighs_cost)

    def _check_round_trip(self) -> None:
        example = moved_inputs(self.task.splits.calibration.example(1), self.task.device)
        with nullcontext(self.folder) if self.folder else tempfile.TemporaryDirectory() as folder:
            check_round_trip(self.task.model, self.task.graph, example, Path(folder))

    def _search(self, steps: SearchSteps, listeners: list[OnEpisode], checkpoints: Checkpoints) -> bool:
        """Search to the end, or until the user ends it; return whether the user did.

        What counts is what `checkpoints` remembers: an episode that was still being told to listeners is lost.

        Raises:
            KeyboardInterrupt: The user ended the search before there was a policy within the budget.
            DeviceLostError: The device whose latency counts is gone.
        """
        past, task, saving = self.past.episodes, self.task, SavingTime()
        whole = macs(task.graph)(task.graph.full)
        with search_progress(steps.planned, whole, self.quiet, past, task.metric_name) as show:
            self._keep_inputs()
            checkpoints.write()
            try:
                steps.search(EpisodeLog(*listeners, show, saving), self.past)
            except KeyboardInterrupt:
                if steps.best(checkpoints.episodes) is None:
                    raise
                duration = saving.in_words(steps.networks_made(checkpoints.episodes))
                resume = ", and --resume goes on" if self.folder and self.invocation.program != PYTHON else ""
                print(
                    f"interrupted: saving the best policy so far takes {duration}; a second Ctrl-C leaves at"
                    f" once{resume}",
                    file=sys.stderr,
                )
                return True
            finally:
                if checkpoints.episodes:
                    checkpoints.attempt()
                elif self.folder:
                    forget(self.folder)
                steps.current.scorer.close()
        return False

    def _keep_inputs(self) -> None:
        """Copy the files that the search needs to be resumed beside its checkpoints, since they may be gone by then."""
        if self.folder is None:
            return
        for name, source in self.inputs.items():
            keep_input(self.folder, name, source)
        if self.latency_model is not None:
            self.latency_model.save(self.folder / CHECKPOINT_FOLDER)

    @property
    def _scored_on_test(self) -> int:
        """How many networks are scored on the test images."""
        points = 1 if self.plan.front is None else len(self.plan.front.points)
        of_point = 3 if self.task.options.recovery == BLOCKWISE else 2  # uniform and found, and found before training
        return 1 + of_point * points

    def _result(self, steps: SearchSteps, checkpoints: Checkpoints, *, interrupted: bool) -> SearchResult:
        """Make the network that is kept, and write each part of the result as soon as it is known."""
        seconds, task, episodes = checkpoints.seconds, self.task, checkpoints.episodes
        original = self.original_accuracy
        if original is None:
            original = task.accuracy(task.model, task.splits.reward)
        best, found_at = steps.best(episodes), steps.result_task
        if best is None:
            raise NothingFoundError(NOTHING_WITHIN)
        if self.folder and not has_result(self.folder):
            found = policy_as_searched(found_at, best)
            save_compact(
                self.folder, make_policy(found_at, found, original, self.invocation, self.plan.seed), found.network
            )
        with end_progress(steps.networks_made(episodes) + self._scored_on_test, self.quiet) as tell:
            final = steps.final(
                episodes,
                original,
                latency_model=self.latency_model,
                kept_before=self._kept_before(of_stage(episodes, best.stage)),
                tell=tell,
            )
            policy = make_policy(found_at, final.policy, original, self.invocation, self.plan.seed, final.latency)
            strategy = steps.current.strategy
            agent = strategy.agent if isinstance(strategy, Ddpg) else None
            if self.folder:
                write_policy(self.folder, policy, final.policy.network, agent)
            scores: dict[nn.Module, ImageScores] = {}
            on_test = score_on_test(
                found_at, final, tell, scores
            )  # after the policy is safe: reading the images may fail
            points = [(point, score_on_test(point.task, point.final, tell, scores)) for point in steps.points]
        result = SearchResult(
            task=task,
            best=best,
            episodes=tuple(episodes),
            final=final,
            on_test=on_test,
            policy=policy,
            agent=agent,
            checkpoint=checkpoints.latest,
            latencies=tuple(self.latency_model.pairs) if self.latency_model else (),
            search_seconds=seconds,
            wall_seconds=self.seconds_before + time.perf_counter() - self.begun,
            interrupted=interrupted,
        )
        front = tuple(self._at_point(result, point, tested) for point, tested in points)
        return dataclasses.replace(result, front=front)

    def _at_point(self, result: SearchResult, point: FoundPoint, on_test: OnTest) -> SearchResult:
        """The result at one point of a range of budgets, as that of a search at its budget."""
        asked, run = [limit.asked for limit in point.task.budgets.limits], result.checkpoint.run
        policy = make_policy(
            point.task, point.final.policy, point.final.original_accuracy, self.invocation, self.plan.seed
        )
        described = {
            **run,
            "budget": asked,
            "stages": [asked],
            "uniform": point.final.uniform.kept_counts.tolist(),
            "arguments": {**run["arguments"], "budget": asked, "points": None},
        }
        return dataclasses.replace(
            result,
            task=point.task,
            best=point.best,
            episodes=point.episodes,
            final=point.final,
            on_test=on_test,
            policy=policy,
            agent=None,
            checkpoint=dataclasses.replace(result.checkpoint, run=described),
        )

    def _kept_before(self, episodes: Sequence[Episode]) -> Episode | None:
        """The episode whose policy was the result before the search was given more episodes; None where it was not.

        A search that is resumed to the end that it was begun with has none: it chooses as if it had not been stopped.
        """
        if self.folder is None or not self.plan.is_extended or not has_result(self.folder):
            return None
        policy = read_policy(self.folder / POLICY_FILE)
        return episode_of_policy(episodes, [len(group.kept) for group in policy.groups])

    def _description(self, steps: SearchSteps) -> Callable[[], dict[str, Any]]:
        """Gives the description of the search that its checkpoints hold, as a JSON object, as far as it has come."""
        task, asked, goal = self.task, self.invocation, self.plan.goal
        uniform = task.budgets.uniform.tolist() if task.budgets.limits else []
        whole: dict[str, float] = {kind: make(task.graph)(task.graph.full) for kind, make in COSTS.items()}
        if self.latency_model is not None:
            whole[LATENCY] = self.latency_model.original
        described = {
            "program": asked.program,
            "words": list(asked.argv),
            "model": asked.model,
            "strategy": asked.strategy,
            "seed": self.plan.seed,
            "budget": [limit.asked for limit in task.budgets.limits],
            "max_drop": goal and goal.largest(task.metric_name),
            "minimise": goal and goal.minimise,
            "metric": task.metric_name,
            "score": task.score_name,
            "groups": [{"name": each.name, "width": each.width, "units": each.units} for each in task.graph.groups],
            "whole": whole,
            "uniform": uniform,
            "asked": steps.planned,
            "begun_with": self.plan.begun_with or self.plan.episodes,
            "device": task.device.type,
            "threads": torch.get_num_threads(),
            "digests": task.digests,
            "versions": current_versions(),
            "arguments": {**asked.arguments, "search_recovery": name_of(task.search_recovery)},
        }
        return lambda: {**described, "stages": [list(limits) for limits in steps.budgets]}
