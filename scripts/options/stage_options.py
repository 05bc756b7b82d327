"""The options of a search in stages."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from amc.utils.errors import UserError
from scripts.options.option_types import Form


@dataclass(frozen=True)
class StageOptions:
    """The stages by which a search comes to its budget."""

    stages: Annotated[str, Form("SHARES")] | None = None
    """Search in stages, each from the network that the one before it found: what is left after each, as shares of the
    whole network, such as 0.7,0.5,0.35. The last one is the budget, in MACs unless --budget names another kind."""
    tune_steps: int = 0
    """Steps of training between two stages, 128 training images each; 0: the network is searched on as it was cut."""

    def check(self) -> None:
        """Raise a UserError for training that is not between stages."""
        if self.tune_steps < 0:
            raise UserError(f"expected --tune-steps of 0 or more, got {self.tune_steps}")
        if self.stages is None and self.tune_steps:
            raise UserError("--tune-steps trains between stages; give --stages too, such as --stages 0.7,0.5")
