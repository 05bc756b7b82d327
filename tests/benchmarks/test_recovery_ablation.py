"""The parts that an ablation takes away."""

import pytest

from benchmarks.recovery_ablation import WITHOUT


@pytest.mark.parametrize("name", [name for name in WITHOUT if name != "nothing"])
def test_what_is_taken_away_is_there(name: str) -> None:
    assert WITHOUT[name]
    for (owner, attribute), instead in WITHOUT[name].items():
        assert getattr(owner, attribute) != instead
