"""Trainings and searches that are interrupted, and folders that are in use."""

from typing import Any

import pytest
import torch

from amc.training.training_loop import Training
from envs import Outcome, PruningProblem


class Interrupting:
    """Takes steps of a training as it does, but raises `error` in step number `at`."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, at: int, error: BaseException) -> None:
        step, steps = Training._step, 0

        def interrupted(training: Training, batches: Any) -> torch.Tensor:
            nonlocal steps
            steps += 1
            if steps == at:
                raise error
            return step(training, batches)

        monkeypatch.setattr(Training, "_step", interrupted)


class InterruptingSearch:
    """Scores policies as the task does, but raises `error` instead of the score of number `at`."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, at: int, error: BaseException) -> None:
        self.calls = 0
        outcome = PruningProblem.outcome

        def scored(problem: PruningProblem, *given: Any) -> Outcome:
            self.calls += 1
            if self.calls == at:
                raise error
            return outcome(problem, *given)

        monkeypatch.setattr(PruningProblem, "outcome", scored)


HOLDER = """
import fcntl, os, sys
descriptor = os.open(sys.argv[1], os.O_RDWR)
fcntl.lockf(descriptor, fcntl.LOCK_EX)
print(flush=True)
sys.stdin.read()
"""
"""A program without torch that locks a file, and holds it until it is killed."""
