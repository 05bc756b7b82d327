"""Short pieces of text for one-line messages."""

import difflib
from collections.abc import Iterable, Sequence


def one_line(error: BaseException) -> str:
    """Return an exception as `Type: message`, with the message on one line."""
    message = " ".join(str(error).split())
    return f"{type(error).__name__}: {message}" if message else type(error).__name__


def shortened(names: Sequence[str], limit: int = 5) -> str:
    """Join `names` by commas; of more than `limit` of them, only the first, and how many more there are."""
    shown = ", ".join(names[:limit])
    return shown if len(names) <= limit else f"{shown} and {len(names) - limit} more"


def did_you_mean(name: str, names: Iterable[str]) -> str:
    """Return a hint for the unknown `name`: the most similar of `names`, or all of them where none is similar."""
    known = sorted(names)
    close = difflib.get_close_matches(name, known, n=5)
    if close:
        return f"did you mean {', '.join(close)}?"
    return f"there are {shortened(known, 20)}" if known else "there is none"
