"""Strategies that search for a pruning policy, among them DDPG on Stable-Baselines3, and the search that runs them."""

from agents.episode import Episode
from agents.search.plan import SearchPlan
from agents.search.search import search
from agents.search.search_result import SearchResult
from agents.search.search_run import SearchRun

__all__ = ["Episode", "SearchPlan", "SearchResult", "SearchRun", "search"]
