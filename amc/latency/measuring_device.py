"""A machine on which networks are measured through ONNX Runtime."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from types import TracebackType

from amc.latency.connection import BrokenError, Connection
from amc.latency.protocol import BODY_LIMIT, Message
from amc.latency.target import Target
from amc.latency.timing import Estimate, Timing
from amc.utils.errors import UserError

WAITS = (1.0, 2.0, 4.0, 8.0, 16.0)
"""Seconds before each try to reach a device again."""
ANSWER_SECONDS = 120.0
"""For an answer, beyond what the measurement may take: sending the networks, reading them, a round of slow passes."""


class DeviceLostError(UserError):
    """A device that was there can't be reached any more; what was measured before is as good as ever."""


class Device:
    """Measures ONNX models on a target, over one connection that is made again when it breaks.

    Args:
        target: Where.
        threads: Threads that work on one operator.
        sleep: Waits so many seconds.

    Raises:
        UserError: the target can't be reached, or lacks what the runner needs.
    """

    def __init__(self, target: Target, threads: int = 1, sleep: Callable[[float], None] = time.sleep) -> None:
        if threads < 1:
            raise UserError(f"expected --threads of 1 or more, got {threads}")
        self._target = target
        self._threads = threads
        self._sleep = sleep
        try:
            self._connection: Connection | None = Connection(target, threads)
        except BrokenError as error:
            raise UserError(f"{target.name} can't be reached: {error}") from error
        self.fingerprint = self._connection.fingerprint

    @property
    def target(self) -> str:
        """Its name, as it was asked for."""
        return self._target.name

    @property
    def runtime(self) -> str:
        """What runs networks there, with its version, and how many threads."""
        return f"{self.fingerprint['runtime']}, {self._threads} thread(s)"

    def __enter__(self) -> Device:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def measure(self, models: Sequence[bytes], precision: float = 0.01, limit: float = 30.0) -> Timing:
        """Measure models together, as `amc.latency.timing.measure` does there.

        Args:
            models: ONNX files with inputs of fixed shape and the weights in them.
            precision: The wanted spread.
            limit: Seconds.

        Raises:
            UserError: the device refuses a model, or has no room or time for it.
            DeviceLostError: the device is gone.
        """
        request = Message(
            {"sizes": [len(model) for model in models], "precision": precision, "limit": limit}, b"".join(models)
        )
        if len(request.body) > BODY_LIMIT:
            raise UserError(f"networks of {len(request.body):,} bytes are too large to be measured, {BODY_LIMIT:,} fit")
        answer = self._answer(request, limit + ANSWER_SECONDS).header
        if "refused" in answer:
            raise UserError(f"{self._target.name}: {answer['refused']}")
        latencies, ratios = ([Estimate(*each) for each in answer[key]] for key in ("latencies", "ratios"))
        return Timing(latencies, ratios, answer["rounds"])

    def _answer(self, request: Message, seconds: float) -> Message:
        waits = iter(WAITS)
        while True:
            try:
                if self._connection is None:
                    self._connection = Connection(self._target, self._threads)
                return self._connection.exchange(request, seconds)
            except BrokenError as error:
                self.close()
                wait = next(waits, None)
                if wait is None:
                    raise DeviceLostError(f"{self._target.name} went away: {error}") from error
                self._sleep(wait)

    def close(self) -> None:
        """End the connection; the next measurement makes another."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None
