"""What users give as a network and as its input: an object, a result, or the folder of a run."""

from __future__ import annotations

import warnings
from dataclasses import dataclass, replace
from numbers import Integral
from pathlib import Path
from typing import Any, Protocol

import torch
from torch import Tensor, nn

from amc.artifacts.policy import POLICY_FILE, OriginalLike, Policy, load, read_policy
from amc.artifacts.run_folder import recorded_preparation, recorded_weights
from amc.data.image_size import ImageSize, sides
from amc.data.load import Splits
from amc.graph.input_spec import zero_inputs
from amc.graph.inputs import Example, tensors
from amc.networks.admission import admit
from amc.networks.sources import Network, class_names_of, has_name, load_network
from amc.utils.copying import copy_network
from amc.utils.errors import UserError
from amc.utils.option_names import option


class Result(Protocol):
    """The result of a search or of a fine-tuning."""

    @property
    def network(self) -> nn.Module:
        """The compact network."""
        ...

    @property
    def policy(self) -> Policy:
        """How the original was cut."""
        ...

    @property
    def class_names(self) -> tuple[str, ...] | None:
        """The names of the network's classes."""
        ...


NetworkLike = nn.Module | Network | Result | str | Path
"""A network, what `amc.load_network` gives, the result of a search or fine-tuning, or the folder of a run."""
ExampleLike = Example | Splits | str | tuple[int, ...]
"""An input `(1, ...)` or all arguments of the network, its shape such as `3x224x224` or `(3, 224, 224)`, or data."""


@dataclass(frozen=True, eq=False)
class GivenNetwork:
    """A network that the user gave.

    Attributes:
        model: The network in evaluation mode, in float32 and without wrappers: a copy of what was given.
        name: The name of it in tables.
        example: An input of zeros; None where its shape is not known.
        class_names: The names of its outputs, in order; None where they are not known.
    """

    model: nn.Module
    name: str
    example: Example | None
    class_names: tuple[str, ...] | None = None


def find_network(given: NetworkLike, original: OriginalLike | None = None) -> GivenNetwork:
    """The network that the user gave; of a result or a run it is the compact one.

    Args:
        given: The network.
        original: The original network, as `amc.load` takes it, which the folder of a run on a user's own network needs.

    Raises:
        UserError: It is no network, its modules can't be read or pruned, or the folder holds no run.
    """
    found = _found(given, original)
    model, notes = admit(copy_network(found.model))
    for note in notes:
        warnings.warn(note, stacklevel=3)
    return replace(found, model=model)


def find_original(given: NetworkLike, original: OriginalLike | None = None) -> nn.Module:
    """The original of a network that the user gave, with its weights, in evaluation mode.

    Args:
        given: The network, of which the original is known if it is one itself (`amc.load_network`), or the folder of a
            run on a named network.
        original: The original where the user gave it, too.

    Raises:
        UserError: It is not known, or its weights can't be loaded.
    """
    run = Path(given) if isinstance(given, str | Path) else None
    weights = recorded_weights(run) if run is not None else ""
    if original is None and isinstance(given, Network):
        original = given
    elif original is None and run is not None and has_name(read_policy(run / POLICY_FILE).model):
        original = read_policy(run / POLICY_FILE).model
    if isinstance(original, str) and weights != "none":
        original = load_network(original, weights or "default")
    if not isinstance(original, Network | nn.Module):
        raise UserError(
            f"what the network is compared with is not known; give the original with its weights as {option('model')}"
        )
    return admit(copy_network(original.model if isinstance(original, Network) else original))[0]


def find_policy(given: NetworkLike) -> Policy:
    """How the original of a result or a run was cut.

    Raises:
        UserError: It is neither, or the folder holds no run.
    """
    if isinstance(given, str | Path):
        return read_policy(Path(given) / POLICY_FILE)
    policy = getattr(given, "policy", None)
    if not isinstance(policy, Policy):
        raise UserError("how the network was cut is not known; give the result of a search, or the folder of its run")
    return policy


