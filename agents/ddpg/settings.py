"""Settings of the DDPG agent: the paper's, and ours."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class DDPGSettings:
    """Hyperparameters; the defaults are the paper's (He et al. 2018, section 4.1, and the released code).

    Attributes:
        hidden: Sizes of the hidden layers of actor and critic.
        actor_rate: Learning rate of the actor (Adam).
        critic_rate: Learning rate of the critic (Adam).
        gamma: Discount.
        tau: Share of the new weights in the target networks per update.
        batch_size: Transitions per update.
        replay_size: Transitions kept.
        sigma: Deviation of the exploration noise; of sparsities step by step, of log shares for whole policies.
        sigma_decay: Factor of sigma per episode after the warm-up.
        sigma_least: Sigma never falls below it.
        baseline_decay: Of the moving average of rewards that is subtracted from them.
        updates_per_step: Updates after an episode, per step of it.
        whole_policies: Explore by varying whole policies (else step by step around the actor's output).
        best_share: With whole policies: the share of episodes that vary the best policy so far (else the actor's).
        free_groups: With whole policies: so many groups are varied at the least, while the first ones stay as in the
            best policy so far; None: all are varied.
        kept_episodes: How many episodes in a row leave the same groups.
        candidates: With whole policies: variations per episode, of which the one that the critic values most is scored.
        monte_carlo: The critic learns the episode's reward itself (else a bootstrapped target).
        standardised: Rewards less the baseline are divided by the deviation of the rewards in the replay.
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
"""Settings by name."""
