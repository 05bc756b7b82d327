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
from amc.networks.sources import load_network
from amc.scoring.engines.engine import SerialEngine
from amc.scoring.engines.ray_cluster import RayWorkers
from amc.task import Task
from amc.utils.errors import UserError


@pytest.fixture
def cluster(monkeypatch: pytest.MonkeyPatch) -> Iterator[Cluster]:
    monkeypatch.setenv("RAY_worker_niceness", "0")  # else tests that run beside it leave workers next to no time
    memory: dict[str, Any] = {"object_store_memory": 100 * 2**20}
    cluster = Cluster(initialize_head=True, head_node_args={"num_cpus": 1, **memory})
    cluster.add_node(num_cpus=1, **memory)
    monkeypatch.setenv("RAY_ADDRESS", cluster.address)
    monkeypatch.setattr(torch, "get_num_threads", lambda: 2)
    yield cluster
    ray.shutdown()
    cluster.shutdown()


@pytest.mark.timeout(900)  # on a busy machine an actor takes a minute to start, and others wait as long for it
@pytest.mark.parametrize("scored", [0, 1])
def test_a_node_that_dies_loses_nothing(cluster: Cluster, monkeypatch: pytest.MonkeyPatch, scored: int) -> None:
    """While its actor is being started, which keeps for good what it is given, and while it scores a policy."""
    monkeypatch.setattr("amc.scoring.engines.ray_cluster.LEAST_PATIENCE", 1.0)
    splits = load_data("digits", sizes=SplitSizes(calibration=60, reward=200, test=20))
    task = Task(load_network("digits_resnet").model, splits, ["macs=0.3"])
    policies = [random_policy(np.random.default_rng(seed), task.budgets) for seed in range(8)]
    engine = RayWorkers(task.candidates(), 2)
    scores = engine(policies, None)
    found = [next(scores) for _ in range(scored)]
    (node,) = cluster.worker_nodes
    cluster.remove_node(node, allow_graceful=False)
    found += scores
    here = list(SerialEngine(task.candidates())(policies, None))
    assert [score.value for score in found] == pytest.approx([score.value for score in here], abs=0.011)
    engine.close()


@pytest.mark.usefixtures("cluster")
def test_more_workers_than_the_cluster_has_room_for() -> None:
    splits = load_data("digits", sizes=SplitSizes(calibration=60, reward=50, test=20))
    task = Task(load_network("digits_resnet").model, splits, ["macs=0.3"])
    with pytest.raises(UserError, match="need more than the Ray cluster's 2 CPUs"):
        RayWorkers(task.candidates(), 4)
