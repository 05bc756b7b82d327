"""The result of a search, and the files that it is saved as."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from torch import nn

from agents.checkpoint import Checkpoint, save_checkpoint
from agents.ddpg.agent_file import save_agent
from agents.ddpg.episodic_ddpg import EpisodicDDPG
from agents.episode import Episode
from agents.final_result import FinalResult, OnTest
from agents.report import charts, write_report
from agents.report.front_table import front_table
from agents.report.tensorboard.board import Board
from agents.report.terminal.result_tables import result_tables
from agents.search.front_files import front_of, save_front
from agents.search.summary import summarise, summarise_stages
from amc.artifacts.policy import CostReached, Policy, save_compact
from amc.artifacts.run_folder import AGENT_FILE, SUMMARY_FILE, check_free
from amc.graph import PruningGraph
from amc.scoring.number_format import COST_NAMES, metric_name, percent, score
from amc.task import Task
from amc.utils.files import write_json
from amc.utils.tabular import Table, Tabular

if TYPE_CHECKING:
    from matplotlib.figure import Figure


class Scores(NamedTuple):
    """The scores of one network on the reward images (validation) and on the test images, in [0, 1] for accuracies."""

    reward: float
    test: float


@dataclass(frozen=True, eq=False, repr=False)
class SearchResult(Tabular):
    """The result of a search: the policy that is kept, its network, and all numbers on the way to it.

    Attributes:
        task: What was searched on: the original network with its analysis, its images and budgets.
        best: The best policy as the search scored it.
        episodes: All policies that were scored, in order.
        final: The policy that is kept, chosen among the best, and the ones that it has to beat.
        on_test: The scores of these networks on the test images, which are read once.
        policy: The policy that is kept, as `policy.json` holds it.
        agent: The trained agent; None where the strategy has none.
        checkpoint: The last checkpoint, with a description of the search; `--resume` goes on from that of a command.
        latencies: The predicted and the measured latency in ms of every network that was measured.
        search_seconds: Seconds that were spent searching.
        wall_seconds: Seconds that everything took.
        interrupted: Whether the user ended the search before its time.
        front: The result at each point of a range of budgets, in ascending order, of which this one is the nearest to
            the middle; none for one budget.
    """

    task: Task
    best: Episode
    episodes: tuple[Episode, ...]
    final: FinalResult
    on_test: OnTest
    policy: Policy
    agent: EpisodicDDPG | None
    checkpoint: Checkpoint
    latencies: tuple[tuple[float, float], ...]
    search_seconds: float
    wall_seconds: float
    interrupted: bool
    front: tuple[SearchResult, ...] = ()

    @property
    def class_names(self) -> tuple[str, ...] | None:
        """The names of the network's classes in the order of its outputs; None where they are not known."""
        return self.task.splits.class_names

    @property
    def network(self) -> nn.Module:
        """The compact network that is kept, in evaluation mode."""
        return self.final.policy.network

    @property
    def costs(self) -> dict[str, CostReached]:
        """The costs of one image by kind (`macs`, `params`, `memory`): `before`, `after` and their `ratio`."""
        return self.final.costs

    @property
    def original(self) -> Scores:
        """The scores of the original network."""
        return Scores(self.final.original_accuracy, self.on_test.original)

    @property
    def uniform(self) -> Scores:
        """The scores of the network that keeps the same share of every group."""
        return Scores(self.final.uniform.reward_accuracy, self.on_test.uniform)

    @property
    def found(self) -> Scores:
        """The scores of the network that is kept."""
        return Scores(self.final.policy.reward_accuracy, self.on_test.policy)

    @property
    def tables(self) -> list[Table]:
        """The tables of widths, costs and scores."""
        tables = result_tables(self.final, self.on_test, self.task.metric_name)
        return [*tables, front_table(front_of(self))] if self.front else tables

    def __repr__(self) -> str:
        metric = self.task.metric_name
        named = {"original": self.original, "uniform": self.uniform, "found": self.found}
        scores = ", ".join(f"{name} {score(metric, each.test)}" for name, each in named.items())
        left = ", ".join(f"{percent(cost.ratio, 1)} of {COST_NAMES[kind]}" for kind, cost in self.costs.items())
        return (
            f"<SearchResult of {self.policy.model} at {' '.join(self.policy.budget) or 'no budget'}: {left} left;"
            f" {metric_name(metric)} on test images: {scores}; {len(self.episodes)} episodes in"
            f" {self.search_seconds:.1f} s{', interrupted' * self.interrupted}>"
        )

    def plot(self) -> Figure:
        """Draw the reward of every episode, and the channels of every group before and after."""
        kept = next((finalist.episode for finalist in self.final.finalists if finalist.is_kept), None)
        return charts.search_overview(self.episodes, self.final.groups, self.checkpoint.run["uniform"], kept)

    @property
    def summary(self) -> dict[str, Any]:
        """Every number of the search by name, as `summary.json` holds them; accuracies are scores by its `metric`."""
        run, goal = self.checkpoint.run, self.final.goal
        stages = run["stages"] if goal is None else [judged.budget for judged in goal.judgements]
        numbers = summarise(self.final, self.on_test, self.episodes, self.search_seconds)
        return {"metric": self.task.metric_name, "score": self.task.score_name, **numbers} | {
            "seed": self.policy.seed,
            "arguments": run["arguments"],
            "stages": summarise_stages([tuple(limits) for limits in stages], self.episodes),
            "interrupted": self.interrupted,
            "wall_seconds": self.wall_seconds,
        }

    def save(self, folder: str | Path) -> None:
        """Write the files that a command leaves, into a folder that is new or empty.

        Raises:
            UserError: The folder is not free, or can't be written to.
        """
        folder = Path(folder)
        check_free(folder)
        save_checkpoint(folder, self.checkpoint)
        write_policy(folder, self.policy, self.network, self.agent)
        board = board_of(folder, self.task.origin.graph, self.checkpoint.run)
        for episode in self.episodes:
            board.episode(episode)
        self.write_numbers(folder, board)

    def write_numbers(self, folder: Path, board: Board) -> None:
        """Write the summary and the report into a run folder, and end its TensorBoard events."""
        front = save_front(folder, self) if self.front else None
        summary = self.summary
        write_json(folder / SUMMARY_FILE, summary)
        board.close(self.episodes, self.final.policy.kept_counts, summary, self.latencies, front)
        write_report(folder)


def board_of(folder: Path, graph: PruningGraph, run: Mapping[str, Any], past: Sequence[Episode] = ()) -> Board:
    """The TensorBoard events of a search in its folder, made from the description `run` that its checkpoints hold."""
    return Board(folder, graph, run["whole"], run["asked"], past, metric=run["metric"], uniform=run["uniform"])


def write_policy(folder: Path, policy: Policy, network: nn.Module, agent: EpisodicDDPG | None) -> None:
    """Write the policy, the compact network and the agent of a search into its folder."""
    save_compact(folder, policy, network)
    if agent is not None:
        save_agent(folder / AGENT_FILE, agent)
