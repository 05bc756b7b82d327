from dataclasses import dataclass, field
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from amc.utils.errors import UserError
from scripts import apply, train
from scripts.command.cli import parse
from scripts.options.cli_arguments import changed_options, flat_options, replace_options, to_argv
from scripts.options.network_and_images import ChannelOptions, DataOptions, ImageOptions, NetworkOptions
from scripts.options.search_options import SearchOptions

# what a shell hands over as one word: options begin with a hyphen
words = st.text(st.characters(codec="utf-8", categories=["L", "N", "P", "S", "Zs"]), min_size=1).filter(
    lambda each: not each.startswith("-")
)
paths = words.map(Path)
counts = st.none() | st.integers(1, 2**40)
numbers = st.floats(allow_nan=False, allow_infinity=False, min_value=0)
repeated = st.lists(st.lists(words, min_size=1, max_size=2).map(tuple), max_size=2).map(tuple)

arguments = st.builds(
    train.Arguments,
    network=st.builds(
        NetworkOptions,
        words,
        words,
        st.builds(ImageOptions, counts, st.none() | st.lists(numbers, min_size=1, max_size=3).map(tuple), st.none()),
    ),
    images=st.builds(DataOptions, words, counts, counts, counts, st.none() | words),
    search=st.builds(
        SearchOptions,
        budget=repeated,
        reward_images=counts,
        channels=st.builds(ChannelOptions, max_sparsity=numbers, freeze=repeated, only=repeated),
        seed=st.integers(0, 2**32),
        run_dir=st.none() | paths,
        quiet=st.booleans(),
    ),
    episodes=st.integers(1, 1000),
    strategy=words,
)


@given(arguments)
def test_the_words_are_read_as_the_arguments_that_they_were_made_from(wanted: train.Arguments) -> None:
    assert parse(train.Arguments, to_argv(wanted)) == wanted


def test_defaults_need_no_words() -> None:
    assert to_argv(train.Arguments()) == ()
    assert to_argv(apply.Arguments(agent=Path("agent.zip"), episodes=3)) == ("--agent", "agent.zip", "--episodes", "3")


def test_flat_has_every_option_as_json_holds_it() -> None:
    found = flat_options(train.Arguments(search=SearchOptions(run_dir=Path("runs/a")), episodes=7))
    assert found["model"] == "digits_resnet"
    assert found["run_dir"] == "runs/a"
    assert found["episodes"] == 7
    assert changed_options(train.Arguments(episodes=7)) == {"episodes": 7}


def test_replaced_reaches_nested_options() -> None:
    found = replace_options(train.Arguments(episodes=7), {"model": "resnet20", "quiet": True, "episodes": 8})
    assert (found.network.model, found.search.quiet, found.episodes) == ("resnet20", True, 8)
    assert found.images == DataOptions()


@dataclass(frozen=True)
class Switches:
    on: bool = True
    """A switch."""
    off: bool = False
    """A switch."""
    rest: tuple[int, ...] = field(default=())
    """Numbers."""


@pytest.mark.parametrize("switches", [Switches(), Switches(on=False), Switches(off=True, rest=(1, 2))])
def test_switches_are_turned_both_ways(switches: Switches) -> None:
    assert parse(Switches, to_argv(switches)) == switches


@pytest.mark.parametrize("words", ["--mean 0.5 0.25 1", "--mean 0.5,0.25,1", "--mean=0.5,0.25,1", "--mean 0.5,0.25 1"])
def test_numbers_are_given_with_commas_or_spaces(words: str) -> None:
    assert parse(train.Arguments, words.split()).network.preparation.mean == (0.5, 0.25, 1.0)


@pytest.mark.parametrize(
    ("word", "size"), [("64", 64), ("64x64", 64), ("64x48", (64, 48)), ("64X48", (64, 48)), ("-3", -3)]
)
def test_a_size_is_one_number_or_height_and_width(word: str, size: int | tuple[int, int]) -> None:
    arguments = parse(train.Arguments, ["--image-size", word])
    assert arguments.network.preparation.image_size == size
    assert parse(train.Arguments, to_argv(arguments)) == arguments


@pytest.mark.parametrize(
    ("words", "budget"),
    [
        ("--budget macs=0.5 params=0.3", (("macs=0.5", "params=0.3"),)),
        ("--budget macs=0.5 --budget params=0.3", (("macs=0.5",), ("params=0.3",))),
        ("--budget", ((),)),
        ("", ()),
    ],
)
def test_an_option_may_be_given_again(words: str, budget: tuple[tuple[str, ...], ...]) -> None:
    assert parse(train.Arguments, words.split()).search.budget == budget


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ("--image-size 64x48x3", "--image-size: expected pixels such as 64, or height x width such as 64x48, got"),
        ("--image-size big", "--image-size: expected pixels such as 64"),
        ("--mean half", "--mean: expected a number, got 'half'"),
        ("--episode 3", "there is no option --episode; did you mean --episodes?"),
        ("--episodes", "--episodes: expected one argument"),
        ("runs/first", "unexpected 'runs/first'"),
    ],
)
def test_what_can_not_be_read_is_told(words: str, message: str) -> None:
    with pytest.raises(UserError) as refused:
        parse(train.Arguments, words.split())
    assert str(refused.value).startswith(message)
    assert str(refused.value).endswith("--help-all lists all options")
