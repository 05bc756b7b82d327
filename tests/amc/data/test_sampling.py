import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from amc.data.sampling import stratified
from amc.utils.errors import UserError


@given(st.lists(st.integers(0, 4), min_size=1, max_size=60), st.data())
def test_every_class_has_its_share(classes: list[int], data: st.DataObject) -> None:
    labels = np.array(classes)
    count = data.draw(st.integers(1, len(labels)))
    drawn = stratified(labels, count, seed=data.draw(st.integers(0, 5)))
    assert len(drawn) == count
    assert len(set(drawn.tolist())) == count
    assert 0 <= drawn.min() <= drawn.max() < len(labels)
    for label in set(classes):
        share = count * classes.count(label) / len(classes)
        assert abs(np.count_nonzero(labels[drawn] == label) - share) < 1


def test_the_seed_decides() -> None:
    labels = np.repeat([0, 1], 50)
    first, again, other = (stratified(labels, 20, seed).tolist() for seed in (1, 1, 2))
    assert first == again
    assert first != other


def test_classes_are_mixed() -> None:
    labels = np.repeat([0, 1], 50)
    assert 0 < labels[stratified(labels, 40, seed=0)][:20].sum() < 20


@pytest.mark.parametrize("count", [0, -1, 4])
def test_impossible_numbers_are_one_line(count: int) -> None:
    with pytest.raises(UserError, match=rf"expected a number of images from 1 to 3, got {count}"):
        stratified(np.zeros(3, dtype=np.int64), count, seed=0)
