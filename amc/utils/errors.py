"""The one error that is the user's to mend."""


class UserError(Exception):
    """A user's mistake, told in one line: what was expected, what came, what to do.

    Entry points print the message without a traceback and exit with status 2.
    """
