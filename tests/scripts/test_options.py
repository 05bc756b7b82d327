import ast
import dataclasses
import importlib
import inspect
import re
import tomllib
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any, get_type_hints

import pytest
import torch
from torch import nn

from amc.data.preprocess import IMAGENET_MEAN, Preprocess
from amc.networks.sources import Network
from amc.utils.errors import UserError
from amc.utils.option_names import options_as_flags
from amc.utils.seeds import check_seed
from scripts import (
    apply,
    compare,
    describe,
    evaluate,
    export,
    finetune,
    measure_latency,
    pretrain,
    recover,
    report,
    train,
)
from scripts.command.loading import load_images, load_original
from scripts.options.network_and_images import DataOptions, ImageOptions, NetworkOptions, parse_rounding
from scripts.options.option_fields import option_fields
from tests.command import call

ENTRY_POINTS = (train, compare, apply, finetune, recover, evaluate, describe, export, pretrain, report, measure_latency)


def options(arguments: type) -> Iterator[tuple[type, dataclasses.Field[Any]]]:
    """All options of an entry point, those of nested dataclasses too, each with the dataclass that it is in."""
    hints = get_type_hints(arguments)
    for field in option_fields(arguments):
        if dataclasses.is_dataclass(hints[field.name]):
            yield from options(hints[field.name])
        else:
            yield arguments, field


@pytest.mark.parametrize("script", ENTRY_POINTS, ids=lambda script: script.__name__)
def test_help_explains_every_option(script: ModuleType) -> None:
    done = call(script, "--help-all")
    assert (done.status, done.err) == (0, "")
    assert " ".join(script.Arguments.__doc__.split()) in " ".join(done.out.split())
    entries = [" ".join(entry.split()) for entry in re.split(r"\n  (?=--\w|RUN)", done.out)]
    for owner, field in options(script.Arguments):
        flag = f"--(?:no-)?{field.name.rstrip('_').replace('_', '-')}"
        shown = "RUN" if field.type in ("Run", "Run | None", "Runs") else flag
        (entry,) = (entry for entry in entries if re.match(rf"{shown}(?: |$)", entry))
        assert " ".join(documented(owner)[field.name].split()) in entry
        assert len(re.findall(r"[Dd]efault: ", entry)) <= 1
        assert "default: None" not in entry
        if field.default not in (None, False, ()):
            assert re.search(r"\((default: .+|required)\)|[Dd]efault: ", entry), entry


def documented(arguments: type) -> dict[str, str]:
    """The docstring below each field of a dataclass, and of the dataclasses that it is made from."""
    found: dict[str, str] = {}
    for written in filter(dataclasses.is_dataclass, arguments.__mro__):
        (definition,) = ast.parse(inspect.getsource(written)).body
        assert isinstance(definition, ast.ClassDef)
        for statement, following in zip(definition.body, definition.body[1:], strict=False):
            if isinstance(statement, ast.AnnAssign) and isinstance(following, ast.Expr):
                assert isinstance(statement.target, ast.Name)
                found[statement.target.id] = ast.literal_eval(following.value).strip()
    return found


@pytest.mark.parametrize("script", ENTRY_POINTS, ids=lambda script: script.__name__)
def test_every_field_is_documented(script: ModuleType) -> None:
    for owner, field in options(script.Arguments):
        assert len(documented(owner).get(field.name, "")) > 10, f"{owner.__name__}.{field.name}"


