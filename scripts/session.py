"""Where a search or a fine-tuning begins: in a new run folder, or in that of one that was interrupted."""

from __future__ import annotations

import contextlib
import shutil
import sys
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Generic, TypeVar

import torch

from agents.checkpoint import latest_checkpoint
from agents.result import Past
from amc.entries import entry, integer, list_of, number, object_of, read_object, text
from amc.errors import UserError
from amc.files import write_bytes
from amc.policy import current_versions
from amc.snapshots import CHECKPOINT_FOLDER, Snapshot
from amc.userfile import is_user_function
from scripts.cli import parse
from scripts.options import not_imported, resume_command
from scripts.run_folder import SUMMARY_FILE, check_new, named_after
from scripts.words import flat, given, replaced, to_words

FREE = ("model", "weights", "data", "metric", "device", "target", "quiet")
"""Options that may be given again with `--resume`: where things are now. The others are those of the run."""
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
        program: `train`, `apply` or `finetune`.
        folder: The run folder.
        arguments: With the recorded ones in place where it goes on.
        words: Those arguments as the words that the run was begun with.
        past: What was there before.
        seconds: Spent on that.
    """

    program: str
    folder: Path
    arguments: Arguments
    words: tuple[str, ...]
    past: P
    seconds: float
    _digests: Mapping[str, str]

    @property
    def resume_command(self) -> str:
        """What goes on with the run."""
        return resume_command(self.program, self.folder, flat(self.arguments))

    def source(self, name: str, asked: Path) -> Path:
        """The file to start from: `asked`, or its copy where the run has one."""
        copy = self.folder / CHECKPOINT_FOLDER / name
        return copy if copy.is_file() else asked

    def keep(self, name: str, source: Path) -> None:
        """Copy the file to start from beside the checkpoints: it may be gone when the run goes on."""
        copy = self.folder / CHECKPOINT_FOLDER / name
        if source != copy:
            write_bytes(copy, source.read_bytes())

    def forget(self) -> None:
        """Remove what was begun: nothing was computed yet."""
        shutil.rmtree(self.folder / CHECKPOINT_FOLDER, ignore_errors=True)
        with contextlib.suppress(OSError):  # it holds something else
            self.folder.rmdir()

    @contextlib.contextmanager
    def resumable(self) -> Iterator[None]:
        """Whatever ends the run in here: what was found is in its folder, and the user is told how to go on."""
        found = f"what was found is in {self.folder}"
        try:
            yield
        except UserError as error:
            raise UserError(f"{error}; {found}; then go on with: {self.resume_command}") from error
        except BaseException:
            print(f"{found}; go on with: {self.resume_command}", file=sys.stderr)
            raise

    def check_same(self, digests: Mapping[str, str]) -> None:
        """Raise a UserError where the network or the images are not those that the run was begun with."""
        for name, digest in self._digests.items():
            if name in DIGESTS and digests.get(name) != digest:
                raise UserError(
                    f"the {DIGESTS[name]} are not those that {self.folder} was begun with; give the same again"
                )


def begin(program: str, arguments: Arguments, options: Any, model: str) -> Session[Arguments, Past]:
    """A new session of a search, or the one that `--resume` asks for.

    Args:
        program: `train` or `apply`.
        arguments: As given on the command line.
        options: The search options among them.
        model: The network among them, which names a new folder.

    Raises:
        UserError: a folder that is not free, or holds no run that can go on; options that can't be changed.
    """
    if options.resume is not None:
        return gone_on(program, arguments, options.resume, latest_checkpoint)
    folder = options.run_dir or named_after(model)
    check_new(folder)
    return Session(program, folder, arguments, to_words(replaced(arguments, {"run_dir": None})), Past(), 0.0, {})


def gone_on(
    program: str,
    arguments: Arguments,
    folder: Path,
    latest: Callable[[Path], tuple[Snapshot[P], tuple[str, ...]]],
) -> Session[Arguments, P]:
    """The session that goes on in `folder`.

    Args:
        program: `train`, `apply` or `finetune`.
        arguments: As given on the command line.
        folder: The run folder.
        latest: Reads its newest checkpoint, and says what is wrong with newer ones.

    Raises:
        UserError: it holds no run that can go on; options that can't be changed.
    """
    changes = {name: value for name, value in given(arguments).items() if name != "resume"}
    for name in changes:
        if name not in FREE:
            option = name.replace("_", "-")
            raise UserError(f"--resume goes on with the run's own options; leave --{option} out")
    checkpoint, faults = latest(folder)
    for fault in faults:
        print(f"warning: {fault}; the one before it is used", file=sys.stderr)
    run = checkpoint.run
    try:
        begun_by = entry(run, "program", text)
        words = entry(run, "words", list_of(text))
        seconds = entry(run, "seconds", number)
        device = entry(run, "device", text)
        threads = entry(run, "threads", integer)
        digests = entry(run, "digests", object_of(text))
        versions = entry(run, "versions", object_of(text))
    except ValueError as error:
        raise UserError(f"the checkpoint in {folder} is damaged: {error}") from error
    if begun_by != program:
        raise UserError(f"{folder} was begun by {begun_by}; go on with python -m scripts.{begun_by} --resume {folder}")
    if (folder / SUMMARY_FILE).exists() and not read_object(folder / SUMMARY_FILE).get("interrupted"):
        raise UserError(f"{folder} holds a finished run; there is nothing to go on with")
    if versions != current_versions():
        print("warning: begun with other versions of Python or packages; the result may differ", file=sys.stderr)
    torch.set_num_threads(threads)
    recorded = parse(type(arguments), words)
    for name, value in flat(recorded).items():
        if isinstance(value, str) and is_user_function(value):
            not_imported(value, f"--{name}", given=name in changes)
    return Session(
        program, folder, replaced(recorded, {"device": device} | changes), words, checkpoint.past, seconds, digests
    )
