"""Search strategies over the pruning problem: DDPG on Stable-Baselines3, and what it has to beat."""

from agents.result import Episode, SearchResult
from agents.search.search import search

__all__ = ["Episode", "SearchResult", "search"]
