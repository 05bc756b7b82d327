"""The tables of `benchmarks.recovery`, in Markdown."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Mapping, Sequence

from torch import Tensor

from amc.recovery.recoveries import RECOVERIES
from amc.scoring.paired_test import Drop, paired_drop
from amc.utils.defaults import AUTO, BLOCKWISE, CLOSED_FORMS, DEFAULT_CRITERION
from benchmarks.judged_choice import choose
from benchmarks.recovery_rows import ORIGINAL, Place, Row
from benchmarks.runs import percent

COMPARED = tuple(way for way in RECOVERIES if way != BLOCKWISE)
"""The ways that the default is compared with, those that it does not choose among as well."""
YARDSTICK = "asymmetric"
"""The recovery in whose seconds the others' are told."""

PLACE = ("network", "MACs left", "images")
"""The first columns of most tables."""

At = Mapping[Place, Mapping[str, Row]]
"""What was measured, by place and recovery."""


def recovery_page(rows: Iterable[Row]) -> str:
    """All tables: accuracies, the default against the closed forms, seconds, numbers of images, criteria.

    All but the last are of the default criterion, or of the first one where that was not measured.
    """
    at: dict[Place, dict[str, Row]] = {}
    for row in rows:
        at.setdefault(row.place, {})[row.recovery] = row
    originals = {place.model: found[ORIGINAL] for place, found in at.items() if ORIGINAL in found}
    pruned = {place: found for place, found in at.items() if ORIGINAL not in found}
    measured = [place.criterion for place in pruned]
    criterion = DEFAULT_CRITERION if DEFAULT_CRITERION in measured else next(iter(measured), None)
    usual = {place: found for place, found in pruned.items() if place.criterion == criterion}
    return "\n".join(
        [
            *_accuracies(usual, originals),
            *_default_against_closed_forms(usual),
            *_seconds(usual),
            *_by_images(usual),
            *_criteria(pruned),
        ]
    )


def answers(found: Mapping[str, Row]) -> dict[str, Tensor]:
    """Whether each image is answered right, `(images,)` bool, by recovery: in the registry's order, then the choice."""
    known = {way: found[way].answers for way in RECOVERIES if way in found}
    choice = choose(found)
    return known | ({} if choice is None else {AUTO: choice.answers})


def _accuracies(at: At, originals: Mapping[str, Row]) -> list[str]:
    ways = _ways(at)
    lines = ["## Accuracy", "", *_head([*PLACE, ORIGINAL, *_coded(ways), "chosen by each half"])]
    for place, found in at.items():
        scores = {way: float(each.float().mean()) for way, each in answers(found).items()}
        choice = choose(found)
        whole = originals.get(place.model)
        lines.append(
            _line(
                [
                    *_names(place),
                    "" if whole is None else percent(float(whole.answers.float().mean())),
                    *_bold(ways, scores),
                    "" if choice is None else " and ".join(_coded(dict.fromkeys(choice.names))),
                ]
            )
        )
    return [*lines, ""]


def _default_against_closed_forms(at: At) -> list[str]:
    """How much better the choice is than each closed form, and whether it is worse anywhere."""
    lines = [f"## `{AUTO}` against each closed form", ""]
    lines += [f"Points that `{AUTO}` is better, with the 95 % interval of the paired difference.", ""]
    lines += _head([*PLACE, *_coded(COMPARED)])
    worse = []
    for place, found in at.items():
        known = answers(found)
        if AUTO not in known:
            continue
        drops = {way: paired_drop(known[AUTO], known[way]) for way in COMPARED if way in known}
        cells = [_points(drops[way]) if way in drops else "" for way in COMPARED]
        lines.append(_line([*_names(place), *cells]))
        worse += [f"`{way}` at {_words(place)}" for way, drop in drops.items() if drop.high < 0]
    return [*lines, "", f"Worse by more than the interval than: {', '.join(worse) or 'none'}.", ""]


