"""Policies that are scored elsewhere score what they score here."""

import io
import os
import signal
import threading
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from agents.exploration import random_policy
from amc.data.load import load_data
from amc.data.splits import SplitSizes
from amc.graph import KeptCounts
from amc.scoring.engines.engine import SerialEngine, make_engine
from amc.scoring.engines.processes import Workers
from amc.scoring.engines.shared_pickle import SharedPickle, _Unpacker
from amc.scoring.racing import RaceReference
from amc.task import Task
from amc.task_options import TaskOptions
from amc.utils.errors import UserError
from tests.small_network import small_resnet


@pytest.fixture(scope="module")
def task() -> Task:
    splits = load_data("digits", sizes=SplitSizes(calibration=60, reward=200, test=20))
    task = Task(small_resnet(), splits, ["macs=0.3"], TaskOptions(search_recovery="none"))
    return task._changed(batch_size=10)


def policies(task: Task, count: int) -> list[KeptCounts]:
    return [random_policy(np.random.default_rng(seed), task.budgets) for seed in range(count)]


def test_processes_score_as_this_one_does_and_killing_them_is_one_line(task: Task) -> None:
    asked = policies(task, 6)
    answers = next(SerialEngine(task.candidates())([task.graph.full], None)).answers
    assert answers is not None
    threads = torch.get_num_threads()
    torch.set_num_threads(2)
    workers = Workers(task.candidates(), 2)
    torch.set_num_threads(threads)
    for against in (None, RaceReference.from_panel([answers], seed=0)):
        here, there = (list(engine(asked, against)) for engine in (SerialEngine(task.candidates()), workers))
        assert [score.share for score in there] == [score.share for score in here]
        assert [score.value for score in there] == pytest.approx([score.value for score in here], abs=0.011)
    assert any(score.share < 1 for score in there)
    pool: ProcessPoolExecutor = workers._pool
    for process in pool._processes:
        os.kill(process, signal.SIGKILL)
    with pytest.raises(UserError, match="a worker process was killed") as caught:
        list(workers(policies(task, 2), None))
    assert "\n" not in str(caught.value)
    workers.close()


def test_too_little_shared_memory_is_one_line(task: Task, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(_: torch.Tensor) -> None:
        raise RuntimeError("unable to allocate shared memory(shm) for file </torch_1>: No space left on device (28)")

    monkeypatch.setattr(torch.Tensor, "share_memory_", full)
    with pytest.raises(UserError, match=r"bytes of shared memory: .*No space left.*--shm-size.*--workers 1"):
        Workers(task.candidates(), 2)


def test_a_tensor_comes_out_on_the_device_that_it_was_on() -> None:
    place = 0, torch.float32, torch.Size([2]), (1,), False, torch.device("meta")
    assert _Unpacker(io.BytesIO(), torch.zeros(8, dtype=torch.uint8)).persistent_load(place).is_meta


def test_a_parcel_is_what_was_packed() -> None:
    shared = nn.Linear(3, 4)
    image = torch.randn(2, 3, 5, 5).to(memory_format=torch.channels_last)
    strided = torch.arange(12.0).reshape(3, 4)[:, ::2]
    thing: dict[str, Any] = {
        "twice": (shared, shared.weight),
        "image": image,
        "strided": strided,
        "classes": torch.arange(5),
        "bool": torch.tensor([True, False]),
        "empty": torch.zeros(0, 3),
        "number": 7,
        "function": lambda x: x + 1,
    }
    shared_pickle = SharedPickle.of(thing)
    assert len(shared_pickle.content) < 10_000
    found = shared_pickle.open()
    assert found["twice"][0].weight is found["twice"][1]
    assert isinstance(found["twice"][1], nn.Parameter)
    assert torch.equal(found["twice"][0](torch.ones(3)), shared(torch.ones(3)))
    for name in ("image", "strided", "classes", "bool", "empty"):
        assert torch.equal(found[name], thing[name])
    assert found["image"].stride() == image.stride()
    assert (found["number"], found["function"](1)) == (7, 2)
    begin = shared_pickle.tensors.data_ptr()
    assert begin <= found["image"].data_ptr() < begin + len(shared_pickle.tensors)


OWN = """
import torch

SHARE = 0.5

class Answer(dict):
    pass

def share(model, batches):
    found = Answer(right=[model(images).argmax(1) == labels for images, labels in batches])
    return SHARE * torch.cat(found["right"]).double().mean()

def halve(network, original, mask):
    for tensor in network.parameters():
        tensor.mul_(SHARE)
"""


def test_what_is_from_a_users_file_reaches_the_processes(tmp_path: Path) -> None:
    """A metric with what it uses of its file, and a recovery; one that is a lambda scores the same here."""
    (tmp_path / "own_scoring.py").write_text(OWN)
    splits = load_data("digits", sizes=SplitSizes(calibration=20, reward=40, test=20))
    model = small_resnet()
    score, halve = (f"{tmp_path}/own_scoring.py:{name}" for name in ("share", "halve"))
    own = Task(model, splits, options=TaskOptions(metric=score, search_recovery=halve))
    policy = own.graph.full
    with own.scorer(make_engine("processes", 2)) as scorer:
        found = scorer(policy)
    assert 0 < found <= 0.5
    halving = TaskOptions(
        score="accuracy", search_recovery=lambda network, *_: [each.mul_(0.5) for each in network.parameters()]
    )
    given = Task(model, splits, options=halving)
    with given.scorer() as scorer:
        assert scorer(policy) == pytest.approx(2 * found, abs=0.026)
    assert (own.metric_name, given.metric_name) == (score, "top1")


def test_a_users_engine_is_made_of_candidates_and_workers(task: Task, tmp_path: Path) -> None:
    (tmp_path / "own_engine.py").write_text(
        "from amc.scoring.engines.engine import SerialEngine\n\n"
        "class Mine(SerialEngine):\n"
        "    def __init__(self, candidates, workers):\n"
        "        super().__init__(candidates)\n"
        "        self.workers = workers\n"
    )
    engine = make_engine(f"{tmp_path}/own_engine.py:Mine", 3)(task.candidates())
    assert getattr(engine, "workers", None) == 3
    assert [score.share for score in engine(policies(task, 2), None)] == [1, 1]


def test_what_makes_no_engine_is_one_line(task: Task) -> None:
    nothing: Any = lambda *_: None  # noqa: E731
    with pytest.raises(UserError, match=r"<lambda> made None, which is no amc\.scoring\.engines\.engine\.Engine$"):
        make_engine(nothing, 3)(task.candidates())


def test_what_cannot_be_pickled_is_one_line() -> None:
    with pytest.raises(
        UserError, match=r"can't be sent to other processes: TypeError: .*; take --workers 1$"
    ) as caught:
        SharedPickle.of({"lock": threading.Lock()})
    assert "\n" not in str(caught.value)
