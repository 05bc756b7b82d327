"""Training and fine-tuning of networks: the loop, learning-rate schedules, and distillation."""
