"""Worker processes that end with the process that started them, and leave Ctrl-C to it."""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import signal
import threading
from collections.abc import Iterator

SECONDS = 5.0
"""The seconds between two looks at the parent, in case another process holds the pipe open that would tell its end."""


def end_with_parent() -> None:
    """End this process of `multiprocessing` once the process that started it is gone, however that ended.

    Even a parent that was killed outright closes its pipes, which wakes a thread that sleeps until then: the work is
    not slowed down, and need not come to an end first.
    """
    threading.Thread(target=_wait, name="until the parent is gone", daemon=True).start()


def _wait() -> None:
    parent = multiprocessing.parent_process()
    assert parent is not None, "called in a worker"
    while parent.is_alive() and os.getppid() == parent.pid:
        parent.join(SECONDS)
    os._exit(1)


@contextlib.contextmanager
def leaving_ctrl_c() -> Iterator[None]:
    """A context in which processes are started that never hear of Ctrl-C, not even while they import.

    A Ctrl-C that comes meanwhile is answered by this process at the end of the context.
    """
    if not hasattr(signal, "pthread_sigmask"):  # not a POSIX system
        yield
        return
    former = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})  # which processes inherit
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, former)
