"""Training of a classifier: the original, or a compact network after a search.

Read `training_loop` first, then `learning_rate` (schedules) and `distillation` (a teacher beside the labels).
"""
