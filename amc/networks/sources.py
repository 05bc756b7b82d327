"""Trained networks, found by the words that a user gives for them."""

from dataclasses import dataclass, replace
from pathlib import Path

from torch import nn

from amc.data.preprocess import CIFAR, DIGITS, IMAGENET, Preprocess
from amc.networks.admission import admit
from amc.networks.finite import check_finite
from amc.networks.models import MODELS
from amc.networks.timm_networks import timm_network
from amc.networks.weight_files import load_weights
from amc.pruning.materialise_weights import materialise_weights
from amc.utils.errors import UserError
from amc.utils.text import did_you_mean
from amc.utils.user_file import FORM, call_function, is_user_function

PREPROCESS: dict[str, Preprocess] = {
    "digits_resnet": DIGITS,
    "resnet20": CIFAR,
    "resnet32": CIFAR,
    "resnet44": CIFAR,
    "resnet56": CIFAR,
    "resnet110": CIFAR,
    "plain20": CIFAR,
    "vgg16_bn_cifar": CIFAR,
    "mobilenet_v1_cifar": CIFAR,
    "mobilenet_v2_cifar": CIFAR,
    "mobilenet_v2_x0_5_cifar": CIFAR,
    "mobilenet_v1": IMAGENET,
    "shufflenet_v1": IMAGENET,
}
"""How images become inputs of each network that comes with the tool."""
WEIGHTS_FOLDER = Path(__file__).parent / "models" / "weights"
TORCHVISION = "torchvision:"
TIMM = "timm:"


@dataclass(frozen=True, repr=False)
class Network:
    """A network and what is known about it.

    Attributes:
        model: The network, in evaluation mode, on the CPU.
        name: The words by which it was asked for.
        preprocess: How the images of its training were made into inputs, if known.
        class_names: Names of its outputs, in order, if known.
        notes: Lines that tell the user what was done to it.
        weights: The words by which its weights were asked for.
    """

    model: nn.Module
    name: str
    preprocess: Preprocess | None
    class_names: tuple[str, ...] | None
    notes: tuple[str, ...] = ()
    weights: str = "default"

    def __repr__(self) -> str:
        count = sum(parameter.numel() for parameter in self.model.parameters())
        shape = "" if self.preprocess is None else f", inputs of {'x'.join(map(str, self.preprocess.shape))}"
        return f"<Network {self.name}: {count:,} parameters{shape}>"


def load_network(spec: str, weights: str = "default") -> Network:
    """Build a network and load its weights; convolutions that compute their weights become plain ones.

    Args:
        spec: A name in `amc.networks.models.MODELS`, `torchvision:NAME` (image classification), `timm:NAME` (with the
            extra `timm`), or `path/to/file.py:function` (a function without arguments that returns an `nn.Module`).
        weights: `default` (the packaged weights, torchvision's best, timm's, or what the user's function returned),
            `none` (as built: random for a name), or a file, also as `FILE:KEY`, that
            `amc.networks.weight_files.load_weights` reads.

    Raises:
        UserError: The name is unknown, weights are missing, do not fit, are not finite or can't be downloaded, or the
            function fails or returns something else.
    """
    asked = weights
    if is_user_function(spec):
        network = _user_network(spec)
    elif spec.startswith(TORCHVISION):
        from amc.networks.torchvision_networks import torchvision_network

        model, preprocess, names = torchvision_network(spec.removeprefix(TORCHVISION), weights == "default")
        network = Network(model, spec, preprocess, names)
    elif spec.startswith(TIMM):
        model, preprocess = timm_network(spec.removeprefix(TIMM), pretrained=weights == "default")
        network = Network(model, spec, preprocess, None)
    elif spec in MODELS:
        network = Network(MODELS[spec](), spec, PREPROCESS[spec], None)
        if weights == "default":
            weights = str(_packaged_weights(spec))
    else:
        raise UserError(
            f"expected a network's name, {TORCHVISION}NAME, {TIMM}NAME or {FORM}, got {spec!r}; {_meant(spec)}"
        )
    if weights not in ("default", "none"):
        network = replace(network, notes=(*network.notes, *load_weights(network.model, weights)))
    check_finite(network.model, spec if weights in ("default", "none") else weights)
    materialise_weights(network.model.eval())
    return replace(network, weights=asked)


def has_name(spec: str) -> bool:
    """Whether a name is of the form that `load_network` builds networks by, without importing a user's code."""
    return spec in MODELS or spec.startswith((TORCHVISION, TIMM))


def class_names_of(spec: str, weights: str) -> tuple[str, ...] | None:
    """The names of a network's classes in the order of its outputs, where its weights tell them; no weights are loaded.

    So the classes of a compact network are those of the original, whose weights are no longer needed.

    Args:
        spec: The network, as `load_network` takes it.
        weights: The weights that the original had.
    """
    if not spec.startswith(TORCHVISION) or weights != "default":
        return None
    from amc.networks.torchvision_networks import pretrained_class_names

    return pretrained_class_names(spec.removeprefix(TORCHVISION))


def _meant(spec: str) -> str:
    from amc.networks.torchvision_networks import is_torchvision

    if is_torchvision(spec):
        return f"did you mean {TORCHVISION}{spec}?"
    if spec.endswith(".py"):
        return f"did you mean {spec}:NAME, with the name of a function in it?"
    module, _, name = spec.replace(":", ".").rpartition(".")  # as Python and other tools name what a module holds
    file = Path(module.replace(".", "/") + ".py")
    if module and name and file.is_file():
        return f"did you mean {file.as_posix()}:{name}?"
    return did_you_mean(spec, MODELS)


def _packaged_weights(name: str) -> Path:
    path = WEIGHTS_FOLDER / f"{name}.safetensors"
    if not path.is_file():
        raise UserError(
            f"no weights are packaged for {name}; give a weights file, or 'none' for a network with random weights"
        )
    return path


def _user_network(spec: str) -> Network:
    model = call_function(spec)
    if not isinstance(model, nn.Module):
        raise UserError(f"expected {spec} to return a torch.nn.Module, got {type(model).__name__}")
    model, notes = admit(model)
    return Network(model, spec, None, None, notes)
