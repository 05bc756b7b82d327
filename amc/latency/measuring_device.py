"""A machine on which networks are measured in ONNX Runtime."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from types import TracebackType

from amc.artifacts.onnx_conversion import require_onnx
from amc.latency.connection import BrokenError, Connection
from amc.latency.protocol import BODY_LIMIT, Message
from amc.latency.target import Target
from amc.latency.timing import Estimate, Timing
from amc.utils.errors import UserError
from amc.utils.option_names import option

WAITS = (1.0, 2.0, 4.0, 8.0, 16.0)
"""The seconds before each try to reach a device again."""
ANSWER_SECONDS = 120.0
"""The seconds that an answer may take beyond the measurement: sending and reading networks, a round of slow passes."""


class DeviceLostError(UserError):
    """A device can't be reached any more; what was measured before still holds."""


class Device:
    """Measures ONNX models on a target, over one connection that is made again when it breaks.

    Args:
        target: The machine.
        threads: The number of threads that work on one operator.
        sleep: Waits that many seconds.

    Attributes:
        fingerprint: The description of machine and runtime (`amc.latency.fingerprint`).

    Raises:
        UserError: The target can't be reached, or it or this machine lacks packages.
    """

    def __init__(self, target: Target, threads: int = 1, sleep: Callable[[float], None] = time.sleep) -> None:
        if threads < 1:
            raise UserError(f"expected {option('threads')} of 1 or more, got {threads}")
        require_onnx()  # networks are exported here, wherever they run
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
        """The name of the target, as the user gave it."""
        return self._target.name

    @property
    def runtime(self) -> str:
        """The name and version of what runs networks there, and the number of threads, in words."""
        return f"{self.fingerprint['runtime']}, {self._threads} thread(s)"

    def __enter__(self) -> Device:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def measure(self, models: Sequence[bytes], precision: float = 0.01, limit: float = 30.0) -> Timing:
        """Measure models against each other on the device (`amc.latency.timing.measure`).

        Args:
            models: Serialised ONNX models with inputs of fixed shape and the weights in them.
            precision: The wanted `Timing.spread`.
            limit: The seconds that measuring may take.

        Raises:
            UserError: The device refuses a model, or has no memory or time for it.
            DeviceLostError: The device is gone.
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
