"""A real cluster of two nodes on this machine."""

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
import ray
import torch
from ray.cluster_utils import Cluster

from agents.exploration import random_policy
from amc.data.load import load_data
from amc.data.splits import SplitSizes
from amc.scoring.engines.engine import SerialEngine
from amc.scoring.engines.ray_cluster import RayWorkers
from amc.task import Task
from amc.utils.errors import UserError
from tests.small_network import small_resnet

NODE: dict[str, Any] = {"num_cpus": 1, "object_store_memory": 100 * 2**20, "include_dashboard": False}


@pytest.fixture(scope="module")
def cluster() -> Iterator[Cluster]:
    """A cluster of one node."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("RAY_worker_niceness", "0")  # else tests that run beside it leave workers next to no time
        cluster = Cluster(initialize_head=True, head_node_args=NODE)
        patch.setenv("RAY_ADDRESS", cluster.address)
        patch.setattr(torch, "get_num_threads", lambda: 2)
        yield cluster
        ray.shutdown()
        cluster.shutdown()


@pytest.fixture(scope="module")
def task() -> Task:
    splits = load_data("digits", sizes=SplitSizes(calibration=60, reward=200, test=20))
    return Task(small_resnet(), splits, ["macs=0.3"])


@pytest.mark.timeout(900)  # on a busy machine an actor takes a minute to start, and others wait as long for it
@pytest.mark.parametrize("scored", [0, 1])
def test_a_node_that_dies_loses_nothing(
    cluster: Cluster, task: Task, monkeypatch: pytest.MonkeyPatch, scored: int
) -> None:
    """While its actor is being started, which keeps for good what it is given, and while it scores a policy."""
    monkeypatch.setattr("amc.scoring.engines.ray_cluster.LEAST_PATIENCE", 1.0)
    node = cluster.add_node(**NODE)
    policies = [random_policy(np.random.default_rng(seed), task.budgets) for seed in range(8)]
    engine = RayWorkers(task.candidates(), 2)
    scores = engine(policies, None)
    found = [next(scores) for _ in range(scored)]
    cluster.remove_node(node, allow_graceful=False)
    found += scores
    here = list(SerialEngine(task.candidates())(policies, None))
    assert [score.value for score in found] == pytest.approx([score.value for score in here], abs=0.011)
    engine.close()


@pytest.mark.usefixtures("cluster")
def test_more_workers_than_the_cluster_has_room_for(task: Task) -> None:
    with pytest.raises(UserError, match=r"--workers 4 .* need more than the Ray cluster's \d CPUs"):
        RayWorkers(task.candidates(), 4)
    assert not ray.is_initialized()  # nor is a cluster left that it began


@pytest.mark.usefixtures("cluster")
def test_a_connection_that_was_there_before_stays(task: Task) -> None:
    ray.init(log_to_driver=False)
    with pytest.raises(UserError, match="more than the Ray cluster's"):
        RayWorkers(task.candidates(), 4)
    RayWorkers(task.candidates(), 1).close()
    assert ray.is_initialized()
    ray.shutdown()
