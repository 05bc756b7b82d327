from hypothesis import given
from hypothesis import strategies as st

from agents.episode import Episode
from agents.report.episode_selection import episode_of_policy, pareto_frontier
from tests.made_up_runs import episode, some_episodes

outcomes = st.lists(st.tuples(st.integers(1, 6), st.integers(0, 6)), max_size=12)


@given(outcomes, st.sampled_from(["macs", "params"]))
def test_the_frontier_is_what_no_other_episode_beats(pairs: list[tuple[int, int]], kind: str) -> None:
    episodes = [episode(index, macs, accuracy / 6) for index, (macs, accuracy) in enumerate(pairs)]

    def beats(one: Episode, other: Episode) -> bool:
        ours, theirs = ((getattr(each.outcome, kind), -each.outcome.accuracy) for each in (one, other))
        no_worse = ours[0] <= theirs[0] and ours[1] <= theirs[1]
        return no_worse and (ours != theirs or one.index < other.index)

    expected = [each for each in episodes if not any(beats(other, each) for other in episodes)]
    expected.sort(key=lambda each: each.outcome.macs)
    assert pareto_frontier(episodes, kind) == expected


def test_a_policy_is_found_among_the_episodes() -> None:
    episodes = some_episodes()
    assert episode_of_policy(episodes, [2, 2]) is episodes[1]
    assert episode_of_policy(episodes, [1, 1]) is None
    assert episode_of_policy(episodes, ()) is None
