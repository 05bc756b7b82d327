"""Modes that see operators, where a network has compiled a part of itself."""

from __future__ import annotations

from typing import Any

import torch

from amc.utils.operator_mode import OperatorMode


class Names(OperatorMode):
    """Notes the names of operators."""

    def __init__(self) -> None:
        super().__init__()
        self.seen: list[str] = []

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        self.seen.append(func._schema.name)
        return func(*args, **(kwargs or {}))


def test_a_compiled_function_runs_as_it_was_written() -> None:
    compiled: list[int] = []

    def backend(module: Any, _: Any) -> Any:
        compiled.append(1)
        return module.forward

    @torch.compile(backend=backend)
    def activation(x: torch.Tensor) -> torch.Tensor:
        return x.sigmoid() * x

    x = torch.randn(3)
    with Names() as outer:
        with Names() as inner:
            first = activation(x)
        assert not compiled
    assert inner.seen == ["aten::sigmoid", "aten::mul"]
    assert outer.seen == inner.seen
    torch.testing.assert_close(activation(x), first)
    assert compiled  # again, after the mode
