"""Networks written as files that run without this project, and what is told of these files."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from amc.artifacts.builder_file import SUFFIX, write_builder
from amc.artifacts.given_network import (
    ExampleLike,
    NetworkLike,
    find_architecture,
    find_example,
    find_network,
    find_policy,
)
from amc.artifacts.onnx_conversion import input_names
from amc.artifacts.policy import OriginalLike
from amc.artifacts.portable import FORMATS, write_portable
from amc.data.image_size import ImageSize
from amc.graph.input_spec import describe_inputs
from amc.utils.column_widths import Column
from amc.utils.errors import UserError
from amc.utils.option_names import option
from amc.utils.registry import look_up
from amc.utils.tabular import Table, Tabular

STEM = "compact"
"""The name of the files where only their folder is given."""
STATE_DICT = "state_dict"
SUFFIXES = {name: each.suffix for name, each in FORMATS.items()} | {STATE_DICT: SUFFIX}
"""How the names of files end, by format."""
CHOICES = {**{name: (name,) for name in SUFFIXES}, "both": tuple(FORMATS)}
"""The formats that are written, for each word that a user gives."""
DIFFERENCE = "The difference is of the largest output, against the network in memory."


@dataclass(frozen=True)
class ExportedFile:
    """A file that a network was written to, read back and compared with the network.

    Attributes:
        path: The file.
        format: Its format: `onnx`, `program` or `state_dict`.
        bytes: Its size.
        difference: The largest difference from the network in memory, relative to the largest output.
    """

    path: Path
    format: str
    bytes: int
    difference: float

    def __str__(self) -> str:
        """Return the file in a line."""
        return (
            f"{self.path}: {self.bytes / 1000:,.0f} kB, differs by at most {self.difference:.1e} of the largest output"
        )


@dataclass(frozen=True, repr=False)
class Exports(Tabular):
    """The files that a network was written to.

    Attributes:
        files: The files.
        inputs: The shapes of the network's inputs without the batch, as text.
    """

    files: tuple[ExportedFile, ...]
    inputs: str

    @property
    def paths(self) -> list[Path]:
        """The paths of the files."""
        return [file.path for file in self.files]

    @property
    def how_to_run(self) -> str:
        """What a file takes when it is run, and what it leaves to its user, in a sentence."""
        names = input_names(self.inputs.count(",") + 1)
        takes = f"Each file takes batches of {self.inputs} ({', '.join(names)} in ONNX)"
        return f"{takes} and does not prepare images: size and normalise them as for the original network."

    def __repr__(self) -> str:
        """Return the files in a line."""
        return f"<Exports {'; '.join(map(str, self.files))}>"

    @property
    def tables(self) -> Sequence[Table]:
        """The table of the files."""
        columns = [Column("file", is_text=True), Column("size"), Column("largest difference")]
        rows = [(str(each.path), f"{each.bytes / 1000:,.0f} kB", f"{each.difference:.1e}") for each in self.files]
        return [Table("", columns, rows, [DIFFERENCE, self.how_to_run])]


def export(
    source: NetworkLike,
    path: str | Path | None = None,
    *,
    format: str | None = None,
    example: ExampleLike | None = None,
    image_size: ImageSize | None = None,
    model: OriginalLike | None = None,
) -> Exports:
    """Write a network as ONNX, as a program of `torch.export`, or as its state dict and what builds it, for any batch.

    Each file is read back and compared with the network on random inputs before it gets its name.

    Args:
        source: The result of a search or of a fine-tuning, the folder of a run, or a network.
        path: A file that ends in `.onnx`, `.pt2` or `.py`, or a folder, in which it is called `compact`; None for the
            folder of the run.
        format: `onnx`, `program` (for `torch.export.load`), `both` of them, or `state_dict`: a file of Python that
            makes the network of a result or a run from the original's class, and its tensors beside it
            (`.safetensors`). None for that of the path, which is both for a folder.
        example: An input of a network, all its arguments, its shape such as `3x224x224`, or data; results and runs have
            their own.
        image_size: Height and width of the network's input in pixels, in place of an example.
        model: The original network, as `amc.load` takes it, with any weights. The folder of a run on a network of your
            own needs it, and `state_dict` of a result on such a network.

    Raises:
        UserError: An unknown format, packages that are missing, a run that can't be read, a network that can't be
            exported, or a file that differs from it.
    """
    paths = _paths(source, path, format)
    for name in paths:
        if name in FORMATS:
            FORMATS[name].check()
    network = find_network(source, model)
    inputs = find_example(network, example, image_size)
    written = []
    for name, file in paths.items():
        if name == STATE_DICT:
            policy = find_policy(source)
            difference = write_builder(find_architecture(policy, model), policy, network.model, inputs, file)
        else:
            difference = write_portable(FORMATS[name], network.model, inputs, file)
        written.append(ExportedFile(file, name, file.stat().st_size, difference))
    return Exports(tuple(written), describe_inputs(inputs))


def exported_files(folder: Path) -> list[Path]:
    """The files that `export` has left in the folder of a run."""
    paths = (folder / f"{STEM}{suffix}" for suffix in SUFFIXES.values())
    return [path for path in paths if path.is_file()]


def _paths(source: NetworkLike, path: str | Path | None, asked: str | None) -> dict[str, Path]:
    """The file of each format that is wanted."""
    names = look_up("format", asked or "both", CHOICES)
    if path is None and not isinstance(source, str | Path):
        raise UserError("expected a path to write to, such as compact.onnx, or a folder; only a run has its own")
    if path is not None and not isinstance(path, str | Path):
        raise UserError(
            f"expected the network first and then a path to write to, got {type(path).__name__} as the path"
        )
    place = Path(source if path is None else path)  # type: ignore[arg-type]
    own = [name for name, suffix in SUFFIXES.items() if suffix == place.suffix]
    if not own and place.suffix and not place.is_dir():
        endings = " or ".join(SUFFIXES.values())
        raise UserError(f"expected a path that ends in {endings}, or a folder that exists, got {place}")
    if not own:
        return {name: place / f"{STEM}{SUFFIXES[name]}" for name in names}
    if asked and asked != own[0]:
        raise UserError(f"{place} is a file of {option('format', own[0])}, got {option('format', asked)}")
    return {own[0]: place}
