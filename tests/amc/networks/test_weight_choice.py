from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import save_file, save_model
from torch import Tensor, nn

from amc.networks.weight_files import load_weights
from amc.utils.errors import UserError
from tests.amc.networks.checkpoints import Small, loaded, prefixed, weights

W, OTHER = weights(3.0), weights(5.0)


def written(folder: Path, content: object) -> Path:
    path = folder / "net.pth"
    torch.save(content, path)
    return path


def under(prefix: str) -> dict[str, Tensor]:
    return {name.removeprefix(prefix): tensor for name, tensor in W.items() if name.startswith(prefix)}


@pytest.mark.parametrize(
    "content",
    [
        W,
        {"epoch": 3, "state_dict": W, "optimizer": {"state": {0: {"exp_avg": torch.ones(2)}}}},
        {"model_ema": W},
        {"anything": {"at": {"any": [{"depth": W}]}}},
        (1, W),
        {"net": {"stem": {"0": under("stem.0."), "1": under("stem.1.")}, "fc": under("fc.")}},
        prefixed("module.", W),
        prefixed("_orig_mod.", W),
        prefixed("backbone.", W),
        {"state_dict": prefixed("_orig_mod.model.module.", W)},
        {name.replace("stem.", "stem._orig_mod."): tensor for name, tensor in W.items()},
        {name.replace("stem.", "stem.module."): tensor for name, tensor in W.items()},
        {name: tensor for name, tensor in W.items() if "num_batches" not in name},
        {name: tensor.half() for name, tensor in W.items()},
        {name: nn.Parameter(tensor.double()) for name, tensor in W.items()},
        {"model": W, "best": {name: tensor.clone() for name, tensor in W.items()}},
        {"model": W, "ema": {name: tensor for name, tensor in OTHER.items() if "running" not in name}},
        {"model": W, "smaller": {name: tensor[:1] for name, tensor in OTHER.items() if tensor.ndim}},
    ],
)
def test_weights_are_found_by_what_fits(tmp_path: Path, content: Any) -> None:
    assert loaded(written(tmp_path, content)) == (3.0, ())


@pytest.mark.parametrize(
    ("content", "rest"),
    [
        ({"state_dict": prefixed("model.", W) | {"criterion.pos_weight": torch.ones(1)}}, "criterion.pos_weight"),
        (prefixed("module.", W) | {"n_averaged": torch.tensor(3)}, "n_averaged"),
        (W | {"aux.weight": torch.ones(2), "aux.bias": torch.ones(2)}, "aux.weight, aux.bias"),
    ],
)
def test_what_lies_beside_the_weights_is_named(tmp_path: Path, content: object, rest: str) -> None:
    path = written(tmp_path, content)
    assert loaded(path) == (3.0, (f"{path}: left out what the network does not have: {rest}",))


@pytest.mark.parametrize(
    ("content", "taken", "other"),
    [
        ({"state_dict_ema": OTHER, "state_dict": W}, "state_dict", "state_dict_ema"),
        ({"modelEMA": OTHER, "best": W}, "best", "modelEMA"),
        ({"state_dict": prefixed("ema_model.", OTHER) | prefixed("model.", W)},
         "state_dict.model", "state_dict.ema_model"),
        ({"teacher": prefixed("backbone.", OTHER), "student": prefixed("module.backbone.", W)},
         "student.module.backbone", "teacher.backbone"),
        ({"extra": prefixed("module.", OTHER) | {"n_averaged": torch.tensor(3)}, "plain": W}, "plain", "extra.module"),
        ({"older": OTHER, "model": W}, "model", "older"),
        ({"deep": {"er": OTHER}, "last": W}, "last", "deep.er"),
        ({"first": W, "second": OTHER}, "first", "second"),
        (W | prefixed("ema.", OTHER), "the outermost", "ema"),
    ],
)  # fmt: skip
def test_of_several_sets_one_is_taken_and_the_other_can_be(
    tmp_path: Path, content: object, taken: str, other: str
) -> None:
    path = written(tmp_path, content)
    value, (note,) = loaded(path)
    assert value == 3.0
    assert note == (
        f"{path} holds 2 sets of weights that fit the network; {taken} was taken; for another give"
        f" weights={f'{path}:{other}'!r}"
    )
    value, notes = loaded(f"{path}:{other}")
    assert value == 5.0
    assert not any("sets of weights" in each for each in notes)


@pytest.mark.parametrize("key", ["b", "state_dict.b", "b.module"])
def test_a_part_of_the_path_is_key_enough(tmp_path: Path, key: str) -> None:
    path = written(tmp_path, {"state_dict": prefixed("a.module.", W) | prefixed("b.module.", OTHER)})
    assert loaded(f"{path}:{key}") == (5.0, ())


