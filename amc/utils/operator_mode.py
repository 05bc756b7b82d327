"""The base of all modes that see every operator that runs."""

from __future__ import annotations

import sys
from contextlib import AbstractContextManager, nullcontext
from types import TracebackType
from typing import Any, Self

import torch
from torch.utils._python_dispatch import TorchDispatchMode


class OperatorMode(TorchDispatchMode):
    """A `TorchDispatchMode` under which nothing is compiled: what a network has compiled runs as it was written.

    PyTorch keeps its compiler away from what such modes do by importing it and calling it for every operator; the
    import alone takes two seconds. A mode that says that it need not do so is compiled where a compiled function runs,
    so the compiler is told to stand still, where it has been imported.
    """

    _still: AbstractContextManager[Any] = nullcontext()

    @classmethod
    def _should_skip_dynamo(cls) -> bool:
        return False

    def __enter__(self) -> Self:
        if "torch._dynamo" in sys.modules:
            self._still = torch.compiler.set_stance("force_eager")
        self._still.__enter__()
        super().__enter__()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        super().__exit__(kind, error, trace)
        self._still.__exit__(kind, error, trace)
