"""A model of what policies are worth, learned from those that were scored, which chooses what is scored next."""
