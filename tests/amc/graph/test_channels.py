import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from amc.graph.channels import Channels


@settings(max_examples=100, derandomize=True, deadline=None)
@given(st.integers(1, 12), st.lists(st.tuples(st.integers(0, 11), st.integers(0, 11)), max_size=12))
def test_classes_are_what_ties_reach(count: int, pairs: list[tuple[int, int]]) -> None:
    channels = Channels()
    channels.new(count)
    ties = [(a % count, b % count) for a, b in pairs]
    for a, b in ties:
        channels.tie(np.array([a]), np.array([b]))
    of_atom, reasons = channels.classes()
    reach = np.eye(count, dtype=bool)
    for a, b in ties:
        reach[a, b] = reach[b, a] = True
    for _ in range(count):
        reach |= reach @ reach
    assert np.array_equal(of_atom[:, None] == of_atom[None, :], reach)
    assert not reasons


def test_a_class_is_frozen_with_the_first_reason_given_for_any_of_its_channels() -> None:
    channels = Channels()
    left, right, apart = channels.new(3), channels.new(3), channels.new(2)
    channels.freeze(right[1:2], "first")
    channels.freeze(left, "second")
    channels.tie(left, right)
    of_atom, reasons = channels.classes()
    assert [reasons.get(int(of_atom[atom])) for atom in left] == ["second", "first", "second"]
    assert not {int(of_atom[atom]) for atom in apart} & set(reasons)


def test_unknown_axes_are_neither_tied_nor_frozen() -> None:
    channels = Channels()
    channels.tie(channels.new(2), None)
    channels.freeze(None, "nothing")
    of_atom, reasons = channels.classes()
    assert len(set(of_atom.tolist())) == 2
    assert not reasons
