"""Training and fine-tuning of networks: the loop, learning-rate schedules, and distillation.

Read `training_loop` first, then `learning_rate` (schedules) and `distillation` (a teacher beside the labels).
"""
