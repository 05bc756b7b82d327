"""DDPG by episodes, as AMC uses it: the agent, its replay, its settings and its file."""
