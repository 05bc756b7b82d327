import json
from pathlib import Path

import pytest
import torch
from torch import nn

from amc.networks.weight_files import load_state, load_weights, read_state_dict, write_state_dict
from amc.utils.errors import UserError


def network() -> nn.Sequential:
    torch.manual_seed(0)
    return nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.Conv2d(4, 2, 1))


def assert_same(left: dict[str, torch.Tensor], right: dict[str, torch.Tensor]) -> None:
    assert left.keys() == right.keys()
    assert all(torch.equal(left[name], right[name]) for name in left)


def test_safetensors_come_back_as_they_went(tmp_path: Path) -> None:
    state = network().state_dict()
    write_state_dict(tmp_path / "net.safetensors", state)
    assert_same(read_state_dict(tmp_path / "net.safetensors"), state)


def test_views_and_shared_tensors_are_written(tmp_path: Path) -> None:
    base = torch.arange(6.0).reshape(2, 3)
    state = {"turned": base.T, "part": base[:, :1], "tied": base, "tied_too": base}
    write_state_dict(tmp_path / "net.safetensors", state)
    assert_same(read_state_dict(tmp_path / "net.safetensors"), state)


@pytest.mark.parametrize("size", [0, 4, 100, 500])
def test_damaged_files_are_one_line(tmp_path: Path, size: int) -> None:
    path = tmp_path / "net.safetensors"
    write_state_dict(path, network().state_dict())
    path.write_bytes(path.read_bytes()[:size])
    with pytest.raises(UserError, match=r"net.safetensors.*(copy or download it again|torch.save)") as caught:
        read_state_dict(path)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(("numbers", "count", "size"), [("F8_E8M0", 4, 4), ("F4", 8, 4), ("F6_E2M3", 4, 3)])
def test_numbers_of_an_unknown_type_are_one_line(tmp_path: Path, numbers: str, count: int, size: int) -> None:
    header = json.dumps({"w": {"dtype": numbers, "shape": [count], "data_offsets": [0, size]}}).encode()
    path = tmp_path / "net.safetensors"
    path.write_bytes(len(header).to_bytes(8, "little") + header + bytes(size))
    with pytest.raises(UserError, match=r"holds numbers of the type .* save them as float32|cut off or damaged"):
        read_state_dict(path)


def test_a_name_that_is_too_long_is_one_line() -> None:
    with pytest.raises(UserError, match=r"x can't be read: .*File name too long"):
        load_weights(network(), "x" * 300)


def test_a_key_may_be_longer_than_a_name_of_a_file_may_be(tmp_path: Path) -> None:
    torch.save({"x" * 300: network().state_dict()}, tmp_path / "net.pth")
    load_weights(network(), f"{tmp_path / 'net.pth'}:{'x' * 300}")


def test_what_torch_saved_is_not_read_in_place_of_a_files_of_this_tool(tmp_path: Path) -> None:
    torch.save(network().state_dict(), tmp_path / "net.safetensors")
    with pytest.raises(UserError, match=r"expected a safetensors file at .*, got one of torch.save"):
        read_state_dict(tmp_path / "net.safetensors")


def test_all_faults_are_named_in_one_line_and_nothing_is_loaded() -> None:
    model = network()
    before = {name: value.clone() for name, value in model.state_dict().items()}
    state = {name: value + 1 for name, value in before.items() if name != "2.bias"}
    state["0.weight"] = torch.zeros(5, 3, 3, 3)
    state["head.weight"] = torch.zeros(1)
    with pytest.raises(UserError) as caught:
        load_state(model, state, "net.pt")
    assert str(caught.value) == (
        "the weights in net.pt do not fit the network; missing: 2.bias; unexpected: head.weight;"
        " of another shape: 0.weight ([5, 3, 3, 3] instead of [4, 3, 3, 3]);"
        " give the weights of this very architecture"
    )
    assert_same(model.state_dict(), before)


def test_long_lists_of_faults_are_shortened() -> None:
    with pytest.raises(UserError, match=r"missing: 0.weight, 0.bias, 1.weight, 1.bias, 1.running_mean and 3 more;"):
        load_state(network(), {}, "net.pt")


def test_files_from_before_batch_norms_counted_are_loaded() -> None:
    state = {name: value + 1 for name, value in network().state_dict().items() if "num_batches" not in name}
    model = network()
    load_state(model, state, "old.pt")
    assert all(torch.equal(model.state_dict()[name], value) for name, value in state.items())
