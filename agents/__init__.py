"""Strategies that search for a pruning policy, among them DDPG on Stable-Baselines3, and the search that runs them.

What is public is found here by its name, and imported when it is first asked for.
"""

from __future__ import annotations

import sys
from types import ModuleType
from typing import TYPE_CHECKING, Any

from amc.utils.lazy_names import lazy_names

if TYPE_CHECKING:
    from agents.episode import Episode as Episode
    from agents.search.plan import SearchPlan as SearchPlan
    from agents.search.search import search as search
    from agents.search.search_result import SearchResult as SearchResult
    from agents.search.search_run import SearchRun as SearchRun

HOMES = {
    "Episode": "agents.episode",
    "SearchPlan": "agents.search.plan",
    "SearchResult": "agents.search.search_result",
    "SearchRun": "agents.search.search_run",
    "search": "agents.search.search",
}
"""The module in which each public name lives."""

__all__ = [*HOMES]

__getattr__, __dir__ = lazy_names(__name__, HOMES)


class _Door(ModuleType):
    """This package, whose `search` stays the function when Python has imported the package `agents.search`."""

    def __setattr__(self, name: str, value: Any) -> None:
        if not (name in HOMES and isinstance(value, ModuleType)):
            super().__setattr__(name, value)


sys.modules[__name__].__class__ = _Door
