"""Fine-tuning: a compact network is trained further, so that it gains back what pruning cost.

`finetuning.finetune` is for users of Python. It makes a `TuningProblem` and hands it to a `TuningRun`, which the
command uses too; the loop with its checkpoints is a `TrainingRun`.
"""