def test_a_key_that_is_not_there_lists_those_that_are(tmp_path: Path) -> None:
    path = written(tmp_path, {"epoch": 3, "ema": OTHER, "net": W})
    for key in ("nothing", "epoch", ""):
        with pytest.raises(UserError, match=f"holds no tensors at '{key}'; what fits the network lies at ema, net"):
            loaded(f"{path}:{key}")
    with pytest.raises(UserError, match="holds no tensors at 'x'; leave it out"):
        loaded(f"{written(tmp_path, W)}:x")


def test_an_address_is_told_as_it_was_given() -> None:
    with pytest.raises(UserError, match=r"expected a weights file, got the address https://example\.org/net\.pth;"):
        loaded("https://example.org/net.pth")


def test_a_colon_in_a_name_is_no_key(tmp_path: Path) -> None:
    (tmp_path / "10:30").mkdir()
    path = tmp_path / "10:30" / "net:best.pth"
    torch.save({"ema": OTHER, "net": W}, path)
    assert loaded(path)[0] == 3.0
    assert loaded(f"{path}:ema")[0] == 5.0
    with pytest.raises(UserError, match=r"expected a weights file at C:\\net.pth, there is none"):
        loaded(r"C:\net.pth")


@pytest.mark.parametrize(
    ("change", "fault"),
    [
        ({"fc.bias": None}, "missing: fc.bias;"),
        ({"stem.1.running_mean": None}, "missing: stem.1.running_mean;"),
        ({"fc.bias": torch.ones(3)}, r"of another shape: fc.bias \(\[3\] instead of \[2\]\);"),
        ({"stem.0.bias": torch.ones(4)}, "unexpected: stem.0.bias;"),
        ({"fc.bias": torch.ones(2).to_sparse()}, r"of a kind that is not taken: fc.bias \(sparse\);"),
        ({"fc.bias": torch.ones(2, device="meta")}, r"of a kind that is not taken: fc.bias \(without values\);"),
        ({"fc.bias": torch.ones(2, dtype=torch.complex64)}, r"of a kind that is not taken: fc.bias \(complex\);"),
        (
            {"fc.bias": torch.ones(2, dtype=torch.int8)},
            r"of a kind that is not taken: fc.bias \(int8 instead of float32\);",
        ),
        ({"fc.bias": torch.ones(2).to(torch.float8_e4m3fn)}, r"of a kind that is not taken: fc.bias \(quantised\);"),
    ],
)
@pytest.mark.parametrize("prefix", ["", "model."])
def test_weights_are_never_loaded_in_part(
    tmp_path: Path, change: dict[str, Tensor | None], fault: str, prefix: str
) -> None:
    state = {name: tensor for name, tensor in (W | change).items() if tensor is not None}
    path = written(tmp_path, prefixed(prefix, state))
    model = Small()
    before = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    with pytest.raises(UserError, match=f"do not fit the network; {fault}") as caught:
        load_weights(model, str(path))
    assert f"the weights in {path}{':model' if prefix else ''} do" in str(caught.value)
    assert all(torch.equal(tensor, before[name]) for name, tensor in model.state_dict().items())


def test_another_network_is_told_by_all_its_names(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"missing: stem.0.weight, .* and .* more; unexpected: head.w;"):
        loaded(written(tmp_path, {"epoch": 1, "net": {"head.w": torch.ones(1)}}))


def test_a_file_may_refer_to_itself_and_to_one_mapping_many_times(tmp_path: Path) -> None:
    nested: dict[str, Any] = {"here": W}
    for _ in range(40):
        nested = {"left": nested, "right": nested, "here": W}
    nested["self"] = nested
    assert loaded(written(tmp_path, nested)) == (3.0, ())


class Tied(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.first, self.second = nn.Linear(2, 2), nn.Linear(2, 2)
        self.second.weight = self.first.weight


def test_a_tensor_with_two_names_may_lie_under_one(tmp_path: Path) -> None:
    source, model = Tied(), Tied()
    save_model(source, str(tmp_path / "net.safetensors"))
    assert load_weights(model, str(tmp_path / "net.safetensors")) == ()
    assert torch.equal(model.second.weight, source.first.weight)


def test_wrapped_networks_take_plain_weights_and_names_of_wrappers_are_names(tmp_path: Path) -> None:
    path = tmp_path / "net.safetensors"
    save_file(W, path)
    wrapped = nn.Module()
    wrapped.module = Small()
    assert load_weights(wrapped, str(path)) == ()
    assert torch.equal(wrapped.state_dict()["module.fc.bias"], W["fc.bias"])
    wrapped.fc = nn.Linear(2, 2)  # "module.fc" and "fc" are two layers now
    with pytest.raises(UserError, match=r"missing: module.stem.0.weight"):
        load_weights(wrapped, str(path))
    save_file(wrapped.state_dict(), path)
    assert load_weights(wrapped, str(path)) == ()


def test_layers_without_a_shape_are_told(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"0.weight of the network has no shape before a first input"):
        load_weights(nn.Sequential(nn.LazyLinear(2)), str(written(tmp_path, W)))
