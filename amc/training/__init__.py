"""Training and fine-tuning of networks: the loop, learning-rate schedules, and distillation.

Read `training_loop` first, then `learning_rate` (schedules), `distillation` (a teacher beside the labels),
`recipe_options` (what users choose) and `training_progress` (what a checkpoint holds).
"""
