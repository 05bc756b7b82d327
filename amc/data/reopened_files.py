"""Files that a worker process inherited, opened anew, so that it does not share their positions with its parent."""

import contextlib
import os
import stat
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

OPEN_FILES = "/proc/self/fd"
STANDARD_ERROR = 2


@dataclass(frozen=True)
class ReopenFiles:
    """The first work of a worker process of a `DataLoader`: open files anew, then do what the user asks for.

    A dataset may keep its open file where no copy of it reaches, as in a global variable.
    """

    then: Callable[[int], None] | None = None

    def __call__(self, worker: int) -> None:
        """Prepare worker number `worker`."""
        reopen_files()
        if self.then is not None:
            self.then(worker)


def reopen_files() -> None:
    """Open every inherited file for reading anew, at the same place and under the same number.

    It does nothing where processes are not forked, or their open files are not listed.
    """
    if sys.platform != "linux":
        return
    import fcntl

    for number in [int(entry.name) for entry in Path(OPEN_FILES).iterdir()]:
        with contextlib.suppress(OSError):  # the list itself, and files that may not be opened again
            reads = fcntl.fcntl(number, fcntl.F_GETFL) & os.O_ACCMODE == os.O_RDONLY
            if number > STANDARD_ERROR and reads and stat.S_ISREG(os.fstat(number).st_mode):
                _open_anew(number)


def _open_anew(number: int) -> None:
    place = os.lseek(number, 0, os.SEEK_CUR)
    own = os.open(f"{OPEN_FILES}/{number}", os.O_RDONLY | os.O_CLOEXEC)
    os.lseek(own, place, os.SEEK_SET)
    os.dup2(own, number, inheritable=os.get_inheritable(number))
    os.close(own)
