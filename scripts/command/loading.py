"""The network and the images that options name, loaded."""

from __future__ import annotations

import dataclasses
import sys

import torch

from amc.data.find_data import FILES
from amc.data.load import Splits, load_splits
from amc.data.preparation_words import preparation_words
from amc.data.preprocess import DIGITS, IMAGENET_MEAN, IMAGENET_STD, Preprocess, adapted
from amc.data.splits import SplitSizes
from amc.graph.input_spec import describe_inputs, zero_inputs
from amc.graph.inputs import Example
from amc.networks.sources import PREPROCESS, Network, load_network
from amc.scoring.metric_targets import with_targets
from amc.utils.defaults import CLASS_ORDER
from amc.utils.errors import UserError
from amc.utils.user_file import FORM, is_user_function
from scripts.options.network_and_images import DataOptions, ImageOptions, NetworkOptions


def preprocess_of(options: ImageOptions, own: Preprocess | None) -> Preprocess | None:
    """The network's `own` preprocessing with what was asked for in its place, as `amc.data.preprocess.adapted` says."""
    return adapted(own, options.image_size, options.mean, options.std)


def load_original(options: NetworkOptions, *, quiet: bool = False) -> Network:
    """The network with its weights, and with the preprocessing that was asked for in place of its own.

    Notes on the weights are printed on standard error unless `quiet`.

    Raises:
        UserError: An unknown network, or weights that can't be read or do not fit.
    """
    network = load_network(options.model, options.weights)
    for note in () if quiet else network.notes:
        print(f"note: {note}", file=sys.stderr)
    return dataclasses.replace(network, preprocess=preprocess_of(options.preparation, network.preprocess))


def example_without_data(options: NetworkOptions, network: Network) -> Example:
    """An input of zeros `(1, ...)`, or several, for an analysis without data.

    Raises:
        UserError: The size of the input is not known, or is given twice.
    """
    if options.input_spec is not None:
        if options.preparation.image_size is not None:
            raise UserError("--input-spec says the whole shape of each input; leave --image-size out")
        return zero_inputs(options.input_spec)
    if network.preprocess is None:
        raise UserError(f"the input size of {network.name} is not known; give --image-size or --input-spec")
    return torch.zeros(1, *network.preprocess.shape)


def check_inputs(options: NetworkOptions, example: Example) -> None:
    """Raise a UserError where the inputs that the data gives are not those of --input-spec."""
    spec = options.input_spec
    if spec is not None and describe_inputs(zero_inputs(spec)) != describe_inputs(example):
        raise UserError(f"the data gives inputs of {describe_inputs(example)}, got --input-spec {spec}")


def default_data(model: str) -> str | None:
    """The data of a network of that name where none is asked for: digits where it was trained on them, else none."""
    return "digits" if PREPROCESS.get(model) is DIGITS else None


def data_of(data: str | None, model: str) -> str:
    """The data that is asked for, else that of the network.

    Raises:
        UserError: No data is asked for, and the network has none of its own.
    """
    if found := data or default_data(model):
        return found
    raise UserError(
        f"expected --data for {model}: imagefolder:PATH (a folder with train/, and val/, test/ or both), images:PATH"
        f" (images without labels, for --metric fidelity), cifar10, digits or {FORM}"
    )


def load_images(
    options: DataOptions,
    network: Network,
    metric: str,
    output_kind: str | None,
    seed: int,
    device: torch.device,
    *,
    progress: bool,
) -> Splits:
    """The splits, with the targets that the metric compares with the network's outputs.

    With `progress`, bars are shown while images are read, and notes on the data are printed. The network runs on
    `device` where its outputs are the targets.

    Raises:
        UserError: Data that can't be read, or classes that the network does not have.
    """
    sizes = SplitSizes(options.calibration_images, options.reward_split, options.test_images)
    data, order = data_of(options.data, network.name), options.class_order or CLASS_ORDER
    splits = load_splits(data, network.preprocess, sizes, seed, progress, class_order=order)
    compared = with_targets(splits, network.model, network.class_names, metric, device, output_kind)
    if progress:
        print_notes(splits)
        _say_normalisation(data, network)
    return compared


def _say_normalisation(data: str, network: Network) -> None:
    """Print on standard error that images are normalised as on ImageNet, which a user's own network may not expect."""
    how = network.preprocess
    if how is None or not (data.startswith(FILES) and is_user_function(network.name)):
        return
    if (how.mean, how.std) == (IMAGENET_MEAN, IMAGENET_STD):
        print(f"note: {preparation_words(how, ())}, those of ImageNet; --mean and --std give others", file=sys.stderr)


def print_notes(splits: Splits) -> None:
    """Print the notes on the data on standard error."""
    for note in splits.notes:
        print(note, file=sys.stderr)
