"""The choice of the closed form that is best on a network."""

import numpy as np
import pytest
from torch import nn

from amc.pruning.slicing import Selection
from amc.scoring.recovery_choice import choose_recovery
from amc.scoring.score import Answers, Score
from amc.utils.defaults import CLOSED_FORMS


@pytest.mark.parametrize("best", CLOSED_FORMS)
def test_the_closed_form_with_the_best_score_is_taken_and_each_is_made_once(best: str) -> None:
    networks = {name: nn.Identity() for name in CLOSED_FORMS}
    made: list[str] = []
    told: list[str] = []

    def make(name: str) -> tuple[nn.Module, Selection]:
        assert told[-1] == name
        made.append(name)
        return networks[name], Selection({}, {})

    def score(network: nn.Module) -> Score:
        return Score(0.2, accuracy=0.5 + 0.1 * (network is networks[best]))

    choice = choose_recovery(make, score, told.append)
    assert choice.recovery == best
    assert choice.network is networks[best]
    assert choice.score is choice.scores[best]
    assert {name: found.metric for name, found in choice.scores.items()} == {
        name: pytest.approx(0.6 if name == best else 0.5) for name in CLOSED_FORMS
    }
    assert made == list(CLOSED_FORMS)


def test_of_equally_good_ones_the_first_is_taken() -> None:
    choice = choose_recovery(
        lambda _: (nn.Identity(), Selection({}, {})),
        lambda _: Score(0.5),
    )
    assert choice.recovery == CLOSED_FORMS[0]


@pytest.mark.parametrize(
    ("more", "name"),
    [(0, "both"), (2, "both"), (40, "asymmetric")],
)
def test_networks_by_the_hundred_are_recovered_quickly_unless_the_other_form_is_surely_better(
    more: int, name: str
) -> None:
    """Of 1,000 images the quicker one answers 600 right, the other these and `more`."""

    def score(network: nn.Module) -> Score:
        right = np.arange(1000) < 600 + more * isinstance(network, nn.Identity)
        return Score(0.2, answers=Answers(right, (~right).astype(np.float32)), accuracy=right.mean())

    choice = choose_recovery(
        lambda name: (nn.Identity() if name == "asymmetric" else nn.ReLU(), Selection({}, {})), score
    )
    assert (choice.recovery, choice.for_many) == ("asymmetric", name)


def test_where_images_are_not_scored_one_by_one_the_larger_metric_decides() -> None:
    networks = {"asymmetric": Score(0.51), "both": Score(0.5)}
    choice = choose_recovery(
        lambda name: (nn.Sequential(nn.Identity()) if name == "both" else nn.Identity(), Selection({}, {})),
        lambda network: networks["both" if isinstance(network, nn.Sequential) else "asymmetric"],
    )
    assert choice.for_many == "asymmetric"
