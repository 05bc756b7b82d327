from amc.utils.text import did_you_mean, one_line, shortened


def test_an_error_is_one_line_with_its_type() -> None:
    assert one_line(ValueError("first\n  second")) == "ValueError: first second"
    assert one_line(KeyboardInterrupt()) == "KeyboardInterrupt"


def test_long_lists_are_counted() -> None:
    assert shortened(["a", "b"], limit=2) == "a, b"
    assert shortened(["a", "b", "c", "d"], limit=2) == "a, b and 2 more"


def test_near_names_are_suggested_else_all_are_listed() -> None:
    assert did_you_mean("resnet65", ["digits", "resnet56"]) == "did you mean resnet56?"
    assert did_you_mean("vgg", ["resnet56", "digits"]) == "there are digits, resnet56"
    assert did_you_mean("vgg", []) == "there is none"
