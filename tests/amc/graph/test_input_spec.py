import pytest
import torch
from torch import Tensor

from amc.graph.input_spec import describe_inputs, zero_inputs
from amc.utils.errors import UserError


def test_one_input() -> None:
    image = zero_inputs("3x224x224", batch=2)
    assert isinstance(image, Tensor)
    assert (image.shape, image.dtype) == ((2, 3, 224, 224), torch.float32)


def test_several_inputs_with_types() -> None:
    inputs = zero_inputs("3x64x64, 10:int64,1x8:bool")
    assert isinstance(inputs, tuple)
    assert [tensor.shape for tensor in inputs] == [(1, 3, 64, 64), (1, 10), (1, 1, 8)]
    assert [tensor.dtype for tensor in inputs] == [torch.float32, torch.int64, torch.bool]
    assert not any(tensor.any() for tensor in inputs)


def test_inputs_by_name() -> None:
    inputs = zero_inputs("image=3x8x8, mask=4:bool", batch=2)
    assert isinstance(inputs, dict)
    assert {name: (tensor.shape, tensor.dtype) for name, tensor in inputs.items()} == {
        "image": ((2, 3, 8, 8), torch.float32),
        "mask": ((2, 4), torch.bool),
    }
    assert describe_inputs(inputs) == "image=3x8x8,mask=4:bool"


@pytest.mark.parametrize("spec", ["a=3,4", "3,b=4", "a=3,a=4"])
def test_all_inputs_have_a_name_of_their_own_or_none_has(spec: str) -> None:
    with pytest.raises(UserError, match="a name of its own for each input"):
        zero_inputs(spec)


@pytest.mark.parametrize(
    "spec", ["3x224x224", "7", "scalar", "2x3,scalar:int64", "3x64x64,1x64x64", "5:int64", "2x3:uint8,4:float64"]
)
def test_inputs_are_told_as_they_were_asked_for(spec: str) -> None:
    assert describe_inputs(zero_inputs(spec, batch=3)) == spec
    assert describe_inputs([*zero_inputs(spec)] if "," in spec else zero_inputs(spec)) == spec  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "spec",
    [
        "",
        "3x",
        "x3",
        "3x0x4",
        "3x-1",
        "3*4",
        "3x4,",
        "3x4:int",
        "3x4:",
        ":int64",
        "3X4",
        "3x4:float32:int64",
        "3xscalar",
    ],
)
def test_mistakes_say_the_form(spec: str) -> None:
    with pytest.raises(UserError, match=r"expected a shape such as 3x224x224 or 3x64x64,10:int64 \(types: ") as caught:
        zero_inputs(spec)
    assert "\n" not in str(caught.value)
