"""Searches whose policies are scored by workers."""

import json
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from amc.graph import KeptCounts
from amc.scoring.candidates import Candidates
from amc.scoring.engines.engine import ENGINES
from amc.scoring.engines.processes import Workers
from amc.scoring.racing import RaceReference
from amc.scoring.score import Score
from scripts import train
from tests.command import fail, succeed, summary
from tests.small_network import SMALL

FAST = ("--recovery", "none", "--search-recovery", "none")
FEW = (*SMALL, "--calibration-images", "50", "--reward-split", "60", "--test-images", "50", "--quiet", *FAST)

OWN = """
import torch
from torch import nn


class Net(nn.Sequential):
    def __init__(self):
        super().__init__(
            nn.Conv2d(1, 16, 3), nn.ReLU(), nn.Conv2d(16, 16, 3), nn.ReLU(), nn.Flatten(), nn.Linear(16 * 16, 10)
        )


def build():
    torch.manual_seed(0)
    return Net()
"""


class Kept:
    """Workers that are made once for all searches of the same candidates: each process imports for seconds."""

    def __init__(self, candidates: Candidates, count: int) -> None:
        self._workers = Workers(candidates, count)
        self.open = 0

    def __call__(self, policies: Sequence[KeptCounts], race_reference: RaceReference | None) -> Iterator[Score]:
        return self._workers(policies, race_reference)

    def close(self) -> None:
        self.open -= 1

    def end(self) -> None:
        self._workers.close()


@pytest.fixture(scope="module")
def kept() -> Iterator[list[Kept]]:
    """The workers of all searches, once they are made."""
    made: list[Kept] = []

    def again(candidates: Candidates, count: int) -> Kept:
        made.extend([] if made else [Kept(candidates, count)])
        made[0].open += 1
        return made[0]

    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(ENGINES, "processes", again)
        yield made
    for workers in made:
        workers.end()


@pytest.mark.parametrize("strategy", ["ddpg", "greedy"])
def test_the_result_depends_on_the_round_and_not_on_who_scored_what(
    kept: list[Kept], tmp_path: Path, strategy: str
) -> None:
    """With a network of the user's own file, which the workers have not imported."""
    (tmp_path / "net.py").write_text(OWN)
    network = (
        "--model",
        f"{tmp_path}/net.py:build",
        "--data",
        "digits",
        "--image-size",
        "8",
        "--mean",
        "0.3",
        "--std",
        "0.3",
    )
    words = (*FEW, *network, "--budget", "macs=0.4", "--strategy", strategy, "--episodes", "9")
    succeed(train, *words, "--round-size", "4", "--run-dir", tmp_path / "one")
    succeed(train, *words, "--round-size", "4", "--workers", "2", "--run-dir", tmp_path / "two")
    one, two = (json.loads((tmp_path / name / "policy.json").read_text()) for name in ("one", "two"))
    assert [group["kept"] for group in one["groups"]] == [group["kept"] for group in two["groups"]]
    assert summary(tmp_path / "two")["episodes"] == summary(tmp_path / "one")["episodes"]
    assert [workers.open for workers in kept] == [0]


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("--workers", "0"), "expected --workers above 0, got 0"),
        (("--round-size", "0"), "expected --round-size above 0, got 0"),
        (("--engine", "rays"), "unknown engine 'rays'; did you mean ray?"),
    ],
)
def test_mistakes_are_one_line(tmp_path: Path, words: tuple[str, ...], message: str) -> None:
    assert message in fail(train, *FEW, *words, "--run-dir", tmp_path / "run")
    assert not (tmp_path / "run").exists()
