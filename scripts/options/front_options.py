"""The options of a search over a range of budgets."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from scripts.options.option_types import Form


@dataclass(frozen=True)
class FrontOptions:
    """The budgets of a range at which networks are made."""

    points: Annotated[tuple[float, ...], Form("SHARE")] | None = None
    """Shares at which networks are made where --budget is a range such as macs=0.3:0.8; the one nearest to the middle
    is the result of the run, all are in front/. Default: the least, the middle and the largest."""
