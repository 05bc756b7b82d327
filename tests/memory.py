"""The memory that a network needs, by running it and keeping everything."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from torch.utils._pytree import tree_leaves

from amc.utils.operator_mode import OperatorMode
from tests.oracles import single_operators, tensors

ELEMENTWISE = {"native_batch_norm", "hardswish", "hardswish_", "_prelu_kernel", "native_dropout"}
COPIES = {"clone", "_to_copy"}  # element by element, but maybe in another order


class Record(OperatorMode):
    """Every operator: what it reads, what it writes, whether it may write over what it reads."""

    def __init__(self) -> None:
        super().__init__()
        self.operators: list[tuple[set[int], list[int], bool]] = []
        self.sizes: dict[int, int] = {}
        self.held: list[Tensor] = []  # so that no address is used twice

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        out = func(*args, **(kwargs or {}))
        read, written = self.addresses((args, kwargs)), self.addresses(out)
        name = func.overloadpacket.__name__
        elementwise = (torch.Tag.pointwise in func.tags and name not in COPIES) or name in ELEMENTWISE
        self.operators.append((set(read), [each for each in dict.fromkeys(written) if each not in read], elementwise))
        return out

    def addresses(self, tree: Any) -> list[int]:
        found = [leaf for leaf in tree_leaves(tree) if isinstance(leaf, Tensor) and leaf.numel()]
        self.held += found
        self.sizes |= {each.untyped_storage()._cdata: each.untyped_storage().nbytes() for each in found}
        return [each.untyped_storage()._cdata for each in found]


def counted_memory(model: nn.Module, images: Tensor) -> int:
    """Bytes of the parameters, and of what is held for each image at the worst moment of a forward pass.

    Operator after operator: a place is taken for whatever is new, unless an element-wise operator can write over one of
    its operands of that size, and is given back when nothing that comes later reads it.
    """
    record = Record()
    with torch.no_grad(), single_operators(), record:
        out = model(images)
    given, kept = set(record.addresses(images)), set(record.addresses(tensors(out)))
    fixed = {each.untyped_storage()._cdata for each in [*model.parameters(), *model.buffers()]}
    place_of = {address: address for address in given}
    worst = 0
    for number, (read, written, elementwise) in enumerate(record.operators):
        later = set(kept).union(*(read for read, _, _ in record.operators[number + 1 :]))
        over = [place_of[each] for each in read if each in place_of and each not in given]
        needed_later = {place_of[each] for each in later if each in place_of}
        for new in written:
            size = record.sizes[new]
            free = [
                place for place in over if elementwise and place not in needed_later and record.sizes[place] == size
            ]
            place_of[new] = free[0] if free else new
            over = [place for place in over if place not in free[:1]]
        held = needed_later | {place_of[each] for each in [*read, *written] if each in place_of}
        worst = max(worst, sum(record.sizes[place] for place in held if place not in fixed))
    return sum(each.numel() * each.element_size() for each in model.parameters()) + worst // len(images)
