"""Strategies that draw policies at random and see nothing of them but their scores."""
