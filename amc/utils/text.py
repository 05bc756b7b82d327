"""Short pieces of text for one-line messages."""

import difflib
from collections.abc import Iterable, Sequence


def one_line(error: BaseException) -> str:
    """An exception as `Type: message`, its message on one line."""
    message = " ".join(str(error).split())
    return f"{type(error).__name__}: {message}" if message else type(error).__name__


def shortened(names: Sequence[str], limit: int = 5) -> str:
    """The names joined by commas; past `limit` of them, how many more there are."""
    shown = ", ".join(names[:limit])
    return shown if len(names) <= limit else f"{shown} and {len(names) - limit} more"


def did_you_mean(name: str, names: Iterable[str]) -> str:
    """Which of `names` may have been meant by `name`: the nearest ones, else all of them."""
    known = sorted(names)
    close = difflib.get_close_matches(name, known, n=5)
    if close:
        return f"did you mean {', '.join(close)}?"
    return f"there are {shortened(known, 20)}" if known else "there is none"
