import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from agents.episode import Episode
from agents.history import from_columns, to_columns
from envs.rewards import Outcome

numbers = st.floats(allow_nan=False)
GROUPS = 3


@st.composite
def histories(draw: st.DrawFn) -> list[Episode]:
    names = st.sampled_from(["loss/critic", "exploration/sigma", "a b.c"])
    return [
        Episode(
            index,
            np.array(draw(st.lists(st.integers(1, 2**40), min_size=GROUPS, max_size=GROUPS)), dtype=np.int64),
            draw(numbers),
            Outcome(
                draw(numbers),
                draw(st.integers(0, 2**60)),
                draw(st.integers(0, 2**60)),
                draw(numbers),
                draw(st.booleans()),
                draw(numbers),
                score=draw(st.none() | numbers),
            ),
            draw(st.dictionaries(names, numbers)),
            draw(st.integers(0, 9)),
        )
        for index in range(draw(st.integers(0, 5)))
    ]


@given(histories())
def test_episodes_come_back_as_they_were(episodes: list[Episode]) -> None:
    found = from_columns(to_columns(episodes, GROUPS))
    assert len(found) == len(episodes)
    for one, other in zip(found, episodes, strict=True):
        assert one.kept_counts.tolist() == other.kept_counts.tolist()
        assert one.kept_counts.dtype == other.kept_counts.dtype
        assert (one.index, one.reward, one.outcome, one.details, one.stage) == (
            other.index,
            other.reward,
            other.outcome,
            other.details,
            other.stage,
        )


@pytest.mark.parametrize(
    ("name", "column", "message"),
    [
        ("reward", None, "'reward' is missing"),
        ("macs", torch.zeros(2), "'macs': expected torch.int64, got torch.float32"),
        ("accuracy", torch.zeros(3, dtype=torch.float64), r"'accuracy': expected 2 numbers, got shape \[3\]"),
        ("keeps", torch.zeros(2, dtype=torch.int64), r"'keeps': expected a row per episode, got shape \[2\]"),
    ],
)
def test_columns_that_do_not_fit_are_named(name: str, column: Tensor | None, message: str) -> None:
    episode = Episode(0, np.array([1, 2, 3]), -0.5, Outcome(0.5, 10, 20, 1.0))
    columns = to_columns([episode, episode], GROUPS)
    if column is None:
        del columns[name]
    else:
        columns[name] = column
    with pytest.raises(ValueError, match=message):
        from_columns(columns)
