"""The settings of the DDPG agent: the paper's, and ours."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class DDPGSettings:
    """Hyperparameters; the defaults are the paper's (He et al. 2018, section 4.1, and the released code).

    Attributes:
        hidden: The sizes of the hidden layers of actor and critic.
        actor_rate: The learning rate of the actor (Adam).
        critic_rate: The learning rate of the critic (Adam).
        gamma: The discount of later values.
        tau: The share of the new weights in the target networks per update.
        batch_size: The number of transitions per update.
        replay_size: The number of transitions that the replay holds.
        sigma: The deviation of the exploration noise, which is added to sparsities step by step.
        sigma_decay: The factor of sigma per episode after the warm-up.
        baseline_decay: The decay of the moving average of rewards that is subtracted from them.
        updates_per_step: The number of updates after an episode, per step of it.
        surrogate: Whether rules' policies are scored first, and then those of which a model of all scores expects most
            (`agents.surrogate`), the actor's among them; else the actor's with noise.
        random_policies: The number of random policies that the model begins with.
        monte_carlo: Whether the critic learns the episode's reward itself, instead of a bootstrapped target.
        imitation: The weight in the actor's loss of the squared distance from the actions of episodes that were better
            than the critic expects of the actor's own (self-imitation, Oh et al. 2018).
        standardised: Whether rewards less the baseline are divided by the deviation of the rewards in the replay.
    """

    hidden: tuple[int, ...] = (300, 300)
    actor_rate: float = 1e-4
    critic_rate: float = 1e-3
    gamma: float = 1.0
    tau: float = 0.01
    batch_size: int = 64
    replay_size: int = 2000
    sigma: float = 0.5
    sigma_decay: float = 0.95
    baseline_decay: float = 0.95
    updates_per_step: int = 1
    surrogate: bool = False
    random_policies: int = 0
    monte_carlo: bool = False
    imitation: float = 0.0
    standardised: bool = False


PRESETS: dict[str, DDPGSettings] = {
    "paper": DDPGSettings(),
    "tuned": DDPGSettings(
        replay_size=20_000,
        surrogate=True,
        random_policies=8,
        monte_carlo=True,
        imitation=10.0,
        standardised=True,
    ),
}
"""The settings by the name that `--settings` takes."""
