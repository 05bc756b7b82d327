"""A line for a step that takes long and shows no progress."""

from __future__ import annotations

import contextlib
import sys
import threading
from collections.abc import Iterator

SLOW = 3.0
"""Seconds after which a step is named."""


@contextlib.contextmanager
def told_if_slow(text: str, *, quiet: bool = False) -> Iterator[None]:
    """Print a line on standard error where what runs inside is not done after some seconds."""
    timer = threading.Timer(SLOW, lambda: print(text, file=sys.stderr, flush=True))
    timer.daemon = True
    if not quiet:
        timer.start()
    try:
        yield
    finally:
        timer.cancel()
