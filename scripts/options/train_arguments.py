"""The options of `amc train`."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Annotated, ClassVar

from amc.utils.errors import UserError
from scripts.options.cli_arguments import CommandLine
from scripts.options.front_options import FrontOptions
from scripts.options.goal_options import GoalOptions
from scripts.options.network_and_images import DataOptions, NetworkOptions
from scripts.options.option_types import EarlierRuns, Form, Name
from scripts.options.search_options import SearchOptions
from scripts.options.stage_options import StageOptions


@dataclass(frozen=True)
class Arguments(CommandLine):
    """Search for the policy that keeps the most accuracy within a budget; leave it and the compact network in a folder.

    With --max-drop, it is the policy of least cost that keeps enough. Without options, the packaged digits network is
    searched on.
    """

    COMMON: ClassVar = (
        "model",
        "weights",
        "data",
        "image_size",
        "mean",
        "std",
        "budget",
        "max_drop",
        "episodes",
        "metric",
        "device",
        "run_dir",
        "resume",
    )
    DEFAULTS: ClassVar = {
        "budget": "macs=0.25 where the reward needs a budget",
        "data": "digits for digits_resnet alone",
    }
    EXAMPLES: ClassVar = (
        (
            "your own network on a folder of images, to a third of its MACs",
            "--model net.py:build --data imagefolder:photos --image-size 64 --budget macs=0.33",
        ),
        (
            "a pretrained network, to 80 % of the latency that ONNX Runtime measures here",
            "--model torchvision:resnet18 --data imagefolder:imagenet --budget latency=0.8",
        ),
        (
            "the fewest parameters at which accuracy falls by one point at the most",
            "--model net.py:build --data imagefolder:photos --image-size 64 --max-drop 1 --minimise params",
        ),
        ("go on with a search that was stopped", "--resume runs/first"),
    )

    network: NetworkOptions = field(default_factory=NetworkOptions)
    images: DataOptions = field(default_factory=DataOptions)
    search: SearchOptions = field(default_factory=SearchOptions)
    staging: StageOptions = field(default_factory=StageOptions)
    aim: GoalOptions = field(default_factory=GoalOptions)
    front: FrontOptions = field(default_factory=FrontOptions)
    episodes: int = 200
    """Policies that are scored at the most, in all stages together; with --resume more than before, which need not lead
    to what as many from the start would."""
    strategy: Name = "ddpg"
    """How policies are found: ddpg, an algorithm of Stable-Baselines3 (sb3:SAC, sb3:TD3, sb3:PPO, sb3:DDPG, sb3:A2C,
    sb3:DQN), random, evolution, cma-es, swaps, or a rule, which knows its one policy (uniform, shallow, deep, cp,
    global, second-order) or first measures single groups (sensitivity, greedy, knapsack); or path/to/file.py:function
    (of settings and round size)."""
    start_from: Annotated[str, Form("RULE|RUN")] | None = None
    """Policy that the search begins from: that of uniform, shallow, deep, cp, global or second-order, or of an earlier
    run of the same network, as its folder or policy.json."""
    with_: EarlierRuns = ()
    """Folders of earlier searches by ddpg, on whatever networks and data: the agent learns from what they scored as
    well, so that it knows more of networks to come (amc apply)."""
    settings: Name = "tuned"
    """Settings of the DDPG agent: tuned (ours) or paper (He et al. 2018)."""
    observation: Name = "scale_free"
    """What the agent sees: scale_free (ours), paper (the 11 features of He et al. 2018) or
    path/to/file.py:function (of graph, budgets and what the weights say of each group)."""

    @property
    def most_policies(self) -> int:
        """How many policies are scored at the most."""
        return self.episodes

    def check(self) -> None:
        """Raise a UserError for what can be seen without reading anything."""
        if self.episodes < 1:
            raise UserError(f"expected --episodes above 0, got {self.episodes}")
        self.search.check()
        self.staging.check()
        self.aim.check()
        if self.aim.max_drop is not None and (self.search.budget or self.staging.stages):
            raise UserError("--max-drop finds the budget itself; leave --budget and --stages out")
