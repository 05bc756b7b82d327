"""The file of a trained agent, and the reading of its weights from one.

`agent.zip` is Stable-Baselines3's own format, so that `stable_baselines3.DDPG.load` opens it, with one more member:
`amc.json`, which says what the agent's observation means. Stable-Baselines3 unpickles parts of such a file; here only
the tensors of `policy.pth` and the JSON are read, and nothing is executed.
"""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import msgspec
import numpy as np
import torch
from gymnasium import spaces
from stable_baselines3.td3.policies import TD3Policy
from torch import Tensor

from agents.ddpg.episodic_ddpg import EpisodicDDPG
from amc.artifacts.checked_json import Count, check_schema, checked, parse_object
from amc.networks.torch_file import read_torch
from amc.utils.errors import UserError
from amc.utils.files import write_bytes
from amc.utils.text import did_you_mean, one_line, shortened
from envs import PruningProblem
from envs.observations import OBSERVATIONS

DESCRIPTION, WEIGHTS = "amc.json", "policy.pth"
SCHEMA = 1
MOST_BYTES = {DESCRIPTION: 2**20, WEIGHTS: 2**28}
"""The largest size of each member of an agent file, unpacked: far more than an agent needs, less than a machine has."""
LARGEST_LAYER = 4096


@dataclass(frozen=True, eq=False)
class AgentFile:
    """A trained agent as its file holds it.

    Attributes:
        path: The file that it was read from.
        observation: The name of the observation set that it was trained on; a user's own has to be given again.
        version: The version of that set.
        features: The names of the set's features, in order.
        hidden: The sizes of the hidden layers.
        weights: The weights of actor, critic and their targets, by their names in Stable-Baselines3's policy.
    """

    path: Path
    observation: str
    version: int
    features: tuple[str, ...]
    hidden: tuple[int, ...]
    weights: Mapping[str, Tensor]

    def check_fits(self, problem: PruningProblem) -> None:
        """Raise a UserError where the agent was trained on other features than `problem` has."""
        have, needs = problem.observation.names, self.features
        if have == needs:
            self.check_version(problem.observation.version)
            return
        lacking, more = [n for n in needs if n not in have], [n for n in have if n not in needs]
        words = "; ".join(
            f"{title}: {shortened(names)}"
            for title, names in (("missing here", lacking), ("unknown to it", more))
            if names
        )
        raise UserError(
            f"the agent in {self.path} needs other features ({words or 'in another order'}); train a new one"
        )

    def check_version(self, own: int) -> None:
        """Raise a UserError where the agent was trained on another version of its observation set than `own`."""
        if self.version != own:
            raise UserError(
                f"the agent in {self.path} needs version {self.version} of observation set {self.observation}, this"
                f" release has version {own}; train a new agent, or use the release that it was trained with"
            )


@dataclass(frozen=True)
class _Description:
    """The description of an agent in its file: its observation set and that set's version, and its hidden layers."""

    observation: str
    version: Count
    features: tuple[str, ...]
    hidden: tuple[Annotated[int, msgspec.Meta(ge=1, le=LARGEST_LAYER)], ...]


def save_agent(path: Path, agent: EpisodicDDPG) -> None:
    """Write the agent, whole or not at all.

    Raises:
        UserError: The file can't be written.
    """
    problem = agent.problem
    archive = io.BytesIO()
    agent.save(archive)
    with zipfile.ZipFile(archive, "a") as file:
        description = _Description(
            observation=problem.observation_name,
            version=problem.observation.version,
            features=problem.observation.names,
            hidden=agent.settings.hidden,
        )
        file.writestr(DESCRIPTION, json.dumps({"schema": SCHEMA, **vars(description)}, indent=2))
    write_bytes(path, archive.getvalue())


def read_agent(path: Path) -> AgentFile:
    """Read an agent without unpickling or executing anything.

    Raises:
        UserError: No such file, a damaged one, one without our description, an observation set or version that this
            release does not have, or weights that are not those of such an agent.
    """
    description, weights = _members(path)
    source = f"{DESCRIPTION} in {path}"
    content = parse_object(description, source)
    check_schema(content, SCHEMA, source)
    found = checked(content, _Description, source)
    is_ours = found.observation in OBSERVATIONS
    if not is_ours and found.observation.isidentifier():  # the user's own have a file or a module in their names
        raise UserError(
            f"the agent in {path} needs observation set {found.observation!r}, which this release does not have;"
            f" {did_you_mean(found.observation, OBSERVATIONS)}"
        )
    tensors = _checked(weights, len(found.features), found.hidden, path)
    agent = AgentFile(path, found.observation, found.version, found.features, found.hidden, tensors)
    if is_ours:
        agent.check_version(OBSERVATIONS[found.observation].version)
    return agent


def _members(path: Path) -> tuple[bytes, bytes]:
    if not path.is_file():
        raise UserError(f"expected an agent file at {path}, there is none; check the path")
    try:
        with zipfile.ZipFile(path) as file:
            for name, most in MOST_BYTES.items():
                if name not in file.namelist():
                    raise UserError(f"{path} has no {name}; expected an agent.zip that a search of this tool left")
                if file.getinfo(name).file_size > most:
                    raise UserError(f"{path} is damaged: {name} is larger than {most:,} bytes")
            return file.read(DESCRIPTION), file.read(WEIGHTS)
    except UserError:
        raise
    except Exception as error:  # a damaged archive may raise anything
        raise UserError(f"{path} can't be read as an agent file: {one_line(error)}") from error


def _checked(content: bytes, features: int, hidden: tuple[int, ...], path: Path) -> dict[str, Tensor]:
    """The weights, if they are those of actor and critic with these sizes."""
    weights = read_torch(io.BytesIO(content), f"{WEIGHTS} in {path}")
    space = spaces.Box(0.0, 1.0, (features,), np.float32)
    action = spaces.Box(-1.0, 1.0, (1,), np.float32)
    wanted = TD3Policy(space, action, lambda _: 1.0, net_arch=list(hidden), n_critics=1).state_dict()
    found = dict(weights) if isinstance(weights, Mapping) else {}
    fits = found.keys() == wanted.keys() and all(
        isinstance(each, Tensor) and each.shape == wanted[name].shape and bool(torch.isfinite(each).all())
        for name, each in found.items()
    )
    if not fits:
        raise UserError(
            f"{path} is damaged: its weights are not finite numbers of an agent with {features} features and hidden"
            f" layers {list(hidden)}"
        )
    return found
