"""Short pieces of text for one-line messages."""

import difflib
import re
import sys
from collections.abc import Iterable, Sequence

from amc.utils.errors import UserError

EIGHTHS = " \u258f\u258e\u258d\u258c\u258b\u258a\u2589\u2588"
"""Characters that are filled from the left, by none to eight eighths."""


def one_line(error: BaseException) -> str:
    """Return an exception as `Type: message`, with the message on one line."""
    message = " ".join(str(error).split())
    return f"{type(error).__name__}: {message}" if message else type(error).__name__


def check_encodable(text: str) -> None:
    """Check that files can hold a text, such as a path, which may have any bytes.

    Raises:
        UserError: It has bytes that are no UTF-8 text.
    """
    try:
        text.encode()
    except UnicodeEncodeError as error:
        shown = text.encode(errors="surrogateescape").decode(errors="replace")
        raise UserError(
            f"{shown} has bytes that are no UTF-8 text, which the files of a run can't hold; rename the file or folder,"
            " or set a UTF-8 locale: LC_ALL=C.UTF-8"
        ) from error


def shortened(names: Sequence[str], limit: int = 5) -> str:
    """Join `names` by commas; of more than `limit` of them, only the first, and how many more there are."""
    shown = ", ".join(names[:limit])
    return shown if len(names) <= limit else f"{shown} and {len(names) - limit} more"


def merge_numbered(texts: Sequence[str]) -> dict[str, list[int]]:
    """Return the places of texts in which only numbers differ, by the text with `*` for each number that does.

    `["a.0.conv", "a.1.conv", "fc"]` gives `{"a.*.conv": [0, 1], "fc": [2]}`.
    """
    alike: dict[tuple[str, ...], list[int]] = {}
    parts = [re.split(r"(\d+)", text) for text in texts]
    for place, words in enumerate(parts):
        alike.setdefault(tuple(words[::2]), []).append(place)
    merged: dict[str, list[int]] = {}
    for places in alike.values():
        columns = zip(*(parts[place] for place in places), strict=True)
        pattern = "".join(column[0] if len(set(column)) == 1 else "*" for column in columns)
        merged.setdefault(pattern, []).extend(places)
    return merged


def did_you_mean(name: str, names: Iterable[str]) -> str:
    """Return a hint for the unknown `name`: the most similar of `names`, or all of them where none is similar."""
    known = sorted(names)
    close = difflib.get_close_matches(name, known, n=5)
    if close:
        return f"did you mean {', '.join(close)}?"
    return f"there are {shortened(known, 20)}" if known else "there is none"


def bar(share: float, width: int = 10) -> str:
    """Return a bar as long as a share in [0, 1] of `width` characters, of eighths where the output has such characters.

    It is of `#` where standard output can't write them.
    """
    encoding = getattr(sys.stdout, "encoding", None) or "utf-8"
    if not encoding.lower().startswith("utf"):
        return "#" * round(width * share)
    full, eighths = divmod(round(8 * width * share), 8)
    return EIGHTHS[-1] * full + EIGHTHS[eighths].strip()


def counted(count: int, noun: str) -> str:
    """A number with its noun, such as "1 epoch" and "2 epochs"."""
    return f"{count:,} {noun}{'s' * (count != 1)}"
