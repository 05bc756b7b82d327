import json
import pickletools
import subprocess
import sys
import zipfile
from base64 import b64decode
from pathlib import Path

import numpy as np
import pytest
import torch
from stable_baselines3 import DDPG

from agents.ddpg.agent_file import save_agent
from agents.ddpg.episodic_ddpg import EpisodicDDPG
from agents.ddpg.settings import PRESETS
from amc.analysis.analyse import analyse
from amc.cost.budget import Budgets
from amc.utils.errors import UserError
from envs import ChannelPruningEnv, PruningProblem
from tests.architectures import Plain


def trained(preset: str, observation: str) -> EpisodicDDPG:
    graph = analyse(Plain(), torch.zeros(1, 3, 8, 8))
    problem = PruningProblem(
        Budgets(graph, ["macs=0.5"]), lambda kept_counts: kept_counts.mean() / 20, observation=observation
    )
    agent = EpisodicDDPG(problem, PRESETS[preset], warmup=1, seed=0, on_episode=lambda _: None)
    agent.learn(total_timesteps=4 * agent.steps)
    return agent


@pytest.fixture(scope="module", params=[("tuned", "scale_free"), ("paper", "paper")], ids=lambda each: each[0])
def agent(request: pytest.FixtureRequest) -> EpisodicDDPG:
    return trained(*request.param)


@pytest.fixture
def path(agent: EpisodicDDPG, tmp_path: Path) -> Path:
    save_agent(tmp_path / "agent.zip", agent)
    return tmp_path / "agent.zip"


def observations(agent: EpisodicDDPG) -> np.ndarray:
    return np.random.default_rng(0).random((6, len(agent.problem.observation.names)), dtype=np.float32)


def test_stable_baselines_opens_it_and_acts_as_the_agent_did(agent: EpisodicDDPG, path: Path) -> None:
    loaded = DDPG.load(path, device="cpu")
    assert type(loaded) is DDPG
    seen = observations(agent)
    np.testing.assert_array_equal(
        loaded.predict(seen, deterministic=True)[0], agent.predict(seen, deterministic=True)[0]
    )
    assert not np.array_equal(loaded.predict(seen)[0], np.zeros_like(seen[:, :1]))
    for name, value in agent.policy.state_dict().items():
        assert torch.equal(loaded.policy.state_dict()[name], value), name


def test_stable_baselines_goes_on_learning_with_it(agent: EpisodicDDPG, path: Path) -> None:
    loaded = DDPG.load(path, env=ChannelPruningEnv(agent.problem), device="cpu")
    assert loaded.num_timesteps == agent.num_timesteps
    ours, theirs = (each.critic.optimizer.state_dict()["state"] for each in (agent, loaded))
    assert ours[0]["step"] == theirs[0]["step"] > 0
    before = loaded.critic.state_dict()["qf0.0.weight"].clone()
    loaded.learn(3 * agent.steps, reset_num_timesteps=False)
    assert not torch.equal(loaded.critic.state_dict()["qf0.0.weight"], before)


def test_no_class_of_ours_is_needed(tmp_path: Path) -> None:
    agent = trained("tuned", "scale_free")
    save_agent(tmp_path / "agent.zip", agent)
    np.save(tmp_path / "seen.npy", observations(agent))
    program = (
        "import sys, numpy as np\nfrom stable_baselines3 import DDPG\n"
        "agent = DDPG.load('agent.zip', device='cpu')\n"
        "ours = {'amc', 'envs', 'agents', 'scripts'} & {name.split('.')[0] for name in sys.modules}\n"
        "assert not ours, ours\n"
        "np.save('actions.npy', agent.predict(np.load('seen.npy'), deterministic=True)[0])\n"
    )
    done = subprocess.run(
        [sys.executable, "-I", "-c", program], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stderr) == (0, "")
    expected, _ = agent.predict(observations(agent), deterministic=True)
    np.testing.assert_allclose(np.load(tmp_path / "actions.npy"), expected, rtol=0, atol=1e-6)


def test_its_pickles_name_no_module_of_ours(path: Path) -> None:
    with zipfile.ZipFile(path) as file:
        data = json.loads(file.read("data"))
    entries = [value for value in data.values() if isinstance(value, dict)]
    pickles = [b64decode(entry[":serialized:"]) for entry in entries if ":serialized:" in entry]
    assert pickles
    names = {str(argument) for each in pickles for _, argument, _ in pickletools.genops(each) if argument is not None}
    assert not [name for name in names if name.split(".")[0] in ("amc", "envs", "agents", "scripts")]


def test_it_says_what_the_observation_means(agent: EpisodicDDPG, path: Path) -> None:
    with zipfile.ZipFile(path) as file:
        assert file.testzip() is None
        description = json.loads(file.read("amc.json"))
    problem = agent.problem
    assert description == {
        "schema": 1,
        "observation": problem.observation_name,
        "version": problem.observation.version,
        "features": list(problem.observation.names),
        "hidden": list(agent.settings.hidden),
    }
    assert problem.observation_name in ("scale_free", "paper")
    assert DDPG.load(path, device="cpu").observation_space.shape == (len(description["features"]),)


def test_it_is_small_and_alone(path: Path) -> None:
    assert [file.name for file in path.parent.iterdir()] == ["agent.zip"]
    assert path.stat().st_size < 4_000_000


def test_saving_leaves_the_agent_as_it_was(agent: EpisodicDDPG, tmp_path: Path) -> None:
    seen = observations(agent)
    before, steps = agent.predict(seen, deterministic=True)[0], agent.num_timesteps
    save_agent(tmp_path / "agent.zip", agent)
    np.testing.assert_array_equal(agent.predict(seen, deterministic=True)[0], before)
    assert agent.num_timesteps == steps


def test_a_path_that_cannot_be_written_is_a_users_mistake(agent: EpisodicDDPG, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("not a folder")
    with pytest.raises(UserError, match=r"cannot write .*agent.zip"):
        save_agent(tmp_path / "file" / "agent.zip", agent)
