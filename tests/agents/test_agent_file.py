import json
import zipfile
from pathlib import Path

import numpy as np
import pytest
import torch
from stable_baselines3 import DDPG

from agents.agent_file import DESCRIPTION, save_agent
from agents.ddpg import EpisodicDDPG
from agents.settings import DDPGSettings
from amc.budget import Budgets
from amc.errors import UserError
from envs import ChannelPruningEnv
from tests.problems import chain


def trained() -> EpisodicDDPG:
    graph = chain((16, 24, 16), residual=False, round_to=None, max_sparsity=0.8)
    env = ChannelPruningEnv(Budgets(graph, ["macs=0.5"]), lambda keeps: float(keeps.sum() / 56), np.full((3, 2), 0.5))
    agent = EpisodicDDPG(env, DDPGSettings(hidden=(24, 16)), 1, 0, lambda _: None)
    agent.learn(total_timesteps=12)
    return agent


def test_stable_baselines_opens_it_and_acts_alike(tmp_path: Path) -> None:
    agent = trained()
    save_agent(tmp_path / "agent.zip", agent)
    loaded = DDPG.load(tmp_path / "agent.zip", device="cpu")
    observations = np.random.default_rng(0).random((9, len(agent.pruning_env.observation.names))).astype(np.float32)
    np.testing.assert_array_equal(
        loaded.predict(observations, deterministic=True)[0], agent.predict(observations, deterministic=True)[0]
    )
    saved, ours = loaded.critic.state_dict(), agent.critic.state_dict()
    assert all(torch.equal(saved[name], ours[name]) for name in ours)
    assert [path.name for path in tmp_path.iterdir()] == ["agent.zip"]


def test_it_says_what_the_observation_means_and_needs_none_of_our_classes(tmp_path: Path) -> None:
    agent = trained()
    save_agent(tmp_path / "agent.zip", agent)
    with zipfile.ZipFile(tmp_path / "agent.zip") as file:
        description = json.loads(file.read(DESCRIPTION))
        data = file.read("data").decode()
    assert description["observation"] == "scale_free"
    assert description["features"] == list(agent.pruning_env.observation.names)
    assert description["hidden"] == [24, 16]
    assert "EpisodicDDPG" not in data
    assert "EpisodeReplay" not in data


def test_a_path_that_cannot_be_written_is_a_users_mistake(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("not a folder")
    with pytest.raises(UserError):
        save_agent(tmp_path / "file" / "agent.zip", trained())
