"""The error that tells a user what to change."""

from __future__ import annotations

from collections.abc import Mapping


class UserError(Exception):
    """A user's mistake, described in one line: what was expected, what came, and what to do.

    Commands print the message without a traceback and exit with status 2.
    """


class NothingFoundError(UserError):
    """The end of a search that found nothing it may keep, or of a training that diverged, which would end so again."""


class FunctionsNotGivenError(UserError):
    """The refusal to import a user's functions because the files of a run name them: the user has to name them anew.

    Attributes:
        functions: Each function, `path/to/file.py:function`, by the option that gives it.
    """

    def __init__(self, functions: Mapping[str, str]) -> None:
        named = " ".join(f"--{name.replace('_', '-')} {value}" for name, value in functions.items())
        super().__init__(f"the run used {named}, which is not imported because a file names it")
        self.functions = functions
