"""A connection to the runner on a target, by the standard input and output of a process."""

from __future__ import annotations

import contextlib
import os
import select
import subprocess
import tempfile
import time
from typing import Any

from amc.latency.bootstrap import bootstrap
from amc.latency.protocol import Message, ProtocolError, encoded, read_message
from amc.latency.target import Target
from amc.utils.errors import UserError

START_SECONDS = 60.0
"""The seconds in which a connection is made, and Python starts and imports there."""
NOISE = 1 << 16
"""The number of bytes that a login shell may print before the runner answers."""
REASONS = {
    "Could not resolve hostname": "there is no host of that name",
    "Host key verification failed": "its host key is not known here; connect once by hand with ssh",
    "Permission denied": "it refused your keys; ssh must get there without a password",
    "python3: not found": "it has no python3, which has to be 3.8 or later with numpy and onnxruntime",
    "python3: command not found": "it has no python3, which has to be 3.8 or later with numpy and onnxruntime",
}
"""Explanations by words of ssh's, or the remote shell's, error messages."""


class BrokenError(Exception):
    """A connection ended, or was never made; the message says why."""


class Connection:
    """A connection to a runner on a target, until it is closed or breaks.

    Args:
        target: The machine that the runner is started on.
        threads: The number of threads of the runtime there.

    Attributes:
        fingerprint: The description of its machine that the runner sends (`amc.latency.fingerprint`).

    Raises:
        BrokenError: The target can't be reached.
        UserError: The target lacks what the runner needs, or this machine lacks ssh.
    """

    def __init__(self, target: Target, threads: int) -> None:
        self._errors = tempfile.TemporaryFile()  # noqa: SIM115 (closed by `close`)
        try:
            self._process = subprocess.Popen(
                target.command,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=self._errors,
                start_new_session=True,  # Ctrl-C is for the search, which saves what it has
            )
        except FileNotFoundError as error:
            self._errors.close()
            raise UserError(f"{target.name} needs {target.command[0]}, which is not installed") from error
        try:
            assert self._process.stdin is not None
            os.set_blocking(self._process.stdin.fileno(), False)  # a target may stop reading
            greeting = self._exchanged(bootstrap(threads), START_SECONDS, NOISE)
        except BaseException:
            self.close()
            raise
        if "refused" in greeting.header:
            self.close()
            raise UserError(f"{target.name}: {greeting.header['refused']}")
        self.fingerprint: dict[str, Any] = greeting.header["fingerprint"]

    def exchange(self, request: Message, seconds: float) -> Message:
        """The runner's answer to a request, for which it has that many seconds.

        Raises:
            BrokenError: There is no answer; the connection can't be used again.
        """
        return self._exchanged(encoded(request), seconds)

    def close(self) -> None:
        """End the process here; the runner ends when its input does."""
        with contextlib.suppress(OSError):
            assert self._process.stdin is not None
            self._process.stdin.close()
        self._process.kill()
        self._process.wait()
        assert self._process.stdout is not None
        self._process.stdout.close()
        self._errors.close()

    def _exchanged(self, content: bytes, seconds: float, noise: int = 0) -> Message:
        end = time.monotonic() + seconds
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        request, answer = self._process.stdin.fileno(), self._process.stdout.fileno()

        def wait_for(*, reading: list[int], writing: list[int]) -> None:
            if not any(select.select(reading, writing, [], max(end - time.monotonic(), 0))):
                raise BrokenError(f"it did not answer within {seconds:.0f} s")

        def read(length: int) -> bytes:
            wait_for(reading=[answer], writing=[])
            return os.read(answer, length)

        try:
            left = memoryview(content)
            while left:
                wait_for(reading=[], writing=[request])
                left = left[os.write(request, left) :]
            return read_message(read, noise)
        except (EOFError, OSError, ProtocolError) as error:
            raise BrokenError(self._reason(error)) from error

    def _reason(self, error: Exception) -> str:
        """The reason why the process ended: by what it last wrote to standard error, else by `error`."""
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(timeout=1)
        self._errors.seek(0)
        said = self._errors.read().decode(errors="replace").strip()
        for words, meaning in REASONS.items():
            if words in said:
                return meaning
        return said.splitlines()[-1] if said else str(error)
