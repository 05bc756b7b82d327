"""One call from kept counts to a compact network: choose units, recover weights, cut, take statistics again.

Read `compressor` first; `group_features` says what weights and calibration images tell of each group beforehand.
"""
