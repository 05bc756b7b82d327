"""The beginning of a search or a training: in a new run folder, or in the folder of one that was interrupted."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Generic, NoReturn, TypeVar

import torch

from agents.checkpoint import latest_checkpoint
from agents.episode import Past
from agents.report.command_lines import resume_command
from amc.artifacts.checked_json import Count, check_exists, checked
from amc.artifacts.lasting_options import lasting_value
from amc.artifacts.policy import current_versions
from amc.artifacts.run_folder import PYTHON, check_new, check_place, is_finished, named_after
from amc.artifacts.run_lock import locked
from amc.artifacts.snapshots import CHECKPOINT_FOLDER, Snapshot, has_snapshot
from amc.utils.defaults import ACCURACY, AUTO
from amc.utils.errors import UserError
from amc.utils.user_file import is_user_function
from scripts.command.cli import parse
from scripts.command.finished_run import check_given
from scripts.command.loading import default_data
from scripts.command.resume_hint import with_resume_hint
from scripts.options.cli_arguments import flat_options, given_options, options_of, replace_options, to_argv

EPISODES = "episodes"
CHANGEABLE = ("model", "weights", "data", "metric", "device", "target", "quiet", EPISODES)
"""Options that may change with `--resume`, since things may lie elsewhere or more episodes are wanted; so may all that
name a user's function."""
DIGESTS = {
    "architecture": "layers (--model)",
    "weights": "weights (--weights)",
    "compact": "weights of the compact network (--run-dir)",
    "images": "images (--data)",
}

Arguments = TypeVar("Arguments")
P = TypeVar("P")


@dataclass(frozen=True, eq=False)
class Session(Generic[Arguments, P]):
    """One stretch of a run, from its start or from a checkpoint on.

    Attributes:
        program: The command: `train`, `apply`, `finetune` or `pretrain`.
        folder: The run folder.
        arguments: The arguments of the run; where it is resumed, the recorded ones and what was given anew.
        argv: The command-line arguments that the run was begun with.
        past: How far the run had come when this stretch began.
        seconds: Seconds that were spent before this stretch.
        begun_with: The number of policies that a search was to score when it was begun; None for a new one.
    """

    program: str
    folder: Path
    arguments: Arguments
    argv: tuple[str, ...]
    past: P
    seconds: float
    _digests: Mapping[str, str]
    _names: Mapping[str, str]
    begun_with: int | None = None

    @property
    def lasting_arguments(self) -> Arguments:
        """The arguments as they are recorded: the paths in them hold from any directory."""
        return _lasting(self.arguments)

    def name(self, option: str) -> str:
        """The value of an option as it was typed when the run was begun, by which the run's files name it."""
        return self._names.get(option) or str(flat_options(self.arguments)[option])

    @property
    def resume_command(self) -> str:
        """The command that resumes the run."""
        return resume_command(self.program, self.folder, flat_options(self.arguments))

    def source(self, name: str, asked: Path) -> Path:
        """The file to start from: the run's copy of that name where there is one, else `asked`."""
        copy = self.folder / CHECKPOINT_FOLDER / name
        return copy if copy.is_file() else asked

    def description(self, device: torch.device, digests: Mapping[str, str]) -> dict[str, Any]:
        """The description of the run that its checkpoints hold as JSON, so that `--resume` can go on with it."""
        return {
            "program": self.program,
            "words": list(self.argv),
            "device": device.type,
            "threads": torch.get_num_threads(),
            "digests": digests,
            "versions": current_versions(),
        }

    def check_same(self, digests: Mapping[str, str]) -> None:
        """Raise a UserError where the network or the images are not those that the run was begun with."""
        for name, digest in self._digests.items():
            if name in DIGESTS and digests.get(name) != digest:
                raise UserError(
                    f"the {DIGESTS[name]} are not those that {self.folder} was begun with; give the same again"
                )


@contextlib.contextmanager
def open_session(
    program: str,
    arguments: Arguments,
    folder: Path,
    option: str,
    latest: Callable[[Path], tuple[Snapshot[P], tuple[str, ...]]],
    past: P,
) -> Iterator[Session[Arguments, P]]:
    """A new session, or the one that `--resume` asks for; no other process has its folder meanwhile.

    Whatever stops the work early is reported with the command that resumes it.

    Args:
        program: The command: `train`, `apply`, `finetune` or `pretrain`.
        arguments: The arguments as they were given on the command line.
        folder: The run folder; if `--resume` is given, the folder of the run that is resumed.
        option: The name of the option that gives the folder of a new run, without hyphens before it.
        latest: Reads the newest checkpoint of a folder, and says what is wrong with newer ones.
        past: The past of a new run, in which nothing has been done.

    Raises:
        UserError: A folder that is not free, is in use, or holds no run that can go on; options that can't be changed.
    """
    options = flat_options(arguments)
    resumed = options["resume"] is not None
    if resumed and not has_snapshot(folder):
        check_exists(folder)
        raise UserError(f"no checkpoint in {folder}; give the folder of a run that was begun")
    check_place(folder, "--resume" if resumed else f"--{option}")
    with locked(folder):
        if resumed:
            session = _resumed(program, arguments, folder, latest)
        else:
            check_new(folder, f"--{option}")
            argv = to_argv(_lasting(replace_options(arguments, {option.replace("-", "_"): None})))
            session = Session(program, folder, arguments, argv, past, 0.0, {}, {})
        with with_resume_hint(program, folder, session.resume_command, quiet=bool(options.get("quiet"))):
            yield session


