"""Files of `torch.save`, read without executing anything: tensors and plain containers only."""

from __future__ import annotations

import _compat_pickle
import itertools
import pickle
import pickletools
import re
import warnings
import zipfile
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple

import torch

from amc.utils.errors import UserError
from amc.utils.text import one_line, shortened

ALONE = "save the tensors alone: torch.save(model.state_dict(), file)"
PROTOCOL = 2  # of the pickles that torch.load reads without executing anything
LEGACY_PICKLES = 4  # a magic number, a version, facts of the system, the content
OF_TENSORS = ("torch", "torch._utils", "torch._tensor", "torch.storage", "torch.serialization", "torch.nn.parameter")
OF_CONTAINERS = ("collections.OrderedDict", "collections.Counter", "_codecs.encode", "builtins.set")
OF_MODULES = "torch.nn.modules."


class Content(NamedTuple):
    """The content of a file.

    Attributes:
        tree: Nested mappings, lists and tensors, with a `SkippedObject` in place of every other object.
        classes: Names of those objects' classes and functions, in the file's order.
    """

    tree: object
    classes: tuple[str, ...]


class SkippedObject(list[Any]):
    """The stand-in for an object that is not created: it accepts what the pickle gives to it and drops it."""

    __hash__ = object.__hash__  # type: ignore[assignment]
    __eq__ = object.__eq__

    def __new__(cls, *_: object) -> SkippedObject:
        """Create the stand-in, whatever the arguments."""
        return super().__new__(cls)

    def __init__(self, *_: object) -> None:
        """Create it empty, whatever the arguments."""
        super().__init__()

    def __setstate__(self, _: object) -> None:
        """Drop the state."""


class SkippedMapping:
    """The stand-in for an object of a mapping class: its entries are read into a plain mapping."""

    def __new__(cls, *_: object) -> Counter[Any]:  # type: ignore[misc]
        """Return a mapping to which the unpickler adds entries."""
        return Counter()


def read_torch(source: Path | BinaryIO, name: str | Path) -> object:
    """Read what `torch.save` wrote, without executing anything.

    A file that holds any other object is refused; `read_content` skips such objects instead.

    Args:
        source: The file, or its bytes as a stream.
        name: What errors call the source.

    Returns:
        Nested mappings, lists and tensors on the CPU.

    Raises:
        UserError: The file is damaged, or its pickle would have to execute code.
    """
    try:
        return _load(source)
    except pickle.UnpicklingError as error:
        raise UserError(
            f"{name} is damaged, or holds more than tensors, which to read would execute code; {ALONE}"
        ) from error
    except Exception as error:  # a damaged file may raise anything
        raise UserError(f"{name} can't be read as a PyTorch file: {one_line(error)}") from error


def read_content(path: Path) -> Content:
    """Read what `torch.save` wrote, and skip objects that are neither tensors nor plain containers.

    A training checkpoint often holds options, paths or NumPy numbers beside the weights. `read_torch` refuses such a
    file; here their classes are neither imported nor called, and a `SkippedObject` takes the place of each object.

    Returns:
        Nested mappings, lists and tensors on the CPU, and the names of the classes of what was skipped.

    Raises:
        UserError: The file is damaged, or can't be read without executing code.
    """
    try:
        _check_records(path)
        return Content(_load(path), ())
    except UserError:
        raise
    except pickle.UnpicklingError:
        return _without_objects(path)
    except Exception as error:  # a damaged file may raise anything
        raise UserError(f"{path} is cut off or damaged: {one_line(error)}; copy or download it again") from error


def holds_module(classes: tuple[str, ...]) -> bool:
    """Return whether one of these classes, named as in `Content.classes`, is a module of `torch.nn`."""
    return any(name.startswith(OF_MODULES) for name in classes)


