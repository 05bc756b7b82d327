"""What a candidate network is worth: metrics, number formats, racing, and the processes that score in parallel.

Read `metrics` (a network on images), `metric_targets` (what outputs are compared with), `fidelity`,
`output_kinds` and `original_outputs` (outputs against the original's, without labels), `chance_level` and
`checked_score` (the original's score), `evaluation` (one network's score, costs and time), `number_format` (numbers as
people read them), `scorer`, `candidates` and `scoring_network` (a search's scores), `racing` and `paired_test` (how few
images suffice). `executor/` runs many shapes of one network fast, `engines/` spreads the work over processes or a
cluster.
"""
