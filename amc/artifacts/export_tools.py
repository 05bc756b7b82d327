"""What every kind of export shares: random batches, errors in one line, and silence of the exporters."""

from __future__ import annotations

import contextlib
import io
import sys
import textwrap
import warnings
from collections.abc import Callable, Iterator

import torch
from torch import Tensor
from torch.utils._pytree import tree_map

from amc.graph.inputs import Example, random_inputs
from amc.utils.errors import UserError
from amc.utils.text import one_line

Run = Callable[[Example], list[Tensor]]
"""The outputs that a network, or a file that was read back, computes for a batch."""
LONGEST = 300
"""The most characters of a reason in an error message."""


def random_batch(example: Example, size: int, generator: torch.Generator) -> Example:
    """Return `size` random inputs of the shapes and types of `example`."""
    whole = random_inputs(example, size, sys.maxsize, generator)
    batch: Example = tree_map(lambda new, old: new.to(old.dtype) if isinstance(new, Tensor) else new, whole, example)
    return batch


@contextlib.contextmanager
def explain_failure(what: str) -> Iterator[None]:
    """Turn whatever is raised, by exporters or by the user's network, into a UserError: `what`, and why."""
    try:
        yield
    except Exception as error:
        reason: BaseException = error
        while reason.__cause__ is not None:  # exporters wrap it in advice on how to report a bug
            reason = reason.__cause__
        raise UserError(f"{what}: {textwrap.shorten(one_line(reason), LONGEST, placeholder=' ...')}") from error


@contextlib.contextmanager
def quiet() -> Iterator[None]:
    """Suppress what exporters print, and their warnings of attributes set in `forward` and of the shared batch axis."""
    with (
        warnings.catch_warnings(),
        contextlib.redirect_stdout(io.StringIO()),
        contextlib.redirect_stderr(io.StringIO()),
    ):
        warnings.filterwarnings("ignore", r"The tensor attributes? .* assigned during export", UserWarning)
        warnings.filterwarnings("ignore", r"(?s).* axis name: batch will not be used", UserWarning)
        yield
