"""Labels of reshaped axes against real tensors, each of whose elements carries its channel."""

import math

import numpy as np
import torch
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from amc.graph.channels import Channels
from amc.graph.products import resolve
from amc.graph.reshape import reshape_labels

many = settings(max_examples=150, derandomize=True, deadline=None)
shapes = st.lists(st.integers(1, 4), min_size=1, max_size=4)


@st.composite
def factorised(draw: st.DrawFn) -> tuple[list[int], list[int]]:
    """Two shapes of the same number of elements."""
    old = draw(shapes)
    left, new = math.prod(old), []
    while left > 1:
        size = draw(st.sampled_from([each for each in range(1, left + 1) if left % each == 0]))
        new.append(size)
        left //= size
    return old, new or [1]


def varies_only_along(values: torch.Tensor, axis: int) -> bool:
    rows = values.movedim(axis, 0).flatten(1) if values.ndim > 1 else values[:, None]
    return bool((rows == rows[:, :1]).all())


@many
@given(factorised(), st.data())
def test_a_reshaped_axis_has_the_label_of_its_elements(both: tuple[list[int], list[int]], data: st.DataObject) -> None:
    old, new = both
    axis = data.draw(st.integers(0, len(old) - 1))
    assume(old[axis] > 1)
    channels = Channels()
    label = channels.new(old[axis])
    labels = tuple(label if place == axis else None for place in range(len(old)))

    result = reshape_labels(channels, labels, old, new, "moved")

    elements = torch.arange(old[axis]).reshape([-1] + [1] * (len(old) - axis - 1)).expand(old).reshape(new)
    fitting = [place for place in range(len(new)) if varies_only_along(elements, place)]
    labelled = [place for place, each in enumerate(result) if each is not None]
    if fitting:
        assert not channels.classes()[1]
        assert labelled == fitting
        found = result[labelled[0]]
        assert found is not None
        assert found.tolist() == elements.movedim(labelled[0], 0).reshape(len(found), -1)[:, 0].tolist()
        return
    classes = resolve(channels)
    kinds = torch.from_numpy(classes.of_atom)
    free = [place for place in labelled if not classes.reasons.keys() & set(kinds[result[place]].tolist())]
    if free:  # the same channels go in each part
        (place,) = free
        found = result[place]
        assert found is not None
        wanted = kinds[found].reshape([-1] + [1] * (len(new) - place - 1)).expand(new)
        assert torch.equal(kinds[label][elements], wanted)
        assert len(set(kinds[label].tolist())) == len(found)
    else:
        assert set(classes.reasons.values()) == {"channels moved by a fixed position: moved"}
        assert set(kinds[label].tolist()) <= classes.reasons.keys()


@many
@given(st.lists(st.integers(2, 4), min_size=1, max_size=2), st.integers(2, 4), st.integers(2, 4))
def test_pieces_that_operators_follow_can_both_be_cut(before: list[int], heads: int, width: int) -> None:
    """A position stays where its head and its channel do, and pieces that are merged again are the same channels."""
    channels = Channels()
    size = math.prod(before) * heads * width
    label = channels.new(size)
    pieces = reshape_labels(channels, (label,), [size], [*before, heads, width], "split")
    channels.follow(pieces[-2])
    channels.follow(pieces[-1])
    (merged,) = reshape_labels(channels, pieces[-2:], [heads, width], [heads * width], "merged")

    classes = resolve(channels)

    assert merged is not None
    for atoms, places in ((label, np.arange(size) % (heads * width)), (merged, np.arange(heads * width))):
        units = classes.units[:, classes.of_atom[atoms]]
        assert np.array_equal(units[0], classes.of_atom[pieces[-2]][places // width])
        assert np.array_equal(units[1], classes.of_atom[pieces[-1]][places % width])
        assert not set(units.reshape(-1).tolist()) & classes.reasons.keys()


@many
@given(st.lists(st.integers(1, 4), min_size=2, max_size=4), st.data())
def test_axes_that_are_kept_keep_their_labels(shape: list[int], data: st.DataObject) -> None:
    """Two labelled axes, apart by at least the axes in between, and ones put in anywhere."""
    channels = Channels()
    labels = tuple(channels.new(size) if size > 1 else None for size in shape)
    new: list[int] = []
    for size in shape:
        new += [1] * data.draw(st.integers(0, 2))
        new.append(size)
    result = reshape_labels(channels, labels, shape, new, "moved")
    got = [each for each in result if each is not None]
    wanted = [each for each in labels if each is not None]
    assert len(got) == len(wanted)
    assert all(np.array_equal(a, b) for a, b in zip(got, wanted, strict=True))
    assert [new[place] for place, each in enumerate(result) if each is not None] == [len(each) for each in got]
    assert not channels.classes()[1]


def test_two_labelled_axes_that_are_merged_are_frozen() -> None:
    channels = Channels()
    labels = (channels.new(2), channels.new(3))
    assert reshape_labels(channels, labels, [2, 3], [6], "merged") == (None,)
    assert channels.classes()[1] == dict.fromkeys(range(5), "channels moved by a fixed position: merged")