def unread_error(path: Path, classes: tuple[str, ...]) -> UserError:
    """Return the error for a file whose weights lie in skipped objects; it names up to three of their classes."""
    own = [name for name in classes if not name.startswith("torch.")] or list(classes)
    what = "a whole pickled module" if holds_module(classes) else "objects"
    return UserError(f"{path} holds {what} ({shortened(own, 3)}), which to read would execute code; {ALONE}")


def _check_records(path: Path) -> None:
    """Check the sums of an archive's records, which `torch.load` does not look at.

    Where the pickle has another sum than is written, the archive was saved without any (`set_crc32_options`).

    Raises:
        UserError: Numbers in it are not those that were written.
    """
    with path.open("rb") as file:
        if not zipfile.is_zipfile(file):
            return
        with zipfile.ZipFile(file) as archive:
            broken = archive.testzip()
    if broken is not None and not broken.endswith("data.pkl"):
        raise UserError(f"{path} is damaged: the checksum of {broken} in it is another; copy or download it again")


def _load(source: Path | BinaryIO) -> object:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # of pickles that are then refused
        if not isinstance(source, Path):
            return torch.load(source, map_location="cpu", weights_only=True)
        with source.open("rb") as file:  # opened here, since torch.load goes by the suffix of a path
            return torch.load(file, map_location="cpu", weights_only=True)


def _without_objects(path: Path) -> Content:
    try:
        protocol, names = _globals(path)
    except Exception as error:  # a damaged file may raise anything
        raise UserError(f"{path} is damaged: {one_line(error)}; copy or download it again") from error
    foreign = tuple(name for name in names if not _is_plain(name))
    if protocol > PROTOCOL:
        raise UserError(
            f"{path} was written with pickle protocol {protocol}, which is not read safely;"
            " save it without pickle_protocol: torch.save(model.state_dict(), file)"
        )
    stand_ins = {
        name: type(f"{SkippedObject.__name__}{index}", (SkippedObject,), {}) for index, name in enumerate(names)
    }
    while True:
        try:
            with torch.serialization.safe_globals([(stand_in, name) for name, stand_in in stand_ins.items()]):
                return Content(_load(path), foreign)
        except Exception as error:  # what a pickle does to its objects may not suit those that stand for them
            entered = re.search(rf"{SkippedObject.__name__}\d+", str(error))  # one that should take a mapping's entries
            if entered is None or entered[0] not in {each.__name__ for each in stand_ins.values()}:
                raise unread_error(path, foreign or names) from error
            stand_ins = {
                name: SkippedMapping if stand_in.__name__ == entered[0] else stand_in
                for name, stand_in in stand_ins.items()
            }


def _is_plain(name: str) -> bool:
    return name in OF_CONTAINERS or name.rpartition(".")[0] in OF_TENSORS


def _globals(path: Path) -> tuple[int, tuple[str, ...]]:
    """Return the protocol of a file's pickle and the names that it imports, read without importing any."""
    protocol, names = 0, dict[str, None]()
    for code, argument in _opcodes(path):
        if code == "PROTO":
            protocol = max(protocol, argument)
        if code == "GLOBAL":
            module, _, name = argument.partition(" ")
            module, name = _compat_pickle.NAME_MAPPING.get(
                (module, name), (_compat_pickle.IMPORT_MAPPING.get(module, module), name)
            )
            names[f"{module}.{name}"] = None
    return protocol, tuple(names)


def _opcodes(path: Path) -> Iterator[tuple[str, Any]]:
    with path.open("rb") as file:
        if zipfile.is_zipfile(file):
            archive = zipfile.ZipFile(file)
            pickled = next(name for name in archive.namelist() if name.rpartition("/")[2] == "data.pkl")
            parts = [pickletools.genops(archive.read(pickled))]
        else:
            file.seek(0)
            parts = [pickletools.genops(file) for _ in range(LEGACY_PICKLES)]
        for code, argument, _ in itertools.chain.from_iterable(parts):
            yield code.name, argument
