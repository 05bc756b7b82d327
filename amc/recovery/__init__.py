"""Ways to restore what pruning costs, without fine-tuning: new weights, biases and batch-norm statistics.

Read `calibration` (one pass over images), `row_sampling` and `least_squares` (the mathematics), `reconstruction` and
`reconstructor` (new weights for the layers that lost inputs), `asymmetric` (the same, layer after layer, for the final
network), then `batch_norm_statistics` and `bias_correction`; `output_distance` says how far outputs are from the
original's.
"""
