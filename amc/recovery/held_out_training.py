"""Training by gradients that ends with the weights that were best on held-out images, those at its start included."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence

import torch
from torch import Tensor, nn

WARM_UP = 0.1
"""The share of the steps until the learning rate is at its peak; then it falls along half a cosine."""

FAR_WORSE = 1.02
"""The error, relative to the least one, above which training goes back to the best state, at a lower learning rate."""
SLOWER = 0.5
"""The factor by which the learning rate is lowered then."""
MOST_SETBACKS = 5
"""How often training goes back; the last time it ends, since steps of no size help."""

Tell = Callable[[str, int, int], None]
"""Is told what is trained, how many steps were taken, and how many there are."""


class BestState:
    """The best of the states that some parameters were in, by the error on held-out images.

    Args:
        parameters: The parameters.
        error: The error with the parameters as they are.

    Attributes:
        parameters: The parameters.
        first: The error at the start.
        least: The least error so far.
    """

    def __init__(self, parameters: Sequence[nn.Parameter], error: Callable[[], float]) -> None:
        self.parameters, self._error = parameters, error
        self.first = self.least = self._found()
        self._state = [parameter.detach().clone() for parameter in parameters]

    def check(self) -> bool:
        """Remember the parameters as they are if they are better than all before; return whether they are far worse."""
        found = self._found()
        if found < self.least:  # never where it is not a number
            self.least = found
            for kept, parameter in zip(self._state, self.parameters, strict=True):
                kept.copy_(parameter.detach())
        return not found <= FAR_WORSE * self.least

    def restore(self) -> None:
        """Give the parameters their best values."""
        with torch.no_grad():
            for kept, parameter in zip(self._state, self.parameters, strict=True):
                parameter.copy_(kept)

    def _found(self) -> float:
        with torch.no_grad():
            return self._error()


class Stepper:
    """Takes steps of Adam (Kingma, Ba 2015, arXiv:1412.6980), and counts those of a whole recovery.

    Args:
        total: The number of steps that the recovery takes.
        tell: Told how many were taken.
    """

    def __init__(self, total: int, tell: Tell) -> None:
        self._total, self._tell = total, tell
        self._taken = 0

    def tell(self, text: str) -> None:
        """Tell what is done next, and how many steps were taken."""
        self._tell(text, self._taken, self._total)

    def train(self, text: str, best: BestState, losses: Iterator[Tensor], steps: int, peak: float, checks: int) -> None:
        """Train parameters, and leave them in the best state.

        Args:
            text: What is trained, as it is told.
            best: The parameters; the held-out images are looked at `checks` times, the last time at the end.
            losses: The loss of each step, which is computed when it is asked for.
            steps: The number of steps.
            peak: The learning rate at its peak, which is lowered where steps of that size harm.
            checks: How often the held-out images are looked at.
        """
        optimizer, setbacks, end = torch.optim.Adam(best.parameters, lr=peak), 0, self._taken + steps
        for step in range(steps):
            self.tell(text)
            optimizer.param_groups[0]["lr"] = peak * _rate((step + 1) / (steps + 1))
            optimizer.zero_grad()
            next(losses).backward()
            optimizer.step()
            self._taken += 1
            if (step + 1) * checks // steps > step * checks // steps and best.check():
                best.restore()
                setbacks += 1
                if setbacks == MOST_SETBACKS:
                    break
                peak *= SLOWER
                optimizer = torch.optim.Adam(best.parameters, lr=peak)
        self._taken = end
        best.restore()


def _rate(done: float) -> float:
    """The learning rate as a share of its peak, when that share of the steps is done."""
    if done < WARM_UP:
        return done / WARM_UP
    return (1 + math.cos(math.pi * (done - WARM_UP) / (1 - WARM_UP))) / 2


def random_batches(count: int, size: int, generator: torch.Generator) -> Iterator[Tensor]:
    """Numbers below `count` in batches of about `size`, int64, without end; each once before any comes again."""
    while True:
        yield from torch.randperm(count, generator=generator).tensor_split(max(1, round(count / size)))
