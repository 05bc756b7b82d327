"""The choice among several sets of weights in one file, and what a user should know about the others."""

from __future__ import annotations

import re
import shlex
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from torch import Tensor

from amc.networks.tensor_tree import StoredTensor, join_path
from amc.networks.weight_sets import NetworkTensors, WeightSet, find_weight_sets, same_weights
from amc.utils.errors import UserError
from amc.utils.option_names import worded
from amc.utils.text import shortened

AVERAGES = {"ema", "average", "averaged", "avg", "swa", "shadow", "teacher", "polyak", "momentum", "target"}
"""Words in the names of running averages of a network's weights."""
AVERAGED = "n_averaged"  # lies beside the weights of torch's AveragedModel
USUAL = {"state_dict", "model_state_dict", "state", "model", "module", "net", "network", "weights", "params", "student"}
"""Keys under which files usually hold the weights of a network."""


@dataclass(frozen=True)
class Choice:
    """The set of weights that is taken from a file, or why none fits.

    Attributes:
        place: The set that is taken; None if none fits.
        source: The file, and the place in it.
        faults: What keeps the nearest set from fitting, where none fits.
        is_near: Whether the nearest set has any tensor name of the network.
        notes: Lines that the user should read.
    """

    place: WeightSet | None
    source: str
    faults: tuple[str, ...] = ()
    is_near: bool = True
    notes: tuple[str, ...] = ()


def choose_weights(file: Mapping[str, StoredTensor], wanted: NetworkTensors, path: Path, key: str | None) -> Choice:
    """Find a network's weights in a file: a set that has each of its tensors, by name and with its shape.

    Of several sets that differ, one that is no running average is taken, then one with a usual name, then the
    outermost, then the first.

    Args:
        file: All tensors of the file, by path.
        wanted: The tensors of the network.
        path: The file.
        key: The path of the set, or consecutive keys of it; None for any.

    Raises:
        UserError: There is no tensor at that key.
    """
    candidates = find_weight_sets(file, wanted)
    fitting = [place for place in candidates if place.fits]
    if key is not None:
        if not _named(list(file), key):
            raise UserError(f"{path} holds no tensors at {key!r}; {_known(file, fitting)}")
        named = set(_named([place.path for place in candidates], key))
        candidates = [place for place in candidates if place.path in named]
    fits = sorted((place for place in candidates if place in fitting), key=lambda place: _rank(place, file))
    if not fits:
        if not candidates:
            return Choice(None, str(path), tuple(wanted.faults(_largest(file, key))), is_near=False)
        nearest = candidates[0]
        source = f"{path}:{nearest.path}" if nearest.path else str(path)
        return Choice(None, source, tuple(nearest.faults))
    taken, *others = fits
    notes = (*_note_of_others(path, taken, others), *_note_of_rest(path, taken, fitting))
    return Choice(taken, str(path), notes=notes)


def _rank(place: WeightSet, file: Mapping[str, StoredTensor]) -> tuple[bool, bool, int]:
    """Return a sort key: the set that is taken first comes first."""
    words = place.path.split(".") if place.path else []
    above = place.path.rpartition(".")[0]
    parts = {part.lower() for word in words for part in re.findall(r"[A-Z]?[a-z]+|[A-Z]+", word)}
    is_average = bool(parts & AVERAGES) or join_path(above, AVERAGED) in file
    return is_average, not USUAL.issuperset(words), len(words)


def _named(paths: Sequence[str], key: str) -> list[str]:
    """Return the paths that begin with a key, else those that have it further in."""
    begin = [path for path in paths if f"{path}.".startswith(f"{key}.")]
    return begin or [path for path in paths if f".{key}." in f".{path}."]


def _known(file: Mapping[str, StoredTensor], fitting: Sequence[WeightSet]) -> str:
    """Return a hint that names the keys in the file."""
    if any(place.path for place in fitting):
        return f"what fits the network lies at {shortened([place.path or 'the outermost level' for place in fitting])}"
    containers = dict.fromkeys(each.container for each in file.values() if each.container)
    return f"there are tensors at {shortened(list(containers))}" if containers else "leave it out: there is one set"


def _largest(file: Mapping[str, StoredTensor], key: str | None) -> dict[str, Tensor]:
    """Return the mapping with the most tensors, where no name in the file is the network's."""
    paths = list(file) if key is None else _named(list(file), key)
    ((container, _),) = Counter(file[path].container for path in paths).most_common(1)
    return {each.name: each.tensor for each in file.values() if each.container == container}


def _note_of_others(path: Path, taken: WeightSet, others: Sequence[WeightSet]) -> list[str]:
    different: list[WeightSet] = []
    for place in others:
        if not any(same_weights(place, known) for known in (taken, *different)):
            different.append(place)
    if not different:
        return []
    specs = [f"{path}:{place.path}" for place in different[:3]]
    ways = " or ".join(worded(command=f"--weights {shlex.quote(each)}", python=f"weights={each!r}") for each in specs)
    return [
        f"{path} holds {len(different) + 1} sets of weights that fit the network; {taken.path or 'the outermost'} was"
        f" taken; for another give {ways}"
    ]


def _note_of_rest(path: Path, taken: WeightSet, fitting: Sequence[WeightSet]) -> list[str]:
    used = {each for place in fitting for each in place.tensors.values()}
    rest = [each.name for name, each in taken.beyond.items() if name not in used]
    return [f"{path}: left out what the network does not have: {shortened(rest)}"] if rest else []