def _seconds(at: At) -> list[str]:
    """The seconds of each way on its own; the choice takes those of all that it chooses among."""
    ways = _ways(at)
    lines = [f"## Processor seconds, as multiples of those of `{YARDSTICK}`", ""]
    lines += _head([*PLACE, f"seconds of `{YARDSTICK}`", *_coded(ways)])
    for place, found in at.items():
        if YARDSTICK not in found:
            continue
        one = found[YARDSTICK].cpu_seconds
        seconds = {way: row.cpu_seconds for way, row in found.items()}
        if choose(found) is not None:
            seconds[AUTO] = sum(seconds[way] for way in CLOSED_FORMS)
        cells = [f"{seconds[way] / one:.2f}" if way in seconds else "" for way in ways]
        lines.append(_line([*_names(place), f"{one:.1f}", *cells]))
    return [*lines, ""]


def _by_images(at: At) -> list[str]:
    """A row for each number of images, where a network was measured with several, and where more are worse."""
    ways, worse = _ways(at), []
    lines: list[str] = []
    for _, group in itertools.groupby(sorted(at), key=lambda place: place[:2]):
        places = list(group)
        if len(places) == 1:
            continue
        known = [answers(at[place]) for place in places]
        for place, found in zip(places, known, strict=True):
            lines.append(_line([*_names(place), *_plain(ways, found)]))
        for (fewer, few), (more, many) in itertools.pairwise(zip(places, known, strict=True)):
            worse += [
                f"`{way}` at {_words(more)} than with {fewer.images:,} ({_points(paired_drop(many[way], few[way]))})"
                for way in ways
                if way in few and way in many and paired_drop(few[way], many[way]).low > 0
            ]
    if not lines:
        return []
    found_worse = f"Worse with more images by more than the interval: {', '.join(worse) or 'none'}."
    return ["## By number of images", "", *_head([*PLACE, *_coded(ways)]), *lines, "", found_worse, ""]


def _criteria(at: At) -> list[str]:
    """A table for each network and budget that was measured by several criteria, of all recoveries."""
    ways = [way for way in _ways(at) if way != AUTO]
    lines: list[str] = []
    for _, group in itertools.groupby(sorted(at, key=lambda place: place[:3]), key=lambda place: place[:3]):
        places = list(group)
        if len(places) == 1:
            continue
        first = places[0]
        lines += [f"## Criteria: {_words(first)}", "", *_head(["criterion", *_coded(ways)])]
        scores = {
            (place.criterion, way): float(row.answers.float().mean())
            for place in places
            for way, row in at[place].items()
        }
        for place in places:
            cells = [(place.criterion, way) for way in ways]
            best = max(scores.values())
            lines.append(_line([f"`{place.criterion}`", *(_cell(scores.get(each), best) for each in cells)]))
        lines.append("")
    return lines


def _ways(at: At) -> list[str]:
    """All ways that were measured anywhere, in the order of the registry, then the choice."""
    known = {way for found in at.values() for way in answers(found)}
    return [way for way in (*RECOVERIES, AUTO) if way in known]


def _names(place: Place) -> list[str]:
    return [place.model, f"{place.budget:.0%}", f"{place.images:,}"]


def _words(place: Place) -> str:
    return f"{place.model}, {place.budget:.0%} of the MACs, {place.images:,} images"


def _plain(ways: Sequence[str], known: Mapping[str, Tensor]) -> list[str]:
    return [percent(float(known[way].float().mean())) if way in known else "" for way in ways]


def _bold(ways: Sequence[str], scores: Mapping[str, float]) -> list[str]:
    best = max(scores.values(), default=0.0)
    return [_cell(scores.get(way), best) for way in ways]


def _cell(score: float | None, best: float) -> str:
    if score is None:
        return ""
    return f"**{percent(score)}**" if score == best else percent(score)


def _points(drop: Drop) -> str:
    return f"{100 * drop.value:+.2f} ({100 * drop.low:+.2f} to {100 * drop.high:+.2f})"


def _coded(names: Iterable[str]) -> list[str]:
    return [f"`{name}`" for name in names]


def _head(names: Sequence[str]) -> list[str]:
    return [_line(names), "|---" * len(names) + "|"]


def _line(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"
