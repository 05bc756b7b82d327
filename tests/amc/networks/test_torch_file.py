import argparse
import collections
import datetime
import enum
import os
import pickle
import types
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from amc.networks.torch_file import read_content
from amc.utils.errors import UserError
from tests.amc.networks.checkpoints import Small, loaded, weights


class Config:
    """A user's own options."""

    def __init__(self) -> None:
        self.lr = 0.1


class Slotted:
    """An object without a dictionary."""

    __slots__ = ("value",)

    def __init__(self) -> None:
        self.value = 1


class AttributeDict(dict[str, Any]):
    """A mapping with attributes beside its entries."""

    def __init__(self, entries: dict[str, Any]) -> None:
        super().__init__(entries)
        self.__dict__.update(entries)


class Mode(enum.Enum):
    """A choice."""

    FAST = 1


class Hostile:
    """Calls a function when it is unpickled."""

    def __init__(self, function: Callable[..., object], *arguments: object) -> None:
        self.call = function, arguments

    def __reduce__(self) -> tuple[Callable[..., object], tuple[object, ...]]:
        return self.call


METADATA: dict[str, object] = {
    "args": argparse.Namespace(lr=0.1, out=Path("runs")),
    "simple": types.SimpleNamespace(a=1),
    "config": Config(),
    "slotted": Slotted(),
    "mode": Mode.FAST,
    "modes": {Mode.FAST: Path("x")},
    "date": datetime.datetime(2020, 1, 1, tzinfo=datetime.UTC),
    "scalar": np.float64(0.9),
    "array": np.zeros(3),
    "dtype": np.dtype("float32"),
    "state": np.random.RandomState(0).get_state(),
    "frozen": frozenset([1]),
    "history": collections.deque([1, 2]),
    "metrics": collections.defaultdict(list, {"loss": [1.0]}),
    "criterion": nn.CrossEntropyLoss(torch.ones(2)),
    "optimizer": torch.optim.SGD,
    "mapping": AttributeDict({"lr": 0.1}),
}


def test_what_a_training_leaves_beside_the_weights_is_passed_over(tmp_path: Path) -> None:
    content = METADATA | {"state_dict": AttributeDict(weights(3.0))}
    torch.save(content, tmp_path / "net.ckpt")
    assert loaded(tmp_path / "net.ckpt") == (3.0, ())
    del content["criterion"]  # the older form keeps a module's source beside it
    torch.save(content, tmp_path / "old.ckpt", _use_new_zipfile_serialization=False)
    assert loaded(tmp_path / "old.ckpt") == (3.0, ())


def test_no_class_of_a_file_is_made_or_imported(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    torch.save({"state_dict": weights(3.0), "config": Config()}, tmp_path / "net.ckpt")
    monkeypatch.delattr(f"{__name__}.Config")
    content = read_content(tmp_path / "net.ckpt")
    assert content.classes == (f"{__name__}.Config",)
    assert loaded(tmp_path / "net.ckpt") == (3.0, ())


@pytest.mark.parametrize("beside", [{}, {"state_dict": weights(3.0)}])
@pytest.mark.parametrize("kind", ["touch", "eval", "system"])
def test_nothing_in_a_file_is_executed(tmp_path: Path, beside: dict[str, object], kind: str) -> None:
    marker = tmp_path / "executed"
    hostile = {
        "touch": Hostile(Path.touch, marker),
        "eval": Hostile(eval, f"__import__('pathlib').Path({str(marker)!r}).touch()"),
        "system": Hostile(os.system, f"touch {marker}"),
    }[kind]
    torch.save({**beside, "x": hostile}, tmp_path / "net.pth")
    (tmp_path / "plain.pth").write_bytes(pickle.dumps(hostile))
    for name in ("net.pth", "plain.pth"):
        if name == "net.pth" and beside and kind == "eval":
            assert loaded(tmp_path / name) == (3.0, ())  # the call is left out like any object
            continue
        with pytest.raises(
            UserError, match=r"to read would execute code; save the tensors alone: torch.save"
        ) as caught:
            loaded(tmp_path / name)
        assert "\n" not in str(caught.value)
    assert not marker.exists()
    pickle.loads((tmp_path / "plain.pth").read_bytes())
    assert marker.exists()  # it was hostile indeed


@pytest.mark.parametrize("zipped", [True, False])
@pytest.mark.parametrize("wrap", [lambda model: model, lambda model: {"model": model, "best": torch.ones(1)}])
def test_whole_modules_are_named(tmp_path: Path, zipped: bool, wrap: Callable[[nn.Module], object]) -> None:
    torch.save(wrap(Small()), tmp_path / "net.pt", _use_new_zipfile_serialization=zipped)
    with pytest.raises(
        UserError,
        match=r"holds a whole pickled module \(tests\.amc\.networks\.checkpoints\.Small\), .*save the tensors alone",
    ) as caught:
        loaded(tmp_path / "net.pt")
    assert "weights_only" not in str(caught.value)


def test_arrays_in_place_of_tensors_are_named(tmp_path: Path) -> None:
    torch.save({name: tensor.numpy() for name, tensor in weights(3.0).items()}, tmp_path / "net.pt")
    with pytest.raises(UserError, match=r"holds objects \(numpy.*save the tensors alone"):
        loaded(tmp_path / "net.pt")


def test_other_protocols_are_told(tmp_path: Path) -> None:
    torch.save(weights(3.0), tmp_path / "net.pt", pickle_protocol=4)
    with pytest.raises(UserError, match=r"was written with pickle protocol 4, .*save it without pickle_protocol"):
        loaded(tmp_path / "net.pt")


@pytest.mark.parametrize("content", [3, {}, torch.ones(2), [1, 2]])
def test_files_without_tensors_by_name_are_refused(tmp_path: Path, content: object) -> None:
    torch.save(content, tmp_path / "net.pt")
    with pytest.raises(UserError, match=f"holds no tensors by name, but a {type(content).__name__}; save"):
        loaded(tmp_path / "net.pt")


@pytest.mark.parametrize("size", [60, 900])
def test_files_that_are_cut_off_are_one_line(tmp_path: Path, size: int) -> None:
    path = tmp_path / "net.pt"
    torch.save(weights(3.0), path, _use_new_zipfile_serialization=False)
    path.write_bytes(path.read_bytes()[:size])
    with pytest.raises(UserError, match=r"net.pt is (cut off or )?damaged: .*; copy or download it again") as caught:
        loaded(path)
    assert "\n" not in str(caught.value)


def test_numbers_that_were_changed_since_are_told_where_a_file_has_sums(tmp_path: Path) -> None:
    path = tmp_path / "net.pt"
    torch.save(weights(3.0), path)
    content = bytearray(path.read_bytes())
    place = content.index(weights(3.0)["stem.0.weight"].numpy().tobytes())
    content[place] ^= 1
    path.write_bytes(content)
    with pytest.raises(UserError, match=r"net.pt is damaged: the checksum of net/data/\d+ in it is another; copy or"):
        loaded(path)
    before = torch.serialization.get_crc32_options()
    torch.serialization.set_crc32_options(False)
    try:
        torch.save(weights(3.0), path)
    finally:
        torch.serialization.set_crc32_options(before)
    loaded(path)
