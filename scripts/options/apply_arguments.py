"""The options of `amc apply`."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import ClassVar

from amc.utils.errors import UserError
from scripts.options.cli_arguments import CommandLine
from scripts.options.network_and_images import DataOptions, NetworkOptions
from scripts.options.option_types import File, Name, Run
from scripts.options.search_options import SearchOptions


@dataclass(frozen=True)
class Arguments(CommandLine):
    """Prune a network by what was learned on another, and leave a run folder as a search does.

    With RUN or --agent, a trained agent decides for this network, and goes on learning here if episodes are given; with
    RUN, the network, the data and all other options are those of that run wherever none is given. With --policy, the
    same architecture with other weights gets the same channel counts, and its channels are chosen anew.
    """

    COMMON: ClassVar = (
        "from_run",
        "agent",
        "policy",
        "model",
        "weights",
        "data",
        "image_size",
        "mean",
        "std",
        "budget",
        "episodes",
        "run_dir",
        "resume",
    )
    DEFAULTS: ClassVar = {
        "budget": "that of RUN or of the policy, else macs=0.25 where the reward needs a budget",
        "model": "that of RUN, else digits_resnet",
        "data": "those of RUN, else digits for digits_resnet alone",
    }
    EXAMPLES: ClassVar = (
        ("let the agent of a run decide again, at another budget", "runs/first --budget macs=0.35"),
        (
            "let an agent that learned on one network decide for another",
            "--agent runs/first/agent.zip --model net.py:wide --data imagefolder:photos --image-size 64",
        ),
        (
            "give the same network with other weights the same channel counts",
            "--policy runs/first/policy.json --model net.py:build --weights other.pt --data imagefolder:photos",
        ),
    )

    network: NetworkOptions = field(default_factory=NetworkOptions)
    images: DataOptions = field(default_factory=DataOptions)
    search: SearchOptions = field(default_factory=SearchOptions)
    from_run: Run | None = None
    """Folder of a run whose agent decides again; the options that are not given are that run's, but for --episodes,
    --run-dir, --workers, --engine, --checkpoint-every and --quiet."""
    agent: File | None = None
    """An agent.zip that a search left; nothing in it is unpickled or executed."""
    policy: File | None = None
    """A policy.json of the same architecture."""
    episodes: int = 0
    """Policies that the agent tries after its first one, to learn this network; 0: its first one is the result. With
    --resume more than before, which need not lead to what as many from the start would."""
    settings: Name = "tuned"
    """Settings for going on learning: tuned (ours) or paper (He et al. 2018)."""
    observation: Name | None = None
    """Observation set of the agent, given again where it is path/to/file.py:function. Default: as it was trained."""

    @property
    def most_policies(self) -> int:
        """How many policies are scored at the most, the agent's first one included."""
        return 1 + self.episodes

    def check(self) -> None:
        """Raise a UserError for what can be seen without reading anything."""
        if self.search.resume is not None and self.from_run is not None:
            raise UserError("--resume goes on with the run's own options; leave RUN out")
        sources = (self.from_run, self.agent, self.policy)
        if self.search.resume is None and sources.count(None) != len(sources) - 1:
            raise UserError("expected RUN, --agent agent.zip or --policy policy.json, one of them")
        if self.episodes < 0:
            raise UserError(f"expected --episodes of 0 or more, got {self.episodes}")
        if self.policy is not None and self.episodes:
            raise UserError("a policy has nothing to learn; leave --episodes out, or give --agent")
        self.search.check()
