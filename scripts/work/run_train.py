"""The main command: it searches for a pruning policy."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from agents.ddpg.episodic_ddpg import kept_lessons
from agents.ddpg.lessons import read_lesson
from agents.ddpg.prior import Prior
from agents.ddpg.settings import PRESETS
from agents.episode import Past
from agents.search.front_goal import FrontGoal, find_front
from agents.search.starts import Start, find_start, policy_file
from agents.strategies import Ddpg, make_strategy
from agents.strategy import Strategy
from amc.utils.errors import UserError
from envs import PruningProblem
from scripts.command.earlier_run import search_command
from scripts.command.job import Job, run_job
from scripts.command.search_checks import check_search, find_goal, stage_budgets
from scripts.command.session import Session, open_search
from scripts.options.cli_arguments import replace_options
from scripts.options.network_and_images import join_repeated
from scripts.options.search_options import SearchOptions
from scripts.options.train_arguments import Arguments

START_FILE = "start.json"
"""The copy of the policy that a search begins from, beside its checkpoints."""


def run_train(arguments: Arguments) -> None:
    """Begin the search that the arguments describe, or resume it, and write its run folder.

    Raises:
        UserError: Arguments that do not fit each other or what they name.
    """
    arguments.check()
    make_strategy(arguments.strategy, arguments.settings)
    if arguments.with_ and arguments.strategy != "ddpg":
        raise UserError(f"--strategy {arguments.strategy} has no agent that learns from other runs; leave --with out")
    search = _at_one_budget(arguments)
    check_search(search, arguments.observation)
    find_goal(arguments.aim, search.reward)
    stage_budgets(arguments.staging, search)
    if arguments.start_from is not None and search.resume is None:
        find_start(arguments.start_from)
        if not make_strategy(arguments.strategy, arguments.settings).takes_start:
            raise UserError(f"--strategy {arguments.strategy} begins with policies of its own; leave --start-from out")
    with open_search("train", arguments) as session:
        run_job(_job(session))


def _job(session: Session[Arguments, Past]) -> Job:
    arguments = session.arguments
    search = _at_one_budget(arguments)
    goal = find_goal(arguments.aim, arguments.search.reward)
    start, inputs = _start(session)
    if session.begun_with not in (None, arguments.most_policies):
        _check_extensible(arguments)
    return Job(
        session=session,
        network=arguments.network,
        images=arguments.images,
        options=search,
        strategy=_strategy(session),
        strategy_name=session.name("strategy"),
        observation=arguments.observation,
        budgets=stage_budgets(arguments.staging, search) if goal is None else ((),),
        goal=goal,
        front=_front(arguments),
        tune_steps=arguments.staging.tune_steps,
        start=start,
        inputs=inputs,
    )


def _strategy(session: Session[Arguments, Past]) -> Callable[[PruningProblem], Strategy]:
    """Makes the strategy of each stage; what earlier runs scored is in the checkpoints, once the agent has learned."""
    arguments = session.arguments
    runs, at_once = join_repeated(arguments.with_), arguments.search.episodes_at_once
    if not runs:
        return lambda _: make_strategy(arguments.strategy, arguments.settings, at_once)
    settings, kept = PRESETS[arguments.settings], kept_lessons(session.past.state)
    lessons = [] if kept else [read_lesson(Path(run)) for run in runs]

    def strategy(problem: PruningProblem) -> Strategy:
        for lesson in lessons:
            lesson.agent.check_fits(problem)
        scaled = [lesson.scaled(standardised=settings.standardised) for lesson in lessons]
        return Ddpg(settings, at_once, Prior(lessons=kept or scaled))

    return strategy


def _start(session: Session[Arguments, Past]) -> tuple[Start | None, dict[str, Path]]:
    """What the search begins from, and the file that has to be kept for it."""
    given = session.arguments.start_from
    if given is None:
        return None, {}
    source = session.source(START_FILE, policy_file(given) or Path(given))
    return (find_start(str(source)), {START_FILE: source}) if source.is_file() else (find_start(given), {})


def _front(arguments: Arguments) -> FrontGoal | None:
    """The range of budgets that was asked for; None for one budget, or none."""
    search = arguments.search
    return find_front(join_repeated(search.budget), arguments.front.points, search.reward)


def _at_one_budget(arguments: Arguments) -> SearchOptions:
    """The options of the search; of a range of budgets they have that of the result alone.

    Raises:
        UserError: A range that does not go with other options.
    """
    front = _front(arguments)
    if front is None:
        return arguments.search
    if arguments.staging.stages is not None:
        raise UserError("--stages lead to one budget; leave them out, or give a single --budget")
    return replace_options(arguments.search, {"budget": ((front.main,),)})


def _check_extensible(arguments: Arguments) -> None:
    """Raise a UserError for a search whose policies are planned when it begins."""
    if arguments.aim.max_drop is not None:
        raise UserError(
            "a search with --max-drop shares out its episodes when it begins and can't go on to others; begin a new"
            f" search: {search_command(arguments)}"
        )
    if _front(arguments) is not None:
        raise UserError(
            "a search over a range of budgets shares out its episodes when it begins and can't go on to others; begin a"
            f" new search: {search_command(arguments)}"
        )
    if not make_strategy(arguments.strategy, arguments.settings).is_extensible:
        raise UserError(
            f"strategy {arguments.strategy} plans its policies when it begins and can't go on to others; begin a new"
            f" search: {search_command(arguments)}"
        )