def find_architecture(policy: Policy, original: OriginalLike | None = None) -> nn.Module:
    """The original network of a policy, with any weights: the one that the user gave, or by its name.

    Raises:
        UserError: The user gave none, and it has no name.
    """
    given = policy.model if original is None else original
    if original is None and not has_name(policy.model):
        raise UserError(
            f"what {policy.model} was is not known; give the original, with any weights, as {option('model')}"
        )
    found = load_network(given, weights="none") if isinstance(given, str) else given
    return found.model if isinstance(found, Network) else found


def find_example(
    network: GivenNetwork, given: ExampleLike | None = None, image_size: ImageSize | None = None
) -> Example:
    """An input of a network: the one that is `given`, of colour images of `image_size`, or as is known of the network.

    A shape may begin with the 1 of a batch: of images it has four numbers then, and of volumes, which networks of 3-D
    convolutions take, five. Images of `image_size` have as many channels as is known of the network, else one where its
    first convolution reads one, else three.

    Raises:
        UserError: The shape is not known, is given twice, or is none.
    """
    if given is not None and image_size is not None:
        raise UserError(f"the example says the whole shape of the input; leave {option('image_size')} out")
    if isinstance(given, Splits):
        example: Example = given.calibration.example(1)
        return example
    if isinstance(given, tuple) and given and all(isinstance(side, Integral) for side in given):
        is_of_volumes = any(isinstance(each, nn.Conv3d) for each in network.model.modules())
        shape = given[1:] if len(given) == (5 if is_of_volumes else 4) and given[0] == 1 else given
        return zero_inputs("x".join(map(str, shape)))
    if isinstance(given, str):
        return zero_inputs(given)
    if given is not None:
        found = tensors(given)
        if not found or not found[0].numel():
            got = "an empty tensor" if found else type(given).__name__
            raise UserError(f"expected an example input with tensors, data, or a shape such as 3x64x64, got {got}")
        return given
    if image_size is not None:
        return torch.zeros(1, _channels(network), *sides(image_size))
    if network.example is None:
        raise UserError(
            f"the input size of {network.name} is not known; give {option('image_size')}, or an example of its inputs"
        )
    return network.example


def preparation_of(given: NetworkLike) -> dict[str, Any]:
    """The arguments of `amc.load_data` that make images inputs of a network, as far as it or its run tells.

    The seed of a run is among them: it decides which images are test images where the data has no test split.

    Raises:
        UserError: The folder holds no run, or is damaged.
    """
    if isinstance(given, Network):
        return {"preprocess": given.preprocess}
    if not isinstance(given, str | Path):
        return {}
    name = read_policy(Path(given) / POLICY_FILE).model
    known = {"preprocess": load_network(name, weights="none").preprocess} if has_name(name) else {}
    return known | recorded_preparation(Path(given))


def _found(given: NetworkLike, original: OriginalLike | None) -> GivenNetwork:
    if isinstance(given, str | Path):
        policy = read_policy(Path(given) / POLICY_FILE)
        names = class_names_of(policy.model, recorded_weights(Path(given)))
        return GivenNetwork(load(given, original), Path(given).resolve().name, zero_inputs(policy.inputs), names)
    if isinstance(given, nn.Module):
        return GivenNetwork(given, type(given).__name__, None)
    if isinstance(given, Network):
        known = None if given.preprocess is None else torch.zeros(1, *given.preprocess.shape)
        return GivenNetwork(given.model, given.name, known, given.class_names)
    if isinstance(getattr(given, "network", None), nn.Module):
        inputs = zero_inputs(given.policy.inputs)
        return GivenNetwork(given.network, f"compact {given.policy.model}", inputs, given.class_names)
    raise UserError(
        "expected a torch.nn.Module, what amc.load_network returns, the result of a search or of a fine-tuning, or the"
        f" folder of a run as a network, got {type(given).__name__}"
    )


def _channels(network: GivenNetwork) -> int:
    """How many channels the network's images have."""
    known = network.example
    if isinstance(known, Tensor) and known.ndim == 4:
        return known.shape[1]
    first = next((each for each in network.model.modules() if isinstance(each, nn.Conv2d)), None)
    return 1 if first is not None and first.in_channels == 1 else 3
