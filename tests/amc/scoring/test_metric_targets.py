"""Targets that a metric compares are found whatever device networks will run on."""

import torch
from torch import nn

from amc.data.load import load_splits
from amc.data.splits import SplitSizes
from amc.scoring.metric_targets import with_targets

DIGITS = load_splits("digits", sizes=SplitSizes(20, 20, 20))


def test_classes_are_counted_where_the_network_is_before_it_is_moved() -> None:
    network = nn.Sequential(nn.Flatten(), nn.Linear(64, 10)).eval()
    names = tuple(str(digit) for digit in reversed(range(10)))
    splits = with_targets(DIGITS, network, names, "top1", torch.device("meta"))
    assert splits.class_names == names
