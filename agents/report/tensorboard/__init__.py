"""What TensorBoard shows of a run: curves, pictures and the table of hyperparameters."""
