"""Search for a pruning policy: the main job."""

from __future__ import annotations

import dataclasses
import shlex
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any

import torch
import tyro

from agents.agent_file import save_agent
from agents.search import BestOf, check_reward, make_env, make_strategy
from agents.strategies import Ddpg
from amc.cost import COSTS
from amc.device import find_device
from amc.errors import UserError
from amc.evaluate import METRICS, find_metric
from amc.files import write_json
from amc.policy import save_compact
from amc.task import Task
from amc.userfile import is_user_function
from envs.rewards import REWARDS
from scripts.board import Board
from scripts.cli import INTERRUPTED, run
from scripts.finish import Finish, OnTest, finish, policy_file, score_on_test
from scripts.options import DataOptions, NetworkOptions, check_seed, rounding
from scripts.progress import search_progress
from scripts.run_folder import AGENT_FILE, SUMMARY_FILE, new_run_folder
from scripts.table import print_finish

DEFAULT_BUDGET = ("macs=0.25",)


@dataclass(frozen=True)
class Arguments:
    """Search for the policy that keeps the most accuracy within a budget; leave it and the compact network in a folder.

    Without options: the packaged digits network.
    """

    network: tyro.conf.OmitArgPrefixes[NetworkOptions] = field(default_factory=NetworkOptions)
    images: tyro.conf.OmitArgPrefixes[DataOptions] = field(default_factory=DataOptions)
    budget: Annotated[tuple[tuple[str, ...], ...], tyro.conf.UseAppendAction] = ()
    """What may be left: macs=0.5 or params=0.5 (shares of the original), macs=60M (absolute; K, M, G); one of each
    kind. Default: macs=0.25 for rewards that need a budget."""
    episodes: int = 200
    """Policies that are scored."""
    strategy: str = "ddpg"
    """How policies are found: ddpg, uniform or random."""
    settings: str = "tuned"
    """Settings of the DDPG agent: tuned (ours) or paper (He et al. 2018)."""
    observation: str = "scale_free"
    """What the agent sees: scale_free (ours) or paper (the 11 features of He et al. 2018)."""
    reward: str = "error"
    """What is maximised: error, error_log_macs, error_log_params or mnasnet."""
    metric: str = "top1"
    """How a network is scored: top1, top5 or path/to/file.py:function (of a model and batches; larger is better)."""
    reward_images: int | None = None
    """Images of the reward split that the search scores with; the end scores with all. Default: all."""
    round_to: str = "auto"
    """Widths are multiples of this many channels; auto: the largest of 8, 4, 2, 1 that leaves a group 16 choices."""
    max_sparsity: float = 0.8
    """Largest share of a group's channels that is cut, between 0 and 1."""
    seed: int = 0
    """Of everything that is drawn."""
    device: str = "auto"
    """Where networks run: cpu, cuda, or auto for a GPU if there is one."""
    run_dir: Path | None = None
    """Folder for the results, new or empty; default: one under runs/ named after network and time."""
    quiet: bool = False
    """Print nothing but mistakes."""

    def check(self) -> None:
        """Raise a UserError for what can be told without reading anything."""
        for name in ("episodes", "reward_images"):
            value = getattr(self, name)
            if value is not None and value < 1:
                raise UserError(f"expected --{name.replace('_', '-')} above 0, got {value}")
        check_seed(self.seed)
        make_strategy(self.strategy, self.settings)
        check_reward(self.reward, self.observation)
        find_metric(self.metric)

    @property
    def limits(self) -> tuple[str, ...]:
        """The budgets, the default one included."""
        if self.budget:
            return tuple(limit for limits in self.budget for limit in limits)
        return DEFAULT_BUDGET if REWARDS[self.reward].needs_budget else ()

    def flat(self) -> dict[str, Any]:
        """All options by name, as they were given."""
        values = dataclasses.asdict(self)
        flat = values.pop("network") | values.pop("images") | values
        return flat | {"budget": list(self.limits), "run_dir": None}

    def check_command(self, folder: Path) -> str:
        """What scores the results again; functions of the user's are named, since none is imported from files."""
        words = ["python", "-m", "scripts.evaluate", "--run-dir", str(folder)]
        for option in ("model", "data", "metric"):
            value = self.flat()[option]
            words += [f"--{option}", value] * is_user_function(value)
        return shlex.join(words)


