"""A lock by which one process alone writes into a run folder."""

from __future__ import annotations

import contextlib
import os
import platform
from collections.abc import Iterator
from pathlib import Path

from amc.artifacts.run_folder import LOCK_FILE
from amc.artifacts.snapshots import CHECKPOINT_FOLDER
from amc.utils.errors import UserError

OTHERS_NAME = 200  # bytes that are read of it
"""Bytes that are read of the name of the process that holds the lock."""
_HELD: set[Path] = set()
"""The folders whose lock this process holds: what the operating system locks, it locks for a whole process."""


@contextlib.contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Hold the lock of the run folder while the context is open; an empty folder made for it is removed at the end.

    The operating system releases the lock when this process ends, however it ends: a lock file that is left behind
    keeps nobody out. Where folders are shared between machines (NFS), the lock holds as far as the servers pass locks
    on; where a file system or a platform has no locks, nobody is kept out.

    Raises:
        UserError: Another process writes into the folder or this one does already, or it can't be written to.
    """
    resolved = folder.resolve()
    if resolved in _HELD:
        raise UserError(f"{folder} is in use by this very process; wait until that has ended")
    path = folder / CHECKPOINT_FOLDER / LOCK_FILE
    new = [each for each in (path.parent, *path.parent.parents) if not each.exists()]
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        descriptor = _taken(path)
    except OSError as error:
        raise UserError(f"{folder} can't be written to: {error.strerror}; choose another folder") from error
    _HELD.add(resolved)
    try:
        yield
    finally:
        if all(each.name == LOCK_FILE for each in path.parent.glob("*")):
            with contextlib.suppress(OSError):
                path.unlink(missing_ok=True)
        for each in new:
            with contextlib.suppress(OSError):  # something is in it
                each.rmdir()
        os.close(descriptor)
        _HELD.remove(resolved)


def _taken(path: Path) -> int:
    """Return the descriptor of the lock file, open and locked by this process."""
    while True:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o666)
        if not _lock(descriptor):
            other = os.read(descriptor, OTHERS_NAME).decode(errors="replace").strip() or "another process"
            os.close(descriptor)
            raise UserError(f"{path.parents[1]} is in use by {other}; wait until that has ended, or end it")
        with contextlib.suppress(OSError):  # a full disk
            os.ftruncate(descriptor, 0)
            os.write(descriptor, f"process {os.getpid()} on {platform.node()}\n".encode())
        with contextlib.suppress(FileNotFoundError):
            if os.path.samestat(os.fstat(descriptor), path.stat()):
                return descriptor
        os.close(descriptor)  # who held it before removed it meanwhile


def _lock(descriptor: int) -> bool:
    """Lock an open file for this process alone, without its forks; return False if another process has it."""
    try:
        import fcntl
    except ImportError:  # not a POSIX system
        return True
    try:
        fcntl.lockf(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except (BlockingIOError, PermissionError):
        return False
    except OSError:  # a file system without locks
        return True
    return True