@contextlib.contextmanager
def open_search(program: str, arguments: Arguments) -> Iterator[Session[Arguments, Past]]:
    """The session of a search, in `--run-dir`, in the folder of `--resume`, or in a new folder under `runs/`.

    Raises:
        UserError: A folder that is not free, is in use, or holds no run that can go on; options that can't be changed.
    """
    options = flat_options(arguments)
    asked = options["resume"] or options["run_dir"]
    folder = Path(asked) if asked is not None else named_after(options["model"])
    if options["resume"] is None:
        arguments = replace_options(arguments, {"data": options["data"] or default_data(options["model"])})
    with open_session(program, arguments, folder, "run-dir", latest_checkpoint, Past()) as session:
        _check_episodes(session)
        yield session


def _check_episodes(session: Session[Any, Past]) -> None:
    """Raise a UserError where a search that is resumed has scored all the policies that it is given."""
    done, arguments = len(session.past.episodes), session.arguments
    first = arguments.most_policies - arguments.episodes  # those that --episodes does not count
    least = done - first + is_finished(session.folder)
    if session.begun_with is not None and arguments.episodes < least:
        raise UserError(
            f"expected --episodes of {least} or more to go on with {session.folder}, got {arguments.episodes}"
        )


@dataclass(frozen=True)
class _Begun:
    """The description of a run in its checkpoint (`Session.description`), and the seconds that were spent on it."""

    program: str
    words: tuple[str, ...]
    seconds: float
    device: str
    threads: Count
    digests: Mapping[str, str]
    versions: Mapping[str, str]
    model: str = ""  # searches record these
    strategy: str = ""
    begun_with: Count | None = None  # of searches; earlier versions do not tell
    score: str | None = None  # likewise
    arguments: Mapping[str, Any] = field(default_factory=dict)


def _resumed(
    program: str,
    arguments: Arguments,
    folder: Path,
    latest: Callable[[Path], tuple[Snapshot[P], tuple[str, ...]]],
) -> Session[Arguments, P]:
    changes = {name: value for name, value in given_options(arguments).items() if name != "resume"}
    for name, value in changes.items():
        if name not in CHANGEABLE and not _is_users(value):
            _refuse_change(name)
    checkpoint, faults = latest(folder)
    for fault in faults:
        print(f"warning: {fault}; the one before it is used", file=sys.stderr)
    begun = checked(checkpoint.run, _Begun, f"the checkpoint in {folder}")
    if begun.program == PYTHON:
        raise UserError(f"{folder} was begun from Python; no command can go on with it")
    if begun.program != program:
        raise UserError(
            f"{folder} was begun by {begun.program}; go on with {resume_command(begun.program, folder, {})}"
        )
    if is_finished(folder) and EPISODES not in changes:
        more = ", unless --episodes gives more of them" * hasattr(arguments, EPISODES)
        raise UserError(f"{folder} holds a finished run; there is nothing to go on with{more}")
    if begun.versions != current_versions():
        print("warning: begun with other versions of Python or packages; the result may differ", file=sys.stderr)
    torch.set_num_threads(begun.threads)
    recorded = parse(type(arguments), begun.words)
    options = flat_options(recorded)
    if "score" in options and begun.score is None:
        recorded = replace_options(recorded, {"score": ACCURACY})  # which earlier versions compared networks by
    if options.get("search_recovery") == AUTO and "search_recovery" in begun.arguments:
        recorded = replace_options(recorded, {"search_recovery": begun.arguments["search_recovery"]})  # as was decided
    check_given(options, changes)
    for name in changes:
        if name not in CHANGEABLE and not _is_users(options[name]):
            _refuse_change(name)
    if program != "finetune" and options["data"] is None:
        recorded = replace_options(recorded, {"data": "digits"})  # the default of earlier versions for any network
    return Session(
        program,
        folder,
        replace_options(recorded, {"device": begun.device} | changes),
        to_argv(replace_options(recorded, {EPISODES: changes[EPISODES]})) if EPISODES in changes else begun.words,
        checkpoint.past,
        begun.seconds,
        begun.digests,
        {"model": begun.model, "strategy": begun.strategy},
        begun.begun_with or getattr(recorded, "most_policies", None),
    )


def _lasting(arguments: Arguments) -> Arguments:
    values = {name: lasting_value(name, value) for name, value, _ in options_of(arguments)}
    return replace_options(arguments, values)


def _is_users(value: object) -> bool:
    return isinstance(value, str) and is_user_function(value)


def _refuse_change(name: str) -> NoReturn:
    raise UserError(f"--resume goes on with the run's own options; leave --{name.rstrip('_').replace('_', '-')} out")
