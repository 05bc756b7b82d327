"""The options of `amc compare`."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, ClassVar

from amc.artifacts.run_folder import stem_of
from amc.utils.defaults import COMPARED_STRATEGIES, SEEDS
from scripts.options.network_and_images import DataOptions, NetworkOptions
from scripts.options.option_types import Folder, Form, Name
from scripts.options.scoring_options import ScoringOptions


@dataclass(frozen=True)
class Arguments:
    """Search by several strategies at several budgets with several seeds, and put what they find beside each other.

    Reward images are halved by the seed: searches see one half, the other judges what they found. Each search that has
    ended is a file in the folder and is not made again; one that was interrupted is begun again.
    """

    COMMON: ClassVar = (
        "strategies",
        "budgets",
        "seeds",
        "episodes",
        "model",
        "weights",
        "data",
        "image_size",
        "mean",
        "std",
        "metric",
        "device",
        "out",
    )
    DEFAULTS: ClassVar = {
        "budgets": "macs=0.25",
        "data": "digits for digits_resnet alone",
        "out": "one under runs/ named after the network",
    }
    EXAMPLES: ClassVar = (
        (
            "whether an agent is worth it on your own network",
            "--model net.py:build --data imagefolder:photos --image-size 64 --budgets macs=0.5 macs=0.3",
        ),
        ("more seeds, and one strategy more, into the same folder", "--strategies ddpg greedy --seeds 0 1 2 3 4"),
    )

    network: NetworkOptions = field(default_factory=NetworkOptions)
    images: DataOptions = field(default_factory=DataOptions)
    scoring: ScoringOptions = field(default_factory=ScoringOptions)
    strategies: tuple[Name, ...] = COMPARED_STRATEGIES
    """Strategies, as --strategy of amc train takes one; the others are compared with the first."""
    budgets: Annotated[tuple[str, ...], Form("KIND=VALUE")] = ()
    """Budgets, a search each, as --budget of amc train takes one, but latency; with commas between those that hold at
    once, as macs=0.5,params=0.6."""
    seeds: tuple[int, ...] = SEEDS
    """Seeds, with a search for each strategy and budget."""
    episodes: int = 200
    """Policies that each search may score."""
    out: Folder | None = None
    """Folder of the comparison: new, or begun with the same options; strategies, budgets and seeds may be added."""

    @property
    def folder(self) -> Path:
        """The folder of the comparison."""
        return self.out or Path("runs") / f"compared-{stem_of(self.network.model)}"
