"""The options of `amc apply`."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import ClassVar

from amc.utils.errors import UserError
from scripts.options.network_and_images import DataOptions, NetworkOptions
from scripts.options.option_types import File, Name
from scripts.options.search_options import SearchOptions


@dataclass(frozen=True)
class Arguments:
    """Prune a network by what was learned on another, and leave a run folder as a search does.

    With --agent, a trained agent decides for this network, and goes on learning here if episodes are given. With
    --policy, the same architecture with other weights gets the same channel counts, and its channels are chosen anew.
    """

    COMMON: ClassVar = (
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
    EXAMPLES: ClassVar = (
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
    agent: File | None = None
    """An agent.zip that a search left; nothing in it is unpickled or executed."""
    policy: File | None = None
    """A policy.json of the same architecture."""
    episodes: int = 0
    """Policies that the agent tries after its first one, to learn this network; 0: its first one is the result."""
    settings: Name = "tuned"
    """Settings for going on learning: tuned (ours) or paper (He et al. 2018)."""
    observation: Name | None = None
    """Observation set of the agent, given again where it is path/to/file.py:function. Default: as it was trained."""

    def check(self) -> None:
        """Raise a UserError for what can be seen without reading anything."""
        if self.search.resume is None and (self.agent is None) == (self.policy is None):
            raise UserError("expected --agent agent.zip or --policy policy.json, one of them")
        if self.episodes < 0:
            raise UserError(f"expected --episodes of 0 or more, got {self.episodes}")
        if self.policy is not None and self.episodes:
            raise UserError("a policy has nothing to learn; leave --episodes out, or give --agent")
        self.search.check()
