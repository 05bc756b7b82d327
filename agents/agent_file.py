"""The trained agent as a file.

`agent.zip` is Stable-Baselines3's own format, so that `stable_baselines3.DDPG.load` opens it, with one more member:
`amc.json`, which says what the agent's observation means.
"""

from __future__ import annotations

import io
import json
import zipfile
from pathlib import Path

from stable_baselines3 import DDPG

from agents.ddpg import EpisodicDDPG
from amc.files import write_bytes

DESCRIPTION = "amc.json"


def save_agent(path: Path, agent: EpisodicDDPG) -> None:
    """Write the agent's networks, whole or not at all.

    Nothing but Stable-Baselines3's own classes goes into the file.

    Raises:
        UserError: the file can't be written.
    """
    env = agent.pruning_env
    plain = DDPG("MlpPolicy", env, buffer_size=1, policy_kwargs={"net_arch": list(agent.settings.hidden)})
    plain.policy.load_state_dict(agent.policy.state_dict())
    archive = io.BytesIO()
    plain.save(archive)
    with zipfile.ZipFile(archive, "a") as file:
        description = {
            "schema": 1,
            "observation": env.observation_name,
            "version": env.observation.version,
            "features": list(env.observation.names),
            "hidden": list(agent.settings.hidden),
        }
        file.writestr(DESCRIPTION, json.dumps(description, indent=2))
    write_bytes(path, archive.getvalue())
