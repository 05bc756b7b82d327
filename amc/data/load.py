"""The images of one run in their splits, loaded from what a user gives as data."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Protocol

import numpy as np

from amc.data.broken_files import check_files
from amc.data.dataset import Selection
from amc.data.find_data import FILES, IMAGE_FOLDER, OWN_PREPROCESS, Given, as_text, find_data
from amc.data.halves import halves
from amc.data.image_size import ImageSize
from amc.data.images import Images
from amc.data.lazy import LazyImages
from amc.data.preparation_words import assumed_values, preparation_words
from amc.data.preprocess import Preprocess, adapted
from amc.data.sampling import Labels
from amc.data.splits import UNDIVIDED, Partition, SplitSizes, Subset, as_sizes, partition
from amc.data.streamed import StreamedImages
from amc.data.unsplit_data import Source
from amc.data.user_data import UserDataset
from amc.data.user_loader import LoaderImages
from amc.utils.errors import UserError
from amc.utils.notebook_table import html_table
from amc.utils.option_names import option
from amc.utils.seeds import check_seed

MEMORY_LIMIT_BYTES = 4_000_000_000
"""Bytes that a split's inputs may take in memory; larger splits are read anew in every pass."""
USES = {
    "train": "training",
    "calibration": "least squares and statistics",
    "reward": "scores of the search (validation)",
    "judging": "the drop of what is found, unseen by the search",
    "test": "scores of the result, read once",
}
"""What the images of each split are for."""
NO_TEST = "no test split: half of the val split is kept as test images"
NO_VAL = "no val split: some of the training images are kept as reward images"


@dataclass(frozen=True, repr=False)
class Splits:
    """The images of one run, by what they may be used for.

    Attributes:
        train: Images to train on; nothing is read until they are used.
        calibration: Some images of `train`, for statistics and least squares.
        reward: Validation images, on which a search may score networks; none of them is in `train`.
        test: Images for the final score alone; nothing is read until they are used.
        class_names: Names of the classes by target; None if unknown.
        reward_from_train: Whether the reward images were taken out of the training images, since the data has no val
            split: a network that was trained on them flatters itself.
        notes: Lines about the data for the user, such as files that were passed over.
        source: The text that names the data; empty where it was given as objects.
        test_from_val: Whether the test images are half of the val split, since the data has no test split.
        inputs: How images become inputs, in words; empty where it is not known.
        preparation: What was asked for besides the data by `image_size`, `mean`, `std` and `class_order`.
        is_labelled: Whether targets may be the classes of images; else they are masks, boxes, or all zero.
        judging: Validation images that a search does not see, and that its result is judged on; None where the search
            sees all of them.
    """

    train: Images
    calibration: Images
    reward: Images
    test: Images
    class_names: tuple[str, ...] | None
    reward_from_train: bool
    notes: tuple[str, ...] = ()
    source: str = ""
    test_from_val: bool = False
    inputs: str = ""
    preparation: Mapping[str, Any] = field(default_factory=dict)
    is_labelled: bool = True
    judging: Images | None = None

    def __repr__(self) -> str:
        counts = ", ".join(f"{len(images):,} {name}" for name, images in self._parts.items())
        more = "".join(f"; {each}" for each in (*self._lacking, self.inputs) if each)
        return f"<Splits of {self._name}: {counts} images{more}>"

    def _repr_html_(self) -> str:
        rows = [(name, f"{len(images):,}", USES[name]) for name, images in self._parts.items()]
        said = [NO_VAL] * self.reward_from_train + [self.inputs] * bool(self.inputs)
        sentences = [*self.notes, *(f"{each}." for each in said)]
        return html_table(["split", "images", "for"], rows, f"Images of {self._name}", " ".join(sentences), (0, 2))

    def with_judging(self, seed: int) -> Splits:
        """The splits with half of the validation images, drawn by `seed`, put aside to judge what a search finds.

        Raises:
            UserError: There are fewer than two.
        """
        if self.judging is not None:
            return self
        reward, judging = halves(self.reward, seed)
        return replace(self, reward=reward, judging=judging)

    @property
    def _lacking(self) -> list[str]:
        """What was done for lack of a split."""
        return [NO_TEST] * self.test_from_val + [NO_VAL] * self.reward_from_train

    @property
    def _parts(self) -> dict[str, Images]:
        return {name: images for name in USES if (images := getattr(self, name)) is not None}

    @property
    def _name(self) -> str:
        known = f", {len(self.class_names)} classes" if self.class_names else ""
        return f"{self.source or 'objects'}{known}"


