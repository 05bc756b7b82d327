import copy
import errno
import json
import os
import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import safetensors.torch
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

import amc
from amc.analysis.analyse import analyse
from amc.artifacts.policy import (
    CostReached,
    GroupPolicy,
    Policy,
    current_versions,
    describe_groups,
    read_policy,
    save_compact,
)
from amc.networks.sources import load_network
from amc.networks.weight_files import write_state_dict
from amc.pruning.slicing import Selection, compact, make_selection
from amc.utils.errors import UserError

Content = dict[str, Any]

POLICY = Policy(
    model="digits_resnet",
    inputs="3x32x32",
    fingerprint="0123456789abcdef",
    strategy="ddpg",
    seed=3,
    budget=("macs=0.5", "params=20K"),
    costs={"macs": CostReached(1000, 499, 0.499)},
    accuracy_before=0.99,
    accuracy=0.0,
    groups=(GroupPolicy("stem.0", 12, 2, 12, (0, 11), 1 - 2 / 12),),
    selection=Selection({}, {}),
    versions=current_versions(),
)

positions = st.sets(st.integers(0, 2**40), min_size=1, max_size=6).map(sorted)
selections = st.builds(
    Selection,
    st.dictionaries(st.text(max_size=8), st.dictionaries(st.integers(0, 4), positions, max_size=3), max_size=5),
    st.dictionaries(
        st.text(max_size=8), st.dictionaries(st.sampled_from(["groups", "in_channels"]), st.integers(1)), max_size=3
    ),
)


