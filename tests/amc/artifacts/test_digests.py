"""Digests that tell tensors apart."""

import safetensors.torch
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from amc.artifacts.digests import tensors_digest

tensors = st.builds(
    lambda shape, dtype, seed: torch.randint(0, 3, shape, generator=torch.Generator().manual_seed(seed)).to(dtype),
    st.lists(st.integers(0, 2), max_size=2),
    st.sampled_from([torch.float32, torch.int32, torch.float16, torch.bfloat16, torch.bool, torch.int64]),
    st.integers(0, 2),
)


@given(*[st.dictionaries(st.sampled_from(["a", "b", "ab"]), tensors, max_size=2)] * 2)
def test_a_digest_tells_tensors_apart_by_name_type_shape_and_bits(
    one: dict[str, Tensor], other: dict[str, Tensor]
) -> None:
    files = [safetensors.torch.save({name: each[name] for name in sorted(each)}) for each in (one, other)]
    assert (tensors_digest(one) == tensors_digest(other)) == (files[0] == files[1])
    shuffled = {name: one[name].clone() for name in reversed(one)}
    assert tensors_digest(shuffled) == tensors_digest(one)


def test_values_count_and_not_how_they_lie_in_memory() -> None:
    weight = torch.randn(4, 3, 3, 3)
    assert tensors_digest({"w": weight}) == tensors_digest({"w": weight.to(memory_format=torch.channels_last)})
    assert tensors_digest({"w": torch.tensor(0.0)}) != tensors_digest({"w": torch.tensor(-0.0)})
