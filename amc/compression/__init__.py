"""Compact networks from kept counts in one call: choose channels, cut them, recover.

Read `compressor` first. `group_features` says what weights and calibration images tell of each group beforehand, and of
which policy the least change is expected; `output_changes` by how much the network's outputs change when one is cut.
"""
