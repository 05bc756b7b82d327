"""How a command answers when it is told to end: by Ctrl-C, by SIGTERM, or by a terminal that is closed.

Nothing heavy is imported here: the answer to Ctrl-C must be there before torch and all the others are.
"""

from __future__ import annotations

import contextlib
import os
import signal
import sys
from collections.abc import Iterator
from pathlib import Path
from types import FrameType

INTERRUPTED = 130
"""Exit status: 128 + SIGINT, as of every program that Ctrl-C ends."""
ENDING = [getattr(signal, name) for name in ("SIGTERM", "SIGHUP") if hasattr(signal, name)]
COMMANDS = "amc-"
"""What the names of the installed commands begin with."""


def is_program() -> bool:
    """Whether Python was started for a command of this package, which is asked while the package is imported.

    It is not where something else imports the package: a test, a notebook, a user's own program.
    """
    started = sys.argv[0] if sys.argv else ""
    return started == "-m" or Path(started).name.startswith(COMMANDS)  # `-m` while Python looks for what follows it


def end_at_ctrl_c() -> None:
    """From now on Ctrl-C ends this process with a word and without a traceback, unless it is ignored."""
    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
        signal.signal(signal.SIGINT, _interrupted)


@contextlib.contextmanager
def raised() -> Iterator[None]:
    """Within, what would end the process is an exception instead, so that what is known is still written.

    Ctrl-C is a KeyboardInterrupt. SIGTERM and SIGHUP are a SystemExit with 128 and the signal's number, unless they are
    ignored, as `nohup` has it.
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