def test_the_installed_commands_are_the_entry_points() -> None:
    project = tomllib.loads((Path(__file__).parents[2] / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    commands = {name: target.split(":") for name, target in project["scripts"].items()}
    assert ".".join(commands.pop("amc")) == "scripts.commands.main"
    assert set(commands) == {f"amc-{script.__name__.rpartition('.')[2].replace('_', '-')}" for script in ENTRY_POINTS}
    for module, function in commands.values():
        assert callable(getattr(importlib.import_module(module), function))


def test_rounding() -> None:
    assert parse_rounding("auto") is None
    assert parse_rounding("8") == 8
    for wrong in ("0", "-8", "8.0", "", "Auto", "²"):
        with pytest.raises(
            UserError, match="expected --round-to auto, device or a whole number of channels above 0, got"
        ):
            parse_rounding(wrong)


def test_seeds() -> None:
    check_seed(0)
    check_seed(2**32 - 1)
    for wrong in (-1, 2**32):
        with pytest.raises(UserError, match=f"expected seed of 0 or more, and below 2.32, got {wrong}"):
            check_seed(wrong)


def test_a_network_keeps_its_own_preprocessing_where_nothing_is_asked_for() -> None:
    own = load_original(NetworkOptions()).preprocess
    assert own is not None
    assert (own.image_size, own.channels) == (8, 1)
    changed = load_original(NetworkOptions(preparation=ImageOptions(16, std=(0.5,)))).preprocess
    assert changed == dataclasses.replace(own, image_size=16, std=(0.5,))


def test_a_torchvision_network_is_not_resized_before_the_crop_when_a_size_is_asked_for() -> None:
    network = load_original(NetworkOptions("torchvision:squeezenet1_1", "none", ImageOptions(32)))
    assert network.preprocess is not None
    assert (network.preprocess.image_size, network.preprocess.resize_size) == (32, None)


def test_a_users_network_gets_the_usual_normalisation(own_file: Path) -> None:
    model = f"{own_file}:build"
    assert load_original(NetworkOptions(model)).preprocess is None
    assert load_original(NetworkOptions(model, preparation=ImageOptions(24))).preprocess == Preprocess(
        24, IMAGENET_MEAN, (0.229, 0.224, 0.225)
    )
    grey = load_original(NetworkOptions(model, preparation=ImageOptions(24, (0.5,), (0.25,)))).preprocess
    assert grey == Preprocess(24, (0.5,), (0.25,))
    with pytest.raises(UserError, match="mean and std need image_size too"):
        load_original(NetworkOptions(model, preparation=ImageOptions(mean=(0.5,), std=(0.25,))))


class Boxes(nn.Module):
    """Returns no class scores."""

    def forward(self, x: torch.Tensor) -> dict[str, torch.Tensor]:
        return {"boxes": x.flatten(1)}


def test_other_tasks_need_a_metric_of_their_own() -> None:
    network = Network(Boxes(), "boxes", None, None)
    with pytest.raises(
        UserError, match=r"top1 and top5 need .*; for other tasks give metric='miou' \(segmentation\), "
    ):
        load_images(DataOptions("digits"), network, "top1", None, 0, torch.device("cpu"), progress=False)
    splits = load_images(
        DataOptions("digits", calibration_images=5, reward_split=6, test_images=7),
        network,
        "boxes.py:precision",
        None,
        0,
        torch.device("cpu"),
        progress=False,
    )
    assert [len(part) for part in (splits.calibration, splits.reward, splits.test)] == [5, 6, 7]


def test_notes_on_the_weights_are_printed_unless_nothing_shall_be(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "own.py").write_text("import torch\ndef build():\n    return torch.nn.Linear(2, 2)\n")
    state = nn.Linear(2, 2).state_dict()
    torch.save({"model": state, "ema": {name: value + 1 for name, value in state.items()}}, tmp_path / "net.pth")
    options = NetworkOptions(f"{tmp_path}/own.py:build", f"{tmp_path}/net.pth")
    with options_as_flags():
        assert torch.equal(load_original(options).model.state_dict()["bias"], state["bias"])
    assert capsys.readouterr().err == (
        f"note: {tmp_path}/net.pth holds 2 sets of weights that fit the network; model was taken; for another give"
        f" --weights {tmp_path}/net.pth:ema\n"
    )
    load_original(options, quiet=True)
    assert capsys.readouterr().err == ""
