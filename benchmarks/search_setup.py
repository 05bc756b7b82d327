"""Searches in the benchmark's own process: their task, and their peak memory."""

from __future__ import annotations

from agents.search.episode_log import EpisodeLog
from agents.search.problem import make_problem
from agents.strategies import make_strategy
from amc.data.load import load_data
from amc.data.preprocess import Preprocess
from amc.networks.sources import load_network
from amc.task import Task
from amc.task_options import TaskOptions
from benchmarks.runs import peak_memory
from scripts.command.loading import preprocess_of
from scripts.options.network_and_images import ImageOptions


def make_task(
    model: str, weights: str, data: str, image_size: int | None, budget: str, seed: int
) -> tuple[Task, Preprocess | None]:
    """The task that scripts.train makes of these options, and how its images became inputs."""
    network = load_network(model, weights)
    preprocess = preprocess_of(ImageOptions(image_size=image_size), network.preprocess)
    return Task(network.model, load_data(data, preprocess, seed=seed), [budget], TaskOptions(seed=seed)), preprocess


def peak_of_a_search(task: Task, episodes: int, seed: int = 0) -> float:
    """The most memory in MiB that this process has held once it has searched."""
    with task.scorer() as scorer:
        make_strategy("ddpg").search(make_problem(task, scorer), episodes, seed, EpisodeLog())
    return peak_memory()
