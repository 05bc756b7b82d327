import pytest

from amc.utils.option_names import option, options_as_flags


def test_python_names_arguments_and_commands_name_flags() -> None:
    assert [option("image_size"), option("class_order", "number")] == ["image_size", "class_order='number'"]
    with options_as_flags(), options_as_flags():
        assert [option("image_size"), option("class_order", "number")] == ["--image-size", "--class-order number"]
    assert option("mean") == "mean"


def test_a_command_that_fails_leaves_python_as_it_was() -> None:
    with pytest.raises(ValueError, match="--mean"), options_as_flags():
        raise ValueError(option("mean"))
    assert option("mean") == "mean"
