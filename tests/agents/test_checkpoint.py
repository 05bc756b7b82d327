from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from safetensors import safe_open

import amc.utils.files
from agents.checkpoint import Checkpoint, latest_checkpoint, save_checkpoint
from agents.episode import Episode, Past
from amc.utils.errors import UserError
from envs.rewards import Outcome


def checkpoint(episodes: int) -> Checkpoint:
    found = tuple(Episode(i, np.array([i + 1, 2]), -1.0 / (i + 1), Outcome(0.5, 7, 8, 1.0)) for i in range(episodes))
    state = {"policy.weight": torch.arange(6.0).view(2, 3) + episodes, "step": torch.tensor(episodes)}
    return Checkpoint({"groups": [{"name": "a"}, {"name": "b"}], "words": ["--seed", "1"]}, Past(found, state))


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in (folder / "checkpoint").iterdir())


@pytest.mark.parametrize("episodes", [0, 1, 5])
def test_it_comes_back_as_it_was(tmp_path: Path, episodes: int) -> None:
    saved = checkpoint(episodes)
    save_checkpoint(tmp_path, saved)
    found, faults = latest_checkpoint(tmp_path)
    assert faults == ()
    assert found.run == saved.run
    assert [each.kept_counts.tolist() for each in found.past.episodes] == [
        each.kept_counts.tolist() for each in saved.past.episodes
    ]
    assert [each.reward for each in found.past.episodes] == [each.reward for each in saved.past.episodes]
    assert found.past.state.keys() == saved.past.state.keys()
    assert all(torch.equal(found.past.state[name], tensor) for name, tensor in saved.past.state.items())


def test_other_tools_open_it(tmp_path: Path) -> None:
    path = save_checkpoint(tmp_path, checkpoint(2))
    with safe_open(path, "pt") as file:
        assert file.get_tensor("episodes.reward").tolist() == [-1.0, -0.5]


def test_the_newest_two_stay(tmp_path: Path) -> None:
    for episodes in range(5):
        save_checkpoint(tmp_path, checkpoint(episodes))
        kept = [int(name.split("-")[1]) for name in names(tmp_path)]
        assert kept == list(range(max(0, episodes - 1), episodes + 1))


def test_what_a_killed_run_left_half_written_is_removed(tmp_path: Path) -> None:
    save_checkpoint(tmp_path, checkpoint(1))
    (tmp_path / "checkpoint" / f".episode-000002-0123.{'0' * 32}.safetensors").write_bytes(b"half")
    (tmp_path / "checkpoint" / "agent.zip").write_bytes(b"what the run started from")
    save_checkpoint(tmp_path, checkpoint(2))
    assert [name.split("-")[0] for name in names(tmp_path)] == ["agent.zip", "episode", "episode"]


def test_a_write_that_fails_leaves_the_previous_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    save_checkpoint(tmp_path, checkpoint(1))

    def full(_: Path) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(amc.utils.files, "_sync", full)
    with pytest.raises(UserError, match="No space left on device"):
        save_checkpoint(tmp_path, checkpoint(2))
    assert len(latest_checkpoint(tmp_path)[0].past.episodes) == 1
    assert len(names(tmp_path)) == 1


CONTENT_BYTES = 800
"""Less than the size of the checkpoints below."""


@given(place=st.integers(0, CONTENT_BYTES * 8 - 1))
def test_a_flipped_bit_is_recognised_and_the_previous_one_used(
    tmp_path_factory: pytest.TempPathFactory, place: int
) -> None:
    folder = tmp_path_factory.mktemp("run")
    save_checkpoint(folder, checkpoint(1))
    newest = save_checkpoint(folder, checkpoint(2))
    content = bytearray(newest.read_bytes())
    assert len(content) > CONTENT_BYTES
    content[place // 8] ^= 1 << place % 8
    newest.write_bytes(content)
    found, faults = latest_checkpoint(folder)
    assert len(found.past.episodes) == 1
    assert faults == (f"{newest} is damaged: its content is not what was written",)


@given(length=st.integers(0, CONTENT_BYTES))
def test_a_truncated_one_is_recognised_and_the_previous_one_used(
    tmp_path_factory: pytest.TempPathFactory, length: int
) -> None:
    folder = tmp_path_factory.mktemp("run")
    save_checkpoint(folder, checkpoint(1))
    newest = save_checkpoint(folder, checkpoint(2))
    newest.write_bytes(newest.read_bytes()[:length])
    found, faults = latest_checkpoint(folder)
    assert len(found.past.episodes) == 1
    assert faults == (f"{newest} is damaged: its content is not what was written",)


def test_all_damaged_is_a_users_mistake_that_names_them(tmp_path: Path) -> None:
    paths = [save_checkpoint(tmp_path, checkpoint(episodes)) for episodes in (1, 2)]
    for path in paths:
        path.write_bytes(b"nothing")
    with pytest.raises(UserError, match="no other is there") as error:
        latest_checkpoint(tmp_path)
    assert all(str(path) in str(error.value) for path in paths)


def test_none_at_all_is_a_users_mistake(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"no checkpoint in .*; give the folder of a run that was begun"):
        latest_checkpoint(tmp_path)
    with pytest.raises(UserError, match=r"expected the folder of a run at .*nowhere, there is none; check the path"):
        latest_checkpoint(tmp_path / "nowhere")
