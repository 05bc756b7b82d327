"""The file of TensorBoard's events in a run folder."""

from __future__ import annotations

import threading
from collections.abc import Callable
from functools import cached_property
from pathlib import Path

from torch.utils.tensorboard import SummaryWriter

from amc.utils.errors import UserError

NEVER = 10**8
"""Seconds after which TensorBoard's thread writes by itself: it has nothing left to write then."""


class EventFile:
    """Writes events into a run folder; a disk that is full ends that, but not the run.

    Args:
        folder: The run folder; it is made with the first event.
        first_step: Where this stretch of the run begins. What the folder has of later steps is dropped.
    """

    def __init__(self, folder: Path, first_step: int) -> None:
        self._folder = folder
        self._first_step = first_step
        self._failure: OSError | None = None

    @cached_property
    def writer(self) -> SummaryWriter:
        """TensorBoard's own writer, made when it is first asked for."""
        return SummaryWriter(str(self._folder), purge_step=self._first_step, flush_secs=NEVER)

    def write(self, events: Callable[[], None]) -> None:
        """Call `events`, which uses the writer, unless that failed before; what they wrote is then on the disk."""
        if self._failure is not None:
            return
        hook, threading.excepthook = threading.excepthook, _no_traceback
        try:
            events()
            self.writer.flush()
        except OSError as error:
            self._failure = error
        finally:
            if self._failure is None:  # else its thread may tell of that at any later moment
                threading.excepthook = hook

    def close(self, events: Callable[[], None]) -> None:
        """Call `events`, which writes the last ones, and close the file.

        Raises:
            UserError: some events could not be written.
        """

        def last() -> None:
            events()
            self.writer.close()

        self.write(last)
        if self._failure is not None:
            raise UserError(
                f"not all TensorBoard events could be written into {self._folder}: {self._failure.strerror};"
                " the other results are there"
            )


def _no_traceback(failed: threading.ExceptHookArgs) -> None:
    """For TensorBoard's own thread, whose errors are raised again in ours."""
    if not isinstance(failed.exc_value, OSError):
        threading.__excepthook__(failed)
