import numpy as np
import pytest
import torch

from amc.compression.compressor import Compressor
from amc.compression.group_features import SHARES, GroupFeatures, group_features
from tests.architectures import PRUNABLE
from tests.oracles import prepared


def compressor(name: str) -> Compressor:
    model, graph = prepared(name)
    return Compressor(model, graph, [PRUNABLE[name].example(12)])


def test_importance_is_the_share_of_the_kept_units() -> None:
    weights = compressor("plain")
    for row, group in zip(group_features(weights).importance, weights.graph.groups, strict=True):
        ordered = np.sort(weights.importance[group.slice])[::-1]
        expected = [ordered[: round(share * group.units)].sum() / ordered.sum() for share in SHARES]
        np.testing.assert_allclose(row, expected)


def test_lost_is_what_least_squares_cannot_restore() -> None:
    weights = compressor("projection")
    graph, lost = weights.graph, group_features(compressor("projection")).lost
    for column, share in enumerate(SHARES):
        kept_counts = np.round(share * graph.full).astype(np.int64)
        errors = weights.reconstruction_errors(weights.mask(kept_counts))
        expected = [(errors["conv1.0.weight"] + errors["shortcut.0.weight"]) / 2, errors["conv2.0.weight"]]
        np.testing.assert_allclose(lost[:2, column], expected)


@pytest.mark.parametrize("name", PRUNABLE)
def test_hints_are_shares(name: str) -> None:
    torch.manual_seed(0)
    weights = compressor(name)
    features = group_features(weights)
    assert features.table.shape == (len(weights.graph.groups), 3 * len(SHARES))
    assert (features.table >= 0).all()
    assert (features.table <= 1).all()
    assert (np.diff(features.importance, axis=1) >= 0).all()  # more units hold more


def test_what_is_no_number_can_not_be_restored() -> None:
    """Such as 0/0 in a network that divides by what its images leave."""
    model, graph = prepared("plain")
    images = PRUNABLE["plain"].example(12)
    images[0] = torch.nan
    features = group_features(Compressor(model, graph, [images]))
    assert (features.lost == 1).all()
    assert np.isfinite(features.expected_change(np.full((1, len(graph.groups)), 0.6))).all()


@pytest.mark.parametrize("name", PRUNABLE)
def test_the_change_that_is_expected_at_a_width_that_was_looked_at_is_what_was_found_there(name: str) -> None:
    """Where widths are no multiples of 4, that is at other shares than a quarter, a half and three quarters."""
    weights = compressor(name)
    features = group_features(weights)
    for group, curve, changes in zip(weights.graph.groups, features.roots, features.changes, strict=True):
        kept = [max(1, round(share * group.units)) for share in SHARES]
        for count in kept:  # of more units less is expected
            found = max(change for each, change in zip(kept, changes, strict=True) if each >= count)
            assert curve(count / group.units) ** 2 == pytest.approx(found if count < group.units else 0.0)


def test_a_group_of_a_single_unit_changes_nothing_as_it_is() -> None:
    none = np.zeros((1, len(SHARES)))
    assert GroupFeatures(none, none, none, none + 1).expected_change(np.ones((2, 1))).tolist() == [0, 0]
