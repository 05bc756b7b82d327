import pytest

from amc.scoring import number_format


def test_percent() -> None:
    assert [number_format.percent(share) for share in (0, 0.12345, 1)] == ["0.00 %", "12.35 %", "100.00 %"]
    assert number_format.percent(0.75, digits=0) == "75 %"


def test_a_metric_is_called_by_words_or_as_the_users_function() -> None:
    names = [number_format.metric_name(metric) for metric in ("top1", "top5", "own.py:agreement")]
    assert names == ["accuracy", "top-5 accuracy", "agreement"]


def test_accuracies_are_percentages() -> None:
    assert [number_format.score(metric, 0.5) for metric in ("top1", "top5")] == ["50.00 %", "50.00 %"]
    assert number_format.score_difference("top1", -0.0123) == "-1.23 points"
    assert number_format.score_name("top5") == "accuracy"


@pytest.mark.parametrize(
    ("value", "text"),
    [(12.3, "12.3000"), (0.43, "0.4300"), (-0.5, "-0.5000"), (0, "0.0000"), (1.234e-05, "1.234e-05"), (-2e9, "-2e+09")],
)
def test_a_users_metric_is_a_plain_number(value: float, text: str) -> None:
    assert number_format.score("own.py:loss", value) == text
    assert number_format.score_name("own.py:loss") == "metric"
    assert float(number_format.score_difference("own.py:loss", abs(value))) == pytest.approx(abs(value), rel=1e-3)
    assert number_format.score_difference("own.py:loss", 1.0) == "+1.0000"
