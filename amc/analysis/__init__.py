"""The analysis of a network together with the proof that it is right: each group is cut and the outputs are compared.

Read `analyse` (the one call that users need), `self_check` (the proof), `check_runs` (how networks are run for it), and
`round_trip` (the proof that a result can be saved and loaded again).
"""