def with_selection(selection: Selection) -> Policy:
    return Policy(**{**vars(POLICY), "selection": selection})


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A saved compact network; tests copy what they change."""
    model = load_network("digits_resnet").model
    graph = analyse(model, torch.zeros(1, 1, 8, 8))
    rng = np.random.default_rng(0)
    mask = np.zeros(graph.unit_count, dtype=np.bool_)
    for group in graph.groups:
        mask[group.first_unit + rng.permutation(group.units)[: group.units // 2]] = True
    selection = make_selection(graph, model, mask)
    path = tmp_path_factory.mktemp("policy")
    policy = Policy(**{**vars(POLICY), "selection": selection, "groups": describe_groups(graph, mask)})
    save_compact(path, policy, compact(model, selection))
    return path


def content_of(folder: Path) -> Content:
    content: Content = json.loads((folder / "policy.json").read_text(encoding="utf-8"))
    return content


def changed(folder: Path, tmp_path: Path, change: Callable[[Content], object]) -> Path:
    """A folder with the same weights and a changed policy."""
    content = content_of(folder)
    change(content)
    (tmp_path / "policy.json").write_text(json.dumps(content), encoding="utf-8")
    (tmp_path / "compact.safetensors").write_bytes((folder / "compact.safetensors").read_bytes())
    return tmp_path


def refused(folder: Path) -> str:
    with pytest.raises(UserError) as caught:
        amc.load(folder)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def plain(selection: Selection) -> tuple[Mapping[str, Any], Mapping[str, Any]]:
    tensors = {name: {dim: list(kept) for dim, kept in axes.items()} for name, axes in selection.tensors.items()}
    return tensors, selection.attributes


@settings(max_examples=30, deadline=None)
@given(selections)
def test_a_policy_comes_back_as_it_went(tmp_path_factory: pytest.TempPathFactory, selection: Selection) -> None:
    folder = tmp_path_factory.getbasetemp() / "round trip"
    save_compact(folder, with_selection(selection), nn.Linear(1, 1))
    read = read_policy(folder / "policy.json")
    of_files = {"selection": None, "weights_digest": None}
    assert vars(read) | of_files == vars(POLICY) | of_files
    assert plain(read.selection) == plain(selection)
    lists = [tuple(kept) for axes in selection.tensors.values() for kept in axes.values()]
    written = content_of(folder)["positions"]
    assert sorted(map(tuple, written)) == sorted(set(lists))


def test_it_is_a_file_that_people_can_read(folder: Path) -> None:
    text = (folder / "policy.json").read_text(encoding="utf-8")
    assert text.startswith('{\n  "schema": 1,\n  "model": "digits_resnet",\n')
    assert text.endswith("}\n")
    assert {path.name for path in folder.iterdir()} == {"policy.json", "compact.safetensors"}


def test_groups_are_described_in_channels(folder: Path) -> None:
    for group in read_policy(folder / "policy.json").groups:
        assert group.width == group.units
        assert group.width_after == len(group.kept) == group.units // 2
        assert group.sparsity == 0.5


def test_the_network_that_loads_is_the_one_that_was_saved(folder: Path) -> None:
    model = load_network("digits_resnet").model
    saved = compact(model, read_policy(folder / "policy.json").selection).eval()
    inputs = torch.randn(4, 1, 8, 8)
    for loaded in (amc.load(folder), amc.load(folder, model=load_network("digits_resnet", "none").model)):
        assert not loaded.training
        assert torch.equal(loaded(inputs), saved(inputs))


def test_loading_leaves_the_given_model_alone(folder: Path) -> None:
    model = load_network("digits_resnet").model
    before = copy.deepcopy(model.state_dict())
    amc.load(folder, model=model)
    assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())
    assert model.get_parameter("stem.0.weight").shape[0] == 12


def test_a_users_network_has_to_be_given(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "evil.py").write_text(f"from pathlib import Path\nPath({str(tmp_path / 'ran')!r}).touch()\n")
    spec = f"{tmp_path / 'evil.py'}:build"
    path = changed(folder, tmp_path, lambda content: content.update(model=spec))
    assert refused(path) == f"{path} was made from {spec}, which is not imported from a policy file; give that model"
    amc.load(path, model=load_network("digits_resnet").model)
    assert not (tmp_path / "ran").exists()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda c: c.update(schema=2), "expected schema 1, got 2; it is of another release"),
        (lambda c: c.pop("schema"), "expected schema 1, got None"),
        (lambda c: c.pop("model"), "missing required field `model`"),
        (lambda c: c.update(model=5), "Expected `str`, got `int` - at `$.model`"),
        (lambda c: c.update(seed=-1), "Expected `int` >= 0 - at `$.seed`"),
        (lambda c: c.update(seed=True), "Expected `int`, got `bool` - at `$.seed`"),
        (lambda c: c.update(budget="macs=0.5"), "Expected `array`, got `str` - at `$.budget`"),
        (lambda c: c.update(accuracy=float("nan")), "JSON is malformed: invalid character"),
        (lambda c: c.update(accuracy=10**400), "Number out of range - at `$.accuracy`"),
        (lambda c: c.update(accuracy="1"), "Expected `float`, got `str` - at `$.accuracy`"),
        (lambda c: c.update(costs=[]), "Expected `object`, got `array` - at `$.costs`"),
        (lambda c: c["costs"]["macs"].pop("after"), "missing required field `after` - at `$.costs[...]`"),
        (lambda c: c.update(groups=[3]), "Expected `object`, got `int` - at `$.groups[0]`"),
        (lambda c: c["groups"][0].update(kept=[2, 1]), "`kept`: expected one position or more in ascending order, got"),
        (lambda c: c["groups"][0].update(kept=[]), "ascending order, got () - at `$.groups[0]`"),
        (lambda c: c["versions"].update(torch=2), "Expected `str`, got `int` - at `$.versions[...]`"),
        (lambda c: c["positions"].insert(0, [-1]), "Expected `int` >= 0 - at `$.positions[0][0]`"),
        (lambda c: c["positions"].insert(0, ["1"]), "Expected `int`, got `str` - at `$.positions[0][0]`"),
        (lambda c: c["positions"].insert(0, [1.0]), "Expected `int`, got `float` - at `$.positions[0][0]`"),
        (lambda c: c["positions"].insert(0, "12"), "Expected `array`, got `str` - at `$.positions[0]`"),
        (lambda c: c["positions"].insert(0, []), "`positions[0]`: expected one position or more in ascending order"),
        (
            lambda c: c["positions"].insert(0, [1, 1]),
            "`positions[0]`: expected one position or more in ascending order",
        ),
        (lambda c: c["tensors"]["stem.0.weight"].update({"0": -1}), "Expected `int` >= 0 - at `$.tensors[...][...]`"),
        (lambda c: c["tensors"]["stem.0.weight"].update({"0": 999}), "`tensors`: 'stem.0.weight' refers to list 999"),
        (lambda c: c["tensors"]["stem.0.weight"].update({"-1": 0}), "Expected `int` >= 0 - at `key` in `$.tensors[..."),
        (
            lambda c: c["tensors"]["stem.0.weight"].update({"x": 0}),
            "Expected `int`, got `str` - at `key` in `$.tensors",
        ),
        (lambda c: c["tensors"].update({"stem.0.weight": 3}), "Expected `object`, got `int` - at `$.tensors[...]`"),
        (lambda c: c["attributes"]["stem.0"].update(groups=[2, 0]), "Expected `int` >= 1 - at `$.attributes[...]["),
        (lambda c: c["attributes"]["stem.0"].update(groups=[[2]]), "Expected `int`, got `array` - at `$.attributes["),
        (lambda c: c["attributes"]["stem.0"].update(groups=0), "Expected `int` >= 1 - at `$.attributes[...]["),
        (
            lambda c: c["attributes"]["stem.0"].update(groups="2"),
            "Expected `int | array`, got `str` - at `$.attributes[",
        ),
    ],
)
def test_entries_of_another_form_are_named(
    folder: Path, tmp_path: Path, change: Callable[[Content], object], message: str
) -> None:
    path = changed(folder, tmp_path, change)
    assert f"{path / 'policy.json'}" in refused(path)
    assert message in refused(path)


def last_position(value: int) -> Callable[[Content], object]:
    return lambda c: c["positions"][c["tensors"]["stem.0.weight"]["0"]].__setitem__(-1, value)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (last_position(12), "cuts tensor 'stem.0.weight' as this model does not have it; give the model"),
        (last_position(10**30), "cuts tensor 'stem.0.weight' as this model does not have it; give the model"),
        (lambda c: c["tensors"].update({"head.weight": {"0": 0}}), "cuts tensor 'head.weight' as this model does not"),
        (lambda c: c["tensors"]["stem.1.bias"].update({"1": 0}), "cuts tensor 'stem.1.bias' as this model does not"),
        (
            lambda c: c["attributes"].update({"head": {"groups": 1}}),
            "'groups' of module 'head' to 1, which is no number",
        ),
        *(
            (lambda c, name=name: c["attributes"]["stem.0"].update({name: 1}), f"sets '{name}' of module 'stem.0' to 1")
            for name in ("forward", "__class__", "training", "_parameters", "kernel_size", "padding_mode", "new")
        ),
        (lambda c: c["attributes"]["stem.0"].update(kernel_size=[3]), "sets 'kernel_size' of module 'stem.0' to"),
        (lambda c: c.update(model="resnet20"), "the policy of resnet20 cuts tensor"),
        (
            lambda c: c.update(model="resnet19"),
            "a network that was given in Python, resnet19; give that network as model",
        ),
        (lambda c: c["tensors"].pop("stem.1.bias"), "do not fit the network; of another shape: stem.1.bias"),
    ],
)
def test_a_policy_that_does_not_fit_the_model_is_refused(
    folder: Path, tmp_path: Path, change: Callable[[Content], object], message: str
) -> None:
    with pytest.raises(UserError, match=message) as caught:
        amc.load(changed(folder, tmp_path, change))
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("text", ["", "{", "[1]", "null", "[" * 100_000, '{"schema": 1' + "0" * 5000 + "}"])
def test_what_is_no_json_object_is_damaged(tmp_path: Path, text: str) -> None:
    (tmp_path / "policy.json").write_text(text)
    assert refused(tmp_path).startswith(f"{tmp_path / 'policy.json'} is damaged: ")


def test_missing_files_are_told(folder: Path, tmp_path: Path) -> None:
    assert refused(tmp_path) == f"no policy.json in {tmp_path}; give the folder of a finished run"
    (tmp_path / "policy.json").write_bytes((folder / "policy.json").read_bytes())
    assert "expected a weights file at" in refused(tmp_path)


def old(folder: Path, tmp_path: Path) -> Path:
    """The run as it was written before policies had a digest."""
    return changed(folder, tmp_path, lambda content: content.pop("weights_digest"))


def test_a_run_without_a_digest_loads_what_fits(folder: Path, tmp_path: Path) -> None:
    run, state = old(folder, tmp_path), amc.load(folder).state_dict()
    torch.testing.assert_close(amc.load(run).state_dict(), state, rtol=0, atol=0)
    others = {name: value + 1 for name, value in state.items()}
    write_state_dict(run / "compact.safetensors", others)
    torch.testing.assert_close(amc.load(run).state_dict(), others, rtol=0, atol=0)
    write_state_dict(run / "compact.safetensors", load_network("digits_resnet").model.state_dict())
    assert "do not fit the network; of another shape: stem.0.weight" in refused(run)


@settings(max_examples=30)
@given(st.data())
def test_any_bit_of_the_weights_that_flips_is_noticed(
    folder: Path, tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    run = changed(folder, tmp_path_factory.mktemp("flipped"), lambda _: None)
    content = bytearray((run / "compact.safetensors").read_bytes())
    header = 8 + int.from_bytes(content[:8], "little")
    content[data.draw(st.integers(header, len(content) - 1))] ^= 1 << data.draw(st.integers(0, 7))
    (run / "compact.safetensors").write_bytes(content)
    error = refused(run)
    assert error.startswith(
        f"the weights in {run / 'compact.safetensors'} are not those that policy.json beside it was"
    )
    assert f"expected the digest {content_of(run)['weights_digest']}, got " in error
    assert error.endswith(
        "; copy both from where they are whole; weights that you trained on are read by amc.load(RUN, weights=FILE)"
    )


def test_the_same_tensors_in_another_file_are_the_same_weights(folder: Path, tmp_path: Path) -> None:
    run = changed(folder, tmp_path, lambda _: None)
    before = (run / "compact.safetensors").read_bytes()
    state = safetensors.torch.load(before)
    safetensors.torch.save_file(dict(reversed(state.items())), run / "compact.safetensors", {"written by": "another"})
    assert (run / "compact.safetensors").read_bytes() != before
    torch.testing.assert_close(amc.load(run).state_dict(), state, rtol=0, atol=0)


@pytest.mark.parametrize("place", ["compact.safetensors", "policy.json"])
@pytest.mark.parametrize("stage", ["first result", "later result"])
def test_what_ends_the_process_between_the_two_files_leaves_no_pair_that_loads_wrong(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, place: str, stage: str
) -> None:
    """Of the later result only the weights differ, so that they would fit the former policy."""
    policy, network = read_policy(folder / "policy.json"), amc.load(folder)
    if stage == "later result":
        save_compact(tmp_path, policy, network)
    later = copy.deepcopy(network)
    with torch.no_grad():
        later.get_parameter("stem.0.weight").add_(1)
    moved = os.replace

    def killed(source: Path, target: Path) -> None:
        if target == tmp_path / place:
            raise SystemExit
        moved(source, target)

    with monkeypatch.context() as patch:
        patch.setattr("os.replace", killed)
        with pytest.raises(SystemExit):
            save_compact(tmp_path, policy, later)
    if stage == "first result":
        assert refused(tmp_path) == f"no policy.json in {tmp_path}; give the folder of a finished run"
    elif place == "compact.safetensors":  # nothing has changed
        torch.testing.assert_close(amc.load(tmp_path).state_dict(), network.state_dict(), rtol=0, atol=0)
    else:
        assert "are not those that policy.json beside it was written with" in refused(tmp_path)
    save_compact(tmp_path, policy, later)
    torch.testing.assert_close(amc.load(tmp_path).state_dict(), later.state_dict(), rtol=0, atol=0)
    assert sorted(each.name for each in tmp_path.iterdir()) == ["compact.safetensors", "policy.json"]


def test_a_full_disk_leaves_the_former_result_whole(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = changed(folder, tmp_path, lambda _: None)
    before = {path.name: path.read_bytes() for path in run.iterdir()}
    network = amc.load(folder)
    with torch.no_grad():
        network.get_parameter("stem.0.weight").add_(1)

    def full(*_: object, **__: object) -> int:
        raise OSError(errno.ENOSPC, "No space left on device")

    for method in ("write_text", "write_bytes"):
        with monkeypatch.context() as patch:
            patch.setattr(Path, method, full)
            with pytest.raises(UserError, match="No space left on device"):
                save_compact(run, read_policy(run / "policy.json"), network)
        assert {path.name: path.read_bytes() for path in run.iterdir()} == before


def test_weights_of_ones_own_training_are_loaded_by_their_file(folder: Path, tmp_path: Path) -> None:
    state = {name: value + 1 for name, value in amc.load(folder).state_dict().items()}
    wrapped = {f"module.{name}": value for name, value in state.items()}
    torch.save({"state_dict": wrapped | {"ema_decay": torch.ones(1)}}, tmp_path / "own.pt")
    write_state_dict(tmp_path / "own.safetensors", state)
    with pytest.warns(UserWarning, match="left out what the network does not have: ema_decay"):
        read = amc.load(folder, weights=tmp_path / "own.pt")
    for network in (read, amc.load(folder, weights=str(tmp_path / "own.safetensors"))):
        assert not network.training
        torch.testing.assert_close(network.state_dict(), state, rtol=0, atol=0)


def test_own_weights_may_be_a_state_dict(folder: Path) -> None:
    state = {name: value + 1 for name, value in amc.load(folder).state_dict().items()}
    torch.testing.assert_close(amc.load(folder, weights=state).state_dict(), state, rtol=0, atol=0)
    with pytest.raises(UserError, match=r"the weights in the state dict do not fit the network; missing: stem"):
        amc.load(folder, weights={})


def test_what_is_no_folder_of_a_run_is_one_line(folder: Path) -> None:
    wrong: Any = read_policy(folder / "policy.json")
    with pytest.raises(UserError, match="expected the folder of a run, got Policy; a result has its compact network"):
        amc.load(wrong)
    with pytest.raises(UserError, match="expected weights as a file or a state dict, got Policy"):
        amc.load(folder, weights=wrong)
    assert refused(folder / "policy.json").endswith("policy.json is a file")


def test_own_weights_that_do_not_fit_are_refused(folder: Path, tmp_path: Path) -> None:
    state = amc.load(folder).state_dict()
    for name, value, fault in (
        ("stem.0.weight", torch.zeros(3), "of another shape: stem.0.weight"),
        ("stem.0.weight", None, "missing: stem.0.weight"),
    ):
        write_state_dict(
            tmp_path / "own.safetensors", {k: v for k, v in {**state, name: value}.items() if v is not None}
        )
        with pytest.raises(
            UserError, match=f"the weights in .*own.safetensors do not fit the network; {fault}"
        ) as caught:
            amc.load(folder, weights=tmp_path / "own.safetensors")
        assert "\n" not in str(caught.value)
    with pytest.raises(UserError, match="expected a weights file at"):
        amc.load(folder, weights=tmp_path / "none.pt")


def test_a_file_that_took_the_place_of_a_runs_weights_is_pointed_to_its_own_way(folder: Path, tmp_path: Path) -> None:
    run = changed(folder, tmp_path, lambda _: None)
    torch.save(amc.load(folder).state_dict(), run / "compact.safetensors")
    assert re.search(r"got a file of torch.save\); copy both .* read by amc.load\(RUN, weights=FILE\)", refused(run))