class HasPreprocess(Protocol):
    """A network that knows how the images of its training were made into inputs, as `amc.load_network` returns it."""

    @property
    def preprocess(self) -> Preprocess | None:
        """The preprocessing; None where it is not known."""
        ...


def load_data(
    data: Given,
    preprocess: Preprocess | HasPreprocess | None = None,
    sizes: SplitSizes | Mapping[str, int] = SplitSizes(),
    seed: int = 0,
    *,
    image_size: ImageSize | None = None,
    mean: Sequence[float] | None = None,
    std: Sequence[float] | None = None,
    class_order: str = "name",
) -> Splits:
    """Find the data, make its splits and read the calibration and reward images.

    On a terminal and in a notebook, bars show how far reading has come. Image files of the other splits are opened too,
    so that broken ones are found now.

    Args:
        data: `digits`, `cifar10`, `imagefolder:PATH` or that folder as a `pathlib.Path` (with train/, and val/, test/
            or both, and a folder for each class in each), `images:PATH` (images without labels, in no further folders),
            `masks:PATH` (images and masks in folders of these names, in the folders of splits or in no others),
            `coco:IMAGES,ANNOTATIONS.json` (a folder of images with boxes, or two names for each split),
            `path/to/file.py:function`, or a mapping with `train`, and `val`, `test` or both, each a dataset of (input,
            class) pairs or a `DataLoader`; or a function that returns such a mapping.
        preprocess: How images become inputs: a network that `amc.load_network` returned, or its `preprocess`. None for
            the data's own way, which an image folder lacks. Datasets of your own do it themselves.
        sizes: How many images each split shall have, such as `{"calibration": 500, "reward": 1000, "test": 1000}`; what
            is left out is 1,000 calibration images, all others (a tenth of the training images as reward images where
            there is no `val`; a quarter of images without labels for each of reward and test, and at most 5,000).
        seed: Seed of the random splits.
        image_size: Height and width of the input in pixels, or one number for both; None for those of `preprocess`.
        mean: Mean of each colour channel, of pixels in [0, 1]; None for that of `preprocess`, else ImageNet's.
        std: Standard deviation of each colour channel, of pixels in [0, 1]; None for that of `preprocess`, else
            ImageNet's.
        class_order: How the folders of an image folder's classes are numbered: `name` for alphabetical order, `number`
            for the order of the numbers in their names.

    Raises:
        UserError: The data is unknown, can't be found or read, or can't be split.
    """
    seed = check_seed(seed)
    data = as_text(data)
    own = preprocess if isinstance(preprocess, Preprocess | None) else _of_network(preprocess)
    asked: dict[str, Any] = {"image_size": image_size, "mean": mean, "std": std}
    asked = {name: value for name, value in asked.items() if value is not None}
    if asked and not isinstance(data, str):
        raise UserError(f"datasets of your own make the inputs themselves; leave {', '.join(map(option, asked))} out")
    if own is None and isinstance(data, str):
        own = OWN_PREPROCESS.get(data)
    how = adapted(own, image_size, mean, std)
    splits = load_splits(data, how, as_sizes(sizes), seed, progress=True, class_order=class_order)
    known = {name: getattr(how, name) for name in asked} | (
        {} if class_order == "name" else {"class_order": class_order}
    )
    if how is None or not isinstance(data, str) or not (data in OWN_PREPROCESS or data.startswith(FILES)):
        return replace(splits, preparation=known)
    assumed = assumed_values(own, asked)
    words = preparation_words(how, assumed)
    notes = [f"note: {words}"] if len(assumed) == 1 else []
    return replace(splits, preparation=known, inputs=words, notes=(*splits.notes, *notes))


