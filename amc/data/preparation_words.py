"""How images become inputs, in words, so that a user sees what was assumed."""

from __future__ import annotations

from collections.abc import Container, Sequence

from amc.data.preprocess import Preprocess


def preparation_words(how: Preprocess, assumed: Sequence[str]) -> str:
    """The shape of inputs, mean and standard deviation, with the names of those that are `assumed` to be ImageNet's."""
    numbers = [f"{name} {' '.join(f'{value:g}' for value in getattr(how, name))}" for name in ("mean", "std")]
    said = f" ({' and '.join(assumed)} of ImageNet, since none is given)" if assumed else ""
    return f"inputs of {'x'.join(map(str, how.shape))}, {', '.join(numbers)}{said}"


def assumed_values(own: Preprocess | None, given: Container[str]) -> list[str]:
    """The names of the values that are ImageNet's because neither the network nor the user says them."""
    return [name for name in ("mean", "std") if own is None and name not in given]
