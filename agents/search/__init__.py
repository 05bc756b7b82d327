"""The search behind commands and Python users: its stages, checkpoints, final choice, and the files of the result."""
