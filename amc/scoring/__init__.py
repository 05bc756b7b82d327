"""What a candidate network is worth on the reward images, thousands of times in a search.

Read `metrics` and `precision` (a network on images), `chance_level` and `checked_score` (the original's score),
`scorer`, `candidates` and `scoring_network` (a search's scores), `racing` and `paired_test` (how few images suffice).
`executor/` runs many shapes of one network fast, `engines/` spreads the work over processes or a cluster.
"""
