"""Ways to restore what pruning costs, without fine-tuning: new weights, biases and batch-norm statistics."""
