"""A progress bar in the output of a notebook's cell."""

from __future__ import annotations

import sys
import time
from html import escape
from typing import Any

SECONDS_BETWEEN = 0.2
"""The time that passes at least between two changes of what is shown, so that the browser keeps up."""


def in_notebook() -> bool:
    """Whether this process runs the cells of a notebook."""
    shell = sys.modules["IPython"].get_ipython() if "IPython" in sys.modules else None
    return type(shell).__name__ == "ZMQInteractiveShell"


class NotebookBar:
    """A bar with how much is done, a text and the time left, which is taken away at the end.

    Args:
        text: What is said beside the bar at first.
        total: How much there is to do; None where that is told later.
        done: How much of it is done already.
        in_percent: Whether a percentage is shown, rather than two numbers.
    """

    def __init__(self, text: str, total: float | None, done: float, in_percent: bool) -> None:
        from IPython.display import HTML, display

        self._text, self._total, self._done, self._in_percent = text, total, done, in_percent
        self._first = done
        self._begun = self._shown = time.monotonic()
        self._page = HTML
        self._handle: Any = display(HTML(self.html), display_id=True)

    def update(self, done: float | None, total: float | None, text: str | None) -> None:
        """Show how much is done, of how much in all, and a text; what is None stays as it was."""
        self._done = self._done if done is None else done
        self._total = self._total if total is None else total
        self._text = self._text if text is None else text
        if time.monotonic() - self._shown >= SECONDS_BETWEEN:
            self._shown = time.monotonic()
            self._handle.update(self._page(self.html))

    def close(self) -> None:
        """Take the bar away."""
        self._handle.update(self._page(""))

    @property
    def html(self) -> str:
        """What is shown now."""
        if not self._total:
            return f"<progress></progress> {escape(self._text)}"
        amount = f"{self._done / self._total:.0%}" if self._in_percent else f"{self._done:g}/{self._total:g}"
        bar = f'<progress value="{self._done:g}" max="{self._total:g}"></progress>'
        return f"{amount} {bar} {escape(self._text)} {self._time_left}"

    @property
    def _time_left(self) -> str:
        """The time left at the speed so far; empty while that is not known."""
        new = self._done - self._first
        if not self._total or new <= 0:
            return ""
        minutes, seconds = divmod(round((time.monotonic() - self._begun) / new * (self._total - self._done)), 60)
        return f"{minutes}:{seconds:02} left"
