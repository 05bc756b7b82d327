import pytest

from amc.utils.errors import UserError
from scripts.command.search_checks import stage_budgets
from scripts.options.search_options import SearchOptions
from scripts.options.stage_options import StageOptions


def search(*budget: str, reward: str = "error", metric: str = "top1") -> SearchOptions:
    return SearchOptions(budget=(budget,) if budget else (), reward=reward, metric=metric)


@pytest.mark.parametrize(
    ("stages", "budget", "expected"),
    [
        (None, (), (("macs=0.25",),)),
        (None, ("params=0.4", "macs=60M"), (("params=0.4", "macs=60M"),)),
        ("0.7,0.5,0.35", (), (("macs=0.7",), ("macs=0.5",), ("macs=0.35",))),
        ("0.7,0.5,0.35", ("macs=0.35",), (("macs=0.7",), ("macs=0.5",), ("macs=0.35",))),
        ("0.7,0.5", ("macs=0.35",), (("macs=0.7",), ("macs=0.5",), ("macs=0.35",))),
        ("0.7", ("params=0.5", "macs=0.4"), (("params=0.7",), ("params=0.5", "macs=0.4"))),
        ("0.5", (), (("macs=0.5",),)),
    ],
)
def test_budgets_of_the_stages(
    stages: str | None, budget: tuple[str, ...], expected: tuple[tuple[str, ...], ...]
) -> None:
    assert stage_budgets(StageOptions(stages), search(*budget)) == expected


@pytest.mark.parametrize(
    ("options", "given", "message"),
    [
        (StageOptions("0.7;0.5"), search(), "shares with commas between them, such as 0.7,0.5, got '0.7;0.5'"),
        (StageOptions("0.5,0.7"), search(), "descend from below 1 to the budget, got 0.5,0.7"),
        (StageOptions("1,0.7"), search(), "descend from below 1 to the budget, got 1,0.7"),
        (StageOptions("0.7,0.5"), search("macs=0.6"), "descend from below 1 to the budget, got 0.7,0.5"),
        (StageOptions("0.7,0"), search(), "expected --stages above 0, got 0.7,0"),
        (StageOptions("0.7,nan"), search(), "expected --stages above 0, got 0.7,nan"),
        (StageOptions("0.7"), search("macs=60M"), "so --budget must be one too, got macs=60M"),
        (StageOptions("0.7"), search("macs"), "so --budget must be one too, got macs"),
        (StageOptions("0.7"), search(reward="error_log_macs"), "which --reward error_log_macs does not have"),
        (StageOptions(tune_steps=5), search(), "trains between stages; give --stages too"),
        (StageOptions("0.7,0.5", -1), search(), "expected --tune-steps of 0 or more, got -1"),
        (StageOptions("0.7,0.5", 5), search(metric="own.py:score"), "leave it out with another metric"),
    ],
)
def test_what_does_not_lead_to_a_budget(options: StageOptions, given: SearchOptions, message: str) -> None:
    with pytest.raises(UserError) as refused:
        stage_budgets(options, given)
    assert message in str(refused.value)
