"""A fine-tuning from its first step to its last file, which the command and Python users both call."""

from __future__ import annotations

import sys
import time
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

import torch
from torch import nn

from agents.report.terminal.training_bar import TrainingBar, training_bar
from agents.report.tuning.comparison import ORIGINAL, PRUNED, TUNED, Comparison
from agents.report.tuning.tuning_advice import advice
from agents.search.invocation import Invocation
from agents.tuning.compared_scores import BATCH
from agents.tuning.original_check import check_original
from agents.tuning.training_run import TrainingRun, clone_tensors
from agents.tuning.tuning_objective import objective_of
from agents.tuning.tuning_options import TuningOptions
from agents.tuning.tuning_problem import TuningProblem
from agents.tuning.tuning_result import TuningResult
from amc.artifacts.policy import Policy, current_versions, save_compact
from amc.artifacts.run_folder import PYTHON
from amc.artifacts.snapshots import Snapshot
from amc.scoring.checked_score import checked_score
from amc.scoring.number_format import score
from amc.scoring.original_outputs import without_outputs
from amc.training.objectives import Objective
from amc.training.rate_test import rate_test
from amc.training.training_loop import Training
from amc.training.training_progress import TrainingProgress


@dataclass(frozen=True, eq=False)
class TuningRun:
    """A fine-tuning of one compact network, which writes what it comes to into a folder as soon as it is known.

    Attributes:
        problem: The compact network, its original and its images.
        options: How it is trained.
        invocation: How the fine-tuning was asked for, as its files tell it.
        folder: The folder of the fine-tuning; None where nothing is written.
        original_accuracy: The score of the original on the reward images; None for the run to work it out.
        past: How far it came before an interruption; None for a new one.
        seconds_before: Seconds that were spent before the interruption.
        quiet: Whether nothing is shown.
        begun: The reading of `time.perf_counter` when the work began.
    """

    problem: TuningProblem
    options: TuningOptions
    invocation: Invocation
    folder: Path | None = None
    original_accuracy: float | None = None
    past: TrainingProgress | None = None
    seconds_before: float = 0.0
    quiet: bool = True
    begun: float = field(default_factory=time.perf_counter)

    def run(self) -> TuningResult:
        """Train, keep the best epoch, score the networks on the test images, and write the folder.

        Ctrl-C ends a fine-tuning that was begun from Python with the best network so far, and the result says so; one
        that a command began can be resumed.

        Raises:
            UserError: The loss is no longer finite, there is nothing to train the network for, or the folder can't be
                written to.
            KeyboardInterrupt: The user ended it, and a command began it.
        """
        problem = self.problem
        scoring, reward = problem.scoring, problem.splits.reward
        tuned = problem.to_train()
        original = self._original_score()
        objective = objective_of(problem, self.options)
        past = self.past or TrainingProgress(scoring(tuned, reward).value, (), {}, clone_tensors(tuned))
        if self.options.lr is None and past.lr is None:
            past = replace(past, lr=self._found_rate(tuned, objective))
        options = replace(self.options, lr=self.options.lr or past.lr)
        training = Training(tuned, problem.splits.train, options.recipe(problem.seed), problem.device, objective)

        def scored(network: nn.Module) -> float:
            return scoring(network, reward).value

        run = TrainingRun(
            self.folder, self._description(original, options), tuned, training, scored, past, self.seconds_before
        )
        opening = self._opening(original, past.before)
        with training_bar(options.epochs, problem.metric_name, past, opening, quiet=self.quiet) as bar:
            interrupted = self._train(run, bar, original, options)
        seconds = run.seconds
        checkpoint = Snapshot(run.checkpoint.run, _copied(run.checkpoint.past))
        run.keep_best()
        policy = self._policy(run.past.best_score, original)
        if self.folder:
            save_compact(self.folder, policy, tuned)
        result = TuningResult(
            network=tuned,
            policy=policy,
            comparison=self._compare(tuned, original, run.past),
            problem=problem,
            options=options,
            arguments=self._arguments(options),
            checkpoint=checkpoint,
            points=run.points,
            steps=run.steps,
            seconds=seconds,
            wall_seconds=self.seconds_before + time.perf_counter() - self.begun,
            interrupted=interrupted,
        )
        if self.folder and run.events:
            result.write_numbers(self.folder, run.events)
        return result

    def _found_rate(self, network: nn.Module, objective: Objective) -> float:
        """The learning rate that a short test finds, which is printed."""
        problem, recipe = self.problem, self.options.recipe(self.problem.seed)
        splits = without_outputs(problem.splits)
        found = rate_test(network, splits.train, splits.reward, recipe, objective, problem.device)
        if not self.quiet:
            print(found, file=sys.stderr)
        return found.best

    def _policy(self, tuned: float, original: float) -> Policy:
        policy, metric = self.problem.policy, self.problem.metric_name
        before = policy.accuracy_before if policy.metric in ("", metric) else original
        return replace(
            policy,
            metric=metric,
            accuracy_before=before,
            accuracy=tuned,
            versions=current_versions(),
            weights_digest=None,
        )

    def _original_score(self) -> float:
        if self.original_accuracy is not None:
            return self.original_accuracy
        problem = self.problem
        fast = problem.scoring.ready(problem.original)
        found = checked_score(fast, problem.splits.reward, problem.metric, BATCH, problem.device)
        check_original(found, problem.policy.accuracy_before)
        return found.value

    def _opening(self, original: float, pruned: float) -> str:
        splits, name = self.problem.splits, self.problem.metric_name
        counts = f"{len(splits.train):,} training images, {len(splits.reward):,} reward images (validation)"
        return f"{counts}: original {score(name, original)}, pruned {score(name, pruned)}"

    def _train(self, run: TrainingRun, bar: TrainingBar, original: float, options: TuningOptions) -> bool:
        """Train to the end, or until the user interrupts, which is returned."""
        try:
            run.finish(self.options.epochs, bar)
        except KeyboardInterrupt:
            if self.invocation.program != PYTHON:
                raise
            kept = "the best epoch so far" if run.past.epochs else "the pruned network"
            print(f"interrupted: {kept} is kept", file=sys.stderr)
            return True
        found = advice(run.past.before, original, run.past.epochs, vars(options))
        if found and self.invocation.program == PYTHON:  # a command prints the result, which has it
            bar.note(found)
        return False

    def _compare(self, tuned: nn.Module, original: float, past: TrainingProgress) -> Comparison:
        """Score the three networks on the test images, which is the one time that these are read."""
        problem = self.problem
        networks = {ORIGINAL: problem.original, PRUNED: problem.pruned, TUNED: tuned}
        test = {name: problem.scoring(network, problem.splits.test) for name, network in networks.items()}
        return Comparison(
            metric=problem.metric_name,
            reward={ORIGINAL: original, PRUNED: past.before, TUNED: past.best_score},
            test={name: found.value for name, found in test.items()},
            drops={name: test[ORIGINAL].drop_to(test[name]) for name in (PRUNED, TUNED)},
        )

    def _arguments(self, options: TuningOptions) -> dict[str, Any]:
        """All options by name: those of the run that the network came from, and over them those of this one."""
        problem = self.problem
        taken_over = {**problem.arguments, "metric": problem.metric_name, "seed": problem.seed}
        taken_over["output_kind"] = problem.output_kind
        return {**taken_over, **options.recorded, **self.invocation.arguments, "lr": options.lr}

    def _description(self, original: float, options: TuningOptions) -> dict[str, Any]:
        """The description of the fine-tuning that its checkpoints hold, as a JSON object."""
        problem, asked = self.problem, self.invocation
        setup = {
            "model": asked.model,
            "metric": problem.metric_name,
            "source": problem.source,
            "seed": problem.seed,
            "original": original,
            "options": options.recorded,
            "costs": {kind: asdict(cost) for kind, cost in problem.policy.costs.items()},
            "latency": asdict(problem.policy.latency) if problem.policy.latency else None,
        }
        return {
            "program": asked.program,
            "words": list(asked.argv),
            "device": problem.device.type,
            "threads": torch.get_num_threads(),
            "digests": problem.digests,
            "versions": current_versions(),
            "tuning": setup,
        }


def _copied(past: TrainingProgress) -> TrainingProgress:
    """The progress with copies of the training's tensors, which change when the best epoch is put back."""
    return replace(past, training={name: tensor.clone() for name, tensor in past.training.items()})
