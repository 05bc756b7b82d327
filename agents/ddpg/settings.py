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
        sigma: The deviation of the exploration noise, which is added to sparsities step by step, or to the logarithms
            of shares of whole policies.
        sigma_decay: The factor of sigma per episode after the warm-up.
        sigma_least: The value that sigma never falls below.
        baseline_decay: The decay of the moving average of rewards that is subtracted from them.
        updates_per_step: The number of updates after an episode, per step of it.
        whole_policies: Whether whole policies are varied, instead of the actor's output step by step.
        best_share: The share of episodes that vary the best policy so far, and not the actor's, of whole policies.
        free_groups: The least number of last groups that are varied in a whole policy, while the first ones stay as in
            the best policy so far; None to vary all.
        kept_episodes: The number of episodes in a row in which the same groups stay.
        candidates: The number of varied whole policies per episode, of which the one that the critic values most is
            scored.
        monte_carlo: Whether the critic learns the episode's reward itself, instead of a bootstrapped target.
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
    sigma_least: float = 0.0
    baseline_decay: float = 0.95
    updates_per_step: int = 1
    whole_policies: bool = False
    best_share: float = 0.0
    free_groups: int | None = None
    kept_episodes: int = 1
    candidates: int = 1
    monte_carlo: bool = False
    standardised: bool = False


PRESETS: dict[str, DDPGSettings] = {
    "paper": DDPGSettings(),
    "tuned": DDPGSettings(
        replay_size=20_000,
        sigma=0.4,
        sigma_decay=0.99,
        sigma_least=0.1,
        whole_policies=True,
        best_share=0.5,
        free_groups=6,
        kept_episodes=16,
        candidates=16,
        monte_carlo=True,
        standardised=True,
    ),
}
"""The settings by the name that `--settings` takes."""
