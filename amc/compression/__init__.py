"""Compact networks from kept counts in one call: choose channels, cut them, recover.

Read `compressor` first. `group_features` says what weights and calibration images tell of each group beforehand,
`output_changes` by how much the network's outputs are expected to change when it is cut, and `least_change` of which
policy least is expected.
"""
