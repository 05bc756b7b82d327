"""The answer of a command to signals that end it: Ctrl-C, SIGTERM, or SIGHUP of a terminal that is closed.

Nothing heavy is imported here, since the answer to Ctrl-C must be there before torch and all the others are. A search
that has a policy catches Ctrl-C itself and ends early (`agents/search/search_run.py`).
"""

from __future__ import annotations

import contextlib
import os
import signal
import sys
from collections.abc import Iterator
from types import FrameType

from amc.utils.program import installed_name

INTERRUPTED = 130
"""Exit status after Ctrl-C: 128 + SIGINT, as is the custom of programs."""
ENDING = [getattr(signal, name) for name in ("SIGTERM", "SIGHUP") if hasattr(signal, name)]
"""The signals besides Ctrl-C that ask a process to end."""
_ends_at_ctrl_c = False
"""Whether Ctrl-C ends this process at once while nothing else was asked for."""


def is_program() -> bool:
    """Whether Python was started for a command of this package, and not for a test, a notebook or a user's own program.

    The answer is right only while the package is being imported.
    """
    return installed_name() is not None or sys.argv[:1] == ["-m"]  # `-m` while Python looks for what follows it


def end_at_ctrl_c() -> None:
    """Make Ctrl-C end this process with one word and without a traceback, unless the process ignores it."""
    global _ends_at_ctrl_c
    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
        signal.signal(signal.SIGINT, _interrupted)
        _ends_at_ctrl_c = True


@contextlib.contextmanager
def imports() -> Iterator[None]:
    """A context in which modules are imported: Ctrl-C ends the process as `end_at_ctrl_c` has it.

    An exception could be caught by what is imported, or be printed as an error of a library in C.
    """
    former = signal.getsignal(signal.SIGINT)
    if not _ends_at_ctrl_c or former is not signal.default_int_handler:
        yield
        return
    signal.signal(signal.SIGINT, _interrupted)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, former)


@contextlib.contextmanager
def raise_on_signals() -> Iterator[None]:
    """A context in which signals that would end the process raise exceptions, so that what is known is still written.

    Ctrl-C raises KeyboardInterrupt. SIGTERM and SIGHUP raise SystemExit with 128 and the signal's number, unless they
    are ignored, as `nohup` has it.
    """
    former = {number: signal.getsignal(number) for number in (signal.SIGINT, *ENDING)}
    if former[signal.SIGINT] is _interrupted:
        signal.signal(signal.SIGINT, signal.default_int_handler)
    for number in ENDING:
        if former[number] is signal.SIG_DFL:
            signal.signal(number, _stop)
    try:
        yield
    finally:
        for number, handler in former.items():
            signal.signal(number, handler)


def _interrupted(_: int, __: FrameType | None) -> None:
    with contextlib.suppress(Exception):  # whatever it was in the middle of
        sys.stdout.flush()
    os.write(2, b"interrupted\n")
    os._exit(INTERRUPTED)


def _stop(number: int, _: FrameType | None) -> None:
    sys.exit(128 + number)
