"""The error that tells a user what to change."""


class UserError(Exception):
    """A user's mistake, described in one line: what was expected, what came, and what to do.

    Commands print the message without a traceback and exit with status 2.
    """