def train(arguments: Arguments) -> None:
    """Search, score the winner on everything, write the run folder, print the table."""
    start = time.perf_counter()
    arguments.check()
    step = rounding(arguments.round_to)
    folder = new_run_folder(arguments.run_dir, arguments.network.model)
    device = find_device(arguments.device)
    torch.manual_seed(arguments.seed)  # of weights that are random
    network = arguments.network.load()
    splits = arguments.images.load(network, arguments.metric, arguments.seed, progress=not arguments.quiet)
    task = Task(
        network.model,
        splits,
        arguments.limits,
        metric=arguments.metric,
        reward_images=arguments.reward_images,
        round_to=step,
        max_sparsity=arguments.max_sparsity,
        seed=arguments.seed,
        device=device,
    )
    if splits.reward_from_train and not arguments.quiet:
        print(
            "warning: the data has no val/ split, so reward images are taken from the training images; a network that"
            " was trained on them flatters itself",
            file=sys.stderr,
        )
    env = make_env(task, arguments.reward, arguments.observation)
    strategy = make_strategy(arguments.strategy, arguments.settings)
    original = {kind: make(task.graph)(task.graph.full) for kind, make in COSTS.items()}
    board = Board(folder, task.graph, original)
    interrupted = False
    searching = time.perf_counter()
    with search_progress(arguments.episodes, original["macs"], arguments.quiet) as show:
        noted = BestOf(board.episode, show)
        try:
            strategy.search(env, arguments.episodes, arguments.seed, noted)
        except KeyboardInterrupt:
            if noted.best is None:
                raise
            interrupted = True
    if interrupted:
        print("interrupted: saving the best policy so far", file=sys.stderr)
    seconds = time.perf_counter() - searching
    result = finish(task, noted.episodes, env.reward)
    if isinstance(strategy, Ddpg) and strategy.agent is not None:
        save_agent(folder / AGENT_FILE, strategy.agent)
    policy = policy_file(task, result, arguments.network.model, arguments.strategy, arguments.seed)
    save_compact(folder, policy, result.policy.network)
    on_test = score_on_test(task, result)  # after the policy is safe: reading the images may fail
    summary = _summary(arguments, result, on_test, len(noted.episodes), seconds) | {
        "interrupted": interrupted,
        "wall_seconds": time.perf_counter() - start,
    }
    write_json(folder / SUMMARY_FILE, summary)
    board.close(noted.episodes, result.policy.keeps, arguments.flat(), summary)
    if not arguments.quiet:
        print_finish(result, on_test, is_accuracy=arguments.metric in METRICS)
        print(
            f"{len(noted.episodes)} episodes in {seconds:.1f} s; results in {folder}\n"
            f"check them with: {arguments.check_command(folder)}"
        )
    if interrupted:
        sys.exit(INTERRUPTED)


def _summary(arguments: Arguments, result: Finish, on_test: OnTest, episodes: int, seconds: float) -> dict[str, Any]:
    """Everything the run printed, by name; accuracies in [0, 1]."""
    return {
        "original_accuracy": result.original_accuracy,
        "uniform_accuracy": result.uniform.reward_accuracy,
        "policy_accuracy": result.policy.reward_accuracy,
        "test_accuracy_original": on_test.original,
        "test_accuracy_uniform": on_test.uniform,
        "test_accuracy_policy": on_test.policy,
        **{
            f"{kind}_{when}": getattr(cost, when) for kind, cost in result.costs.items() for when in ("before", "after")
        },
        "widths_before": [group.width for group in result.groups],
        "widths_after": [group.width_after for group in result.groups],
        "episodes": episodes,
        "episodes_per_second": episodes / seconds,
        "search_seconds": seconds,
        "seed": arguments.seed,
        "arguments": arguments.flat(),
    }


def main() -> None:
    """Run as a command."""
    run(train, Arguments)


if __name__ == "__main__":
    main()
