"""A forecast of how long the end of a search takes, from how long its episodes took."""

from __future__ import annotations

import time

from agents.episode import Episode

EPISODES_PER_NETWORK = 6.0
"""The time that it takes to make and score a network as it would be kept, in episodes, about.

It is between the 3 of DenseNet-121 and the 9 of ResNet-56 in docs/speed.md, six networks each.
"""
MINUTE = 100
"""Seconds from which on a forecast is given in minutes."""


class SavingTime:
    """Listens to the episodes of a search, and forecasts how long making the best networks takes."""

    def __init__(self) -> None:
        self._first = self._last = 0.0
        self._count = 0

    def __call__(self, _: Episode) -> None:
        """Note that an episode has ended."""
        self._last = time.perf_counter()
        self._first = self._first or self._last
        self._count += 1

    def in_words(self, networks: int) -> str:
        """About how long it takes to make and score so many networks, such as `about 40 s`.

        The first episode does not count, since much is computed there that later ones share.
        """
        if self._count < 2:
            return "a while"
        seconds = networks * EPISODES_PER_NETWORK * (self._last - self._first) / (self._count - 1)
        number, unit = (seconds, "s") if seconds < MINUTE else (seconds / 60, "min")
        return f"about {max(1, float(f'{number:.1g}')):.0f} {unit}"