def load_for(data: Given, preprocess: Preprocess | None = None, seed: int = 0, **preparation: Any) -> Splits:
    """The data for a network whose preparation of images is known or not, in a call that has no arguments for it.

    Args:
        data: The data, as `load_data` takes it.
        preprocess: How the network's images became inputs; None where that is not known.
        seed: Seed of the random splits.
        **preparation: What else is known of that, as arguments of `load_data`; objects prepare themselves.

    Raises:
        UserError: It is an image folder and nothing is known, or what `load_data` raises.
    """
    data = as_text(data)
    if not isinstance(data, str):
        return load_data(data, seed=seed)
    if not data.startswith(IMAGE_FOLDER):
        preparation = {name: value for name, value in preparation.items() if name != "class_order"}
    if data.startswith(FILES) and preprocess is None and "image_size" not in preparation:
        raise UserError(
            f"how images become inputs is unknown for this network; give data=amc.load_data({data!r}, image_size=...,"
            " mean=..., std=...)"
        )
    return load_data(data, preprocess, seed=seed, **preparation)


def load_splits(
    data: Given,
    preprocess: Preprocess | None = None,
    sizes: SplitSizes = SplitSizes(),
    seed: int = 0,
    progress: bool = False,
    memory_limit_bytes: int = MEMORY_LIMIT_BYTES,
    class_order: str = "name",
) -> Splits:
    """Find the data, make its splits and read the calibration and reward images, as `load_data` does.

    Args:
        data: The data, as `load_data` takes it.
        preprocess: How images become inputs; None for the data's own way, which an image folder lacks.
        sizes: How many images each split shall have.
        seed: Seed of the random splits.
        progress: Whether bars are shown on standard error while images are read.
        memory_limit_bytes: Bytes that a split's inputs may take in memory; larger splits are read anew in every pass.
        class_order: How the folders of an image folder's classes are numbered, as in `load_data`.

    Raises:
        UserError: The data is unknown, can't be found or read, or can't be split.
    """
    data = as_text(data)
    unsplit = find_data(data, preprocess, class_order)
    parts = partition({name: _labels(source) for name, source in unsplit.sources.items()}, sizes, seed)
    check_files(unsplit, parts, progress)

    test_from_val = "val" in unsplit.sources and "test" not in unsplit.sources

    def images(name: str, part: Subset) -> LazyImages | LoaderImages:
        title = f"reading {name} images" if progress else None
        return _images(unsplit.sources[part.source], part, memory_limit_bytes, title)

    return Splits(
        train=images("training", parts.train),
        calibration=_read(images("calibration", parts.calibration)),
        reward=_read(images("reward", parts.reward)),
        test=images("test", parts.test),
        class_names=unsplit.class_names,
        reward_from_train=parts.reward_from_train,
        notes=(*unsplit.notes, *[f"note: {NO_TEST}"] * test_from_val, *_dealt_out_note(parts)),
        source=data if isinstance(data, str) else "",
        test_from_val=test_from_val,
        is_labelled=unsplit.is_labelled,
    )


def _dealt_out_note(parts: Partition) -> list[str]:
    """The note that says how images that the data does not divide were."""
    if parts.train.source != UNDIVIDED:
        return []
    train, reward, test = (len(part.indices) for part in (parts.train, parts.reward, parts.test))
    return [
        f"note: {train + reward + test:,} images are divided at random: {train:,} to calibrate with, {reward:,} reward"
        f" images, {test:,} test images"
    ]


def _of_network(network: HasPreprocess) -> Preprocess | None:
    try:
        return network.preprocess
    except AttributeError:
        raise UserError(
            f"expected {option('preprocess')} as a network of amc.load_network or its preprocess, got"
            f" {type(network).__name__}; for one of your own give"
            f" {option('image_size')}, {option('mean')} and {option('std')}"
        ) from None


def _labels(source: Source) -> Labels:
    if isinstance(source, LoaderImages):
        return np.zeros(len(source), dtype=np.int64)
    return source.labels


def _images(source: Source, part: Subset, memory_limit_bytes: int, title: str | None) -> LazyImages | LoaderImages:
    if isinstance(source, LoaderImages):
        return source if len(part.indices) == len(source) else source.at(part.indices)
    one_process = isinstance(source, UserDataset) and source.dataset.fault is not None
    return LazyImages(StreamedImages(Selection(source, part.indices), one_process), memory_limit_bytes, title)


def _read(images: LazyImages | LoaderImages) -> Images:
    return images.loaded if isinstance(images, LazyImages) else images
