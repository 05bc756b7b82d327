"""The options of `apply RUN`: those of the run, with what was given in their place, and the run's agent."""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from pathlib import Path
from typing import Any, TypeVar

from agents.checkpoint import latest_checkpoint
from agents.recorded_arguments import read_description
from agents.report.command_lines import resume_command
from amc.artifacts.front_file import FRONT_FILE, FRONT_FOLDER
from amc.artifacts.lasting_options import lasting_value
from amc.artifacts.policy import POLICY_FILE, read_policy
from amc.artifacts.run_folder import AGENT_FILE, can_go_on
from amc.utils.errors import UserError
from amc.utils.program import command_words
from scripts.command.cli import parse
from scripts.command.finished_run import check_findable, check_given
from scripts.options import train_arguments
from scripts.options.apply_arguments import Arguments
from scripts.options.cli_arguments import flat_options, given_options, replace_options, to_argv
from scripts.options.option_fields import Option, options_of_class

NOT_TAKEN = (
    *("from_run", "agent", "policy", "episodes"),
    *("run_dir", "resume", "workers", "engine", "checkpoint_every", "quiet"),
)
"""Options that say how one run goes, not what it does; they are as they are given."""

T = TypeVar("T")


def take_over(arguments: Arguments) -> Arguments:
    """The arguments with all that the run in `from_run` recorded, wherever nothing was given, and with its agent.

    Raises:
        FunctionsNotGivenError: A user's function that the run names and that is not given anew.
        UserError: No such run, a damaged one, or one that has no agent.
    """
    run, given = arguments.from_run, given_options(arguments)
    assert run is not None, "checked"
    record = read_description(run)
    recorded = record.get("arguments")
    if not isinstance(recorded, dict):
        raise UserError(f"{run} does not tell its options; give --agent or --policy, and --model and --data")
    if recorded.get("run_dir"):
        raise UserError(f"{run} holds a fine-tuned network, which has no agent; give {recorded['run_dir']}, its run")
    taken = {name: value for name, value in recorded.items() if name not in NOT_TAKEN}
    finds_budget = recorded.get("max_drop") is not None or (run / FRONT_FILE).is_file()
    if finds_budget and (run / POLICY_FILE).is_file():
        taken["budget"] = list(read_policy(run / POLICY_FILE).budget)
        taken.pop("points", None)
    if "model" in given and lasting_value("model", given["model"]) != lasting_value("model", taken.get("model")):
        taken.pop("weights", None)
    if "model" not in given:
        check_findable(str(taken.get("model")))
    if "data" not in given and not taken.get("data"):
        raise UserError("the images of this run came from Python, and no name finds them; give --data")
    if not (run / AGENT_FILE).is_file():
        raise UserError(f"{run} has no {AGENT_FILE}; {_remedy(run, record, taken, given)}")
    filled = _filled(Arguments, taken, given, run)
    check_given(flat_options(filled), given)
    return replace_options(filled, {"from_run": None, "agent": run / AGENT_FILE})


def _remedy(run: Path, record: Mapping[str, Any], taken: Mapping[str, Any], given: Mapping[str, Any]) -> str:
    """What to do where a run has no agent: end it, give the run that it is a point of, or search."""
    if can_go_on(run):
        program = latest_checkpoint(run)[0].run["program"]
        return f"its search has not ended; go on with: {resume_command(program, run, record['arguments'])}"
    point = run.resolve()
    whole = point.parent.parent
    if point.parent.name == FRONT_FOLDER and all((whole / name).is_file() for name in (FRONT_FILE, AGENT_FILE)):
        return f"it is a point of a range of budgets; give {whole}, whose agent decides for any budget"
    recorded = record["arguments"]
    if "strategy" in recorded:  # which a search has, with the number of its episodes
        taken = {**taken, "episodes": recorded.get("episodes")}
    search = _filled(train_arguments.Arguments, taken, given, run)
    return f"its policies were found without one; search with: {search_command(search)}"


def search_command(arguments: train_arguments.Arguments) -> str:
    """The command of the search with these arguments, ready to be pasted."""
    return shlex.join((*command_words("train"), *to_argv(arguments)))


def _filled(options: type[T], taken: Mapping[str, Any], given: Mapping[str, Any], run: Path) -> T:
    """The options that a run recorded as JSON, which are read as from a command line, with those given in their place.

    Raises:
        UserError: The run recorded values that the options do not take.
    """
    known = {each.name: each for each in options_of_class(options)}
    valued = {name: value for name, value in taken.items() if name in known and value is not None}
    try:
        values = {name: _value(known[name], value) for name, value in valued.items()}
        recorded = parse(options, to_argv(replace_options(options(), values)))
    except (UserError, TypeError) as error:
        raise UserError(f"the options that {run} recorded are damaged: {error}") from error
    return replace_options(recorded, given)


def _value(option: Option, recorded: Any) -> Any:
    """A value of an option from JSON, which has lists for tuples and text for paths."""
    if option.appended:
        return tuple((each,) if isinstance(each, str) else tuple(each) for each in recorded)
    if isinstance(recorded, list):
        return tuple(recorded)
    return Path(recorded) if option.kind is Path else recorded
