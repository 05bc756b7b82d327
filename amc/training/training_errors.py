"""The words for a network that can't be trained as it is."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager

from torch import nn

from amc.utils.errors import UserError
from amc.utils.option_names import option
from amc.utils.text import one_line


@contextmanager
def errors_told(model: nn.Module) -> Iterator[None]:
    """Turn any exception of a training step, while the context is open, into a UserError that says what to change."""
    try:
        yield
    except UserError:
        raise
    except Exception as error:
        raise UserError(f"the network can't be trained: {one_line(error)}{_advice(error, model)}") from error


def _advice(error: Exception, model: nn.Module) -> str:
    if not any(parameter.requires_grad for parameter in model.parameters()):
        return "; all of its parameters are frozen: call requires_grad_() on those that may change"
    if "more than 1 value per channel" in str(error):
        return f"; a batch norm needs two images or more: raise {option('batch_size')}, or that of your DataLoader"
    if "does not require grad" in str(error):
        return "; no gradients pass: take torch.no_grad and detach out of its forward, and out of a loss of your own"
    if re.search(r"dtype|scalar type|not implemented for", str(error)):
        return f"; if it has operators that bfloat16 does not suit, give {option('precision', 'float32')}"
    return ""
