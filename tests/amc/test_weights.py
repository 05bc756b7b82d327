import pickle
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file
from torch import nn

from amc.errors import UserError
from amc.weights import load_state, read_state_dict, write_state_dict


def network() -> nn.Sequential:
    torch.manual_seed(0)
    return nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.Conv2d(4, 2, 1))


class Hostile:
    """Would create a file when it is unpickled."""

    def __init__(self, marker: Path) -> None:
        self.marker = marker

    def __reduce__(self) -> tuple[object, tuple[object, ...]]:
        return Path.touch, (self.marker,)


def assert_same(left: dict[str, torch.Tensor], right: dict[str, torch.Tensor]) -> None:
    assert left.keys() == right.keys()
    assert all(torch.equal(left[name], right[name]) for name in left)


@pytest.mark.parametrize("suffix", [".pt", ".pth", ".th"])
@pytest.mark.parametrize("key", [None, "state_dict", "model_state_dict", "model"])
@pytest.mark.parametrize("prefix", ["", "module."])
def test_wrapped_state_dicts_are_unwrapped(tmp_path: Path, suffix: str, key: str | None, prefix: str) -> None:
    state = network().state_dict()
    saved = {prefix + name: value for name, value in state.items()}
    torch.save(saved if key is None else {key: saved, "epoch": 3}, tmp_path / f"net{suffix}")
    assert_same(read_state_dict(tmp_path / f"net{suffix}"), state)


def test_safetensors_come_back_as_they_went(tmp_path: Path) -> None:
    state = network().state_dict()
    write_state_dict(tmp_path / "net.safetensors", state)
    assert_same(read_state_dict(tmp_path / "net.safetensors"), state)
    save_file({"module." + name: value for name, value in state.items()}, tmp_path / "parallel.safetensors")
    assert_same(read_state_dict(tmp_path / "parallel.safetensors"), state)


def test_views_and_shared_tensors_are_written(tmp_path: Path) -> None:
    base = torch.arange(6.0).reshape(2, 3)
    state = {"turned": base.T, "part": base[:, :1], "tied": base, "tied_too": base}
    write_state_dict(tmp_path / "net.safetensors", state)
    assert_same(read_state_dict(tmp_path / "net.safetensors"), state)


def test_a_hostile_pickle_is_refused_and_not_executed(tmp_path: Path) -> None:
    marker = tmp_path / "executed"
    torch.save({"state_dict": Hostile(marker)}, tmp_path / "zipped.pt")
    (tmp_path / "plain.pth").write_bytes(pickle.dumps(Hostile(marker)))
    for name in ("zipped.pt", "plain.pth"):
        with pytest.raises(
            UserError, match=r"to read would execute code; save the tensors alone: torch.save"
        ) as caught:
            read_state_dict(tmp_path / name)
        assert "\n" not in str(caught.value)
    assert not marker.exists()
    pickle.loads((tmp_path / "plain.pth").read_bytes())
    assert marker.exists()  # it was hostile indeed


@pytest.mark.parametrize("name", ["net.pt", "net.safetensors"])
@pytest.mark.parametrize("content", [b"", b"not weights", None])
def test_damaged_files_are_one_line(tmp_path: Path, name: str, content: bytes | None) -> None:
    path = tmp_path / name
    if content is None:  # cut in the middle
        if path.suffix == ".pt":
            torch.save(network().state_dict(), path)
        else:
            save_file(network().state_dict(), path)
        content = path.read_bytes()[:500]
    path.write_bytes(content)
    with pytest.raises(UserError, match=name) as caught:
        read_state_dict(path)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ([1, 2], "expected a state dict in .*, got list"),
        ({}, "expected a state dict in .*, got dict"),
        ({"weight": torch.ones(1), "epoch": 3}, "expected tensors by name in .*, got int at 'epoch'"),
        ({3: torch.ones(1)}, "got Tensor at 3"),
    ],
)
def test_what_is_no_state_dict_is_refused(tmp_path: Path, content: object, message: str) -> None:
    torch.save(content, tmp_path / "net.pt")
    with pytest.raises(UserError, match=message):
        read_state_dict(tmp_path / "net.pt")


def test_missing_files_and_other_suffixes_are_refused(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"expected a weights file at .*net.pt, there is none"):
        read_state_dict(tmp_path / "net.pt")
    (tmp_path / "net.onnx").touch()
    with pytest.raises(UserError, match=r"ends in .safetensors, .pt, .pth, .th, got .*net.onnx"):
        read_state_dict(tmp_path / "net.onnx")


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
