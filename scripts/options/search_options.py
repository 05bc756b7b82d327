"""The options of every search, and their checks."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Annotated

from amc.utils.errors import UserError
from amc.utils.seeds import check_seed
from scripts.options.latency_options import LatencyOptions
from scripts.options.option_types import Folder, Form, Name, Repeated
from scripts.options.scoring_options import ScoringOptions


@dataclass(frozen=True)
class SearchOptions(ScoringOptions):
    """The goal of a search, and the folder of its run."""

    budget: Annotated[Repeated, Form("KIND=VALUE")] = ()
    """What may be left: macs=0.5, params=0.5, memory=0.5 or latency=0.5 (shares of the original), macs=60M (absolute;
    K, M, G), memory=4MB, latency=3.2ms; one of each kind. train takes a range of shares, too: macs=0.3:0.8."""
    reward: Name = "error"
    """Reward that is maximised: error, error_log_macs, error_log_params, error_log_latency, mnasnet or
    path/to/file.py:function (of what a policy led to; larger is better)."""
    latency: LatencyOptions = field(default_factory=LatencyOptions)
    seed: int = 0
    """Seed of everything that is drawn."""
    run_dir: Folder | None = None
    """Folder for the results, new or empty; default: one under runs/ named after network and time."""
    checkpoint_every: int = 10
    """Episodes after which a checkpoint is written at the latest; one is also written each minute and on Ctrl-C."""
    resume: Folder | None = None
    """Folder of a run that was interrupted: go on with it, with its own options. With --episodes, a finished one goes
    on, too."""

    def check(self) -> None:
        """Raise a UserError for a value that is out of its range."""
        super().check()
        if self.checkpoint_every < 1:
            raise UserError(f"expected --checkpoint-every above 0, got {self.checkpoint_every}")
        check_seed(self.seed)
        self.latency.check()
