"""The folders of an image folder that hold its splits."""

from pathlib import Path

from amc.data.ignored_files import is_ignored
from amc.utils.errors import UserError
from amc.utils.text import shortened

SPLITS = {"train": ("train",), "val": ("val", "valid", "validation"), "test": ("test",)}
"""Names that the folder of each split may have."""
NAMES = frozenset(name for names in SPLITS.values() for name in names)
"""All names that are read as splits."""
MEANT = {
    "train": "train",
    "training": "train",
    "trainset": "train",
    "train_set": "train",
    "val": "val",
    "valid": "val",
    "validation": "val",
    "validate": "val",
    "dev": "val",
    "eval": "val",
    "evaluation": "val",
    "test": "test",
    "testing": "test",
    "testset": "test",
    "test_set": "test",
}
"""The split that a folder is probably meant to be, by its name in lower case."""


def find_splits(root: Path) -> tuple[dict[str, Path], list[str]]:
    """Return the folders of `train`, and of `val`, `test` or both, and lines about them for the user.

    Raises:
        UserError: train is missing, val and test both are, or one of them is there under two names.
    """
    found = {split: folder for split in SPLITS if (folder := _folder(root, split)) is not None}
    if "train" not in found:
        raise UserError(f"expected a folder of images at {root / 'train'}, there is none; {_advice(root)}")
    others = _renamed(root, set(found.values()))
    if len(found) == 1:
        advice = f"; {others[0]}" if others else ""
        raise UserError(f"expected a folder val or test beside train in {root}, there is neither{advice}")
    notes = [f"note: {folder} is taken as {split}" for split, folder in found.items() if folder.name != split]
    notes += [f"note: {other}, else it is not read" for other in others]
    return found, notes


def folders_in(folder: Path) -> list[Path]:
    """Return the folders in a folder, sorted by name, without those that are ignored.

    Raises:
        UserError: One of them is a link that leads nowhere, or the folder can't be read.
    """
    try:
        entries = sorted(entry for entry in folder.iterdir() if not is_ignored(entry.name))
    except OSError as error:
        raise UserError(f"{folder} can't be read: {error.strerror}; check its permissions") from error
    for entry in entries:
        if entry.is_symlink() and not entry.exists():
            raise UserError(f"{entry} is a link to {entry.readlink()}, which is not there; mend or remove it")
    return [entry for entry in entries if entry.is_dir()]


def _folder(root: Path, split: str) -> Path | None:
    found = [root / name for name in SPLITS[split] if (root / name).is_dir()]
    if len({folder.resolve() for folder in found}) > 1:
        names = [folder.name for folder in found]
        raise UserError(f"expected one folder of {split} images in {root}, got {' and '.join(names)}; rename one")
    return found[0] if found else None


def _renamed(root: Path, taken: set[Path]) -> list[str]:
    """Return what to rename where folders are probably meant as splits."""
    return [
        f"rename {folder} to {MEANT[folder.name.casefold()]} if that is what it holds"
        for folder in folders_in(root)
        if folder not in taken and folder.name.casefold() in MEANT and folder.name not in NAMES
    ]


def _advice(root: Path) -> str:
    """Return what to do about a folder without train/."""
    if root.is_file():
        return f"{root} is a file: unpack it and give the folder"
    if not root.is_dir():
        return "check the path"
    if (root.parent / "train").is_dir() and root.name.casefold() in MEANT:
        return f"give the folder above, imagefolder:{root.parent}"
    folders = folders_in(root)
    for folder in folders:
        if (folder / "train").is_dir():
            return f"did you mean imagefolder:{folder}?"
    renamed = _renamed(root, set())
    if renamed:
        return renamed[0]
    if folders and not any(folder.name in NAMES for folder in folders):
        names = shortened([folder.name for folder in folders], 3)
        return f"if {names} are classes, move each into train/, and some images of each into val/ or test/ likewise"
    return "lay the images out as train/CLASS/FILE, and val/ or test/ likewise"
