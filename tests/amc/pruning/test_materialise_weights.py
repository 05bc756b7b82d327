"""Convolutions that compute their weights, and what they are replaced with."""

from collections.abc import Callable

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from amc.analysis.analyse import analyse
from amc.pruning.materialise_weights import SamePadded, materialise_weights
from tests.oracles import randomise
from tests.unusual import Around

IMAGES = torch.randn(2, 3, 8, 8, generator=torch.Generator().manual_seed(0))


class Standardised(nn.Conv2d):
    def forward(self, x: Tensor) -> Tensor:
        weight = self.weight - self.weight.mean((1, 2, 3), keepdim=True)
        return F.conv2d(x, weight, self.bias, self.stride, self.padding, self.dilation, self.groups)


class PaddedItself(Standardised):
    def forward(self, x: Tensor) -> Tensor:
        return super().forward(F.pad(x, (0, 2, 0, 2)))


class SameSize(Standardised):
    """TensorFlow's rule: as many outputs as the stride leaves of the inputs, whatever the kernel."""

    def forward(self, x: Tensor) -> Tensor:
        tall, wide = (
            max(-(-size // step) * step - step + (kernel - 1) * wider + 1 - size, 0)
            for size, step, kernel, wider in zip(x.shape[2:], self.stride, self.kernel_size, self.dilation, strict=True)
        )
        return super().forward(F.pad(x, (wide // 2, wide - wide // 2, tall // 2, tall - tall // 2)))


class FixedFilter(nn.Conv2d):
    """Its weight is no parameter."""

    def __init__(self, inputs: int, outputs: int, kernel: int) -> None:
        super().__init__(inputs, outputs, kernel, groups=inputs, bias=False)
        weight = self.weight.detach()
        del self.weight
        self.register_buffer("weight", weight)


class OfTheInput(nn.Conv2d):
    def forward(self, x: Tensor) -> Tensor:
        return F.conv2d(x, self.weight * x.mean(), self.bias)


class Renamed(nn.Conv2d):
    """Another forward, but the weight is as stored."""

    def forward(self, x: Tensor) -> Tensor:
        return F.conv2d(F.pad(x, (0, 2, 0, 2)), self.weight, self.bias)


COMPUTED: dict[str, Callable[[], nn.Module]] = {
    "standardised": lambda: Standardised(8, 8, 3, padding=1, groups=2, bias=False),
    "dilated": lambda: Standardised(8, 8, 3, padding=2, dilation=2),
    "same size": lambda: SameSize(8, 8, (3, 4), dilation=(1, 2)),
    "same size, in steps": lambda: SameSize(8, 8, 2, stride=3),
    "parametrised": lambda: nn.utils.parametrizations.weight_norm(nn.Conv2d(8, 8, 3, padding=1)),
    "spectral": lambda: nn.utils.parametrizations.spectral_norm(nn.Conv2d(8, 8, 3, padding=1)),
    "in a buffer": lambda: FixedFilter(8, 8, 3),
}


@pytest.mark.parametrize("kind", COMPUTED)
def test_a_computed_weight_becomes_a_plain_one_that_can_be_cut(kind: str) -> None:
    torch.manual_seed(0)
    model = randomise(Around(COMPUTED[kind](), 8))
    with torch.no_grad():
        before = model(IMAGES)
        materialise_weights(model)
        torch.testing.assert_close(model(IMAGES), before)
    assert type(model.middle) is (SamePadded if "same" in kind else nn.Conv2d)
    left = {group.name for group in analyse(model, IMAGES).groups}
    assert {"conv1", "conv2"} <= left
    assert ("middle" in left) is (kind != "in a buffer")  # a depthwise one goes with what it reads


@pytest.mark.parametrize("size", [8, 9, 10, 13])
def test_zeros_follow_the_size_of_the_image(size: int) -> None:
    model = nn.Sequential(SameSize(3, 4, 5, stride=4))
    images = torch.randn(2, 3, size, size + 1)
    with torch.no_grad():
        before = model(images)
        materialise_weights(model.eval())
        torch.testing.assert_close(model(images), before)
    assert type(model[0]) is SamePadded


@pytest.mark.parametrize("build", [PaddedItself, OfTheInput, Renamed, nn.Conv2d])
def test_every_other_convolution_is_left(build: type[nn.Conv2d]) -> None:
    middle = build(8, 8, 3)
    model = Around(middle, 8).eval()
    materialise_weights(model)
    assert model.middle is middle


def test_a_module_in_two_places_is_still_one() -> None:
    model = nn.ModuleDict({"a": Standardised(3, 4, 3)})
    model["b"] = model["a"]
    materialise_weights(model.eval())
    assert type(model["a"]) is nn.Conv2d
    assert model["b"] is model["a"]


class Scaled(nn.Linear):
    def forward(self, x: Tensor) -> Tensor:
        return super().forward(x) * x.mean()


NORMED: dict[str, Callable[[nn.Module], nn.Module]] = {
    "weight norm": nn.utils.parametrizations.weight_norm,
    "spectral norm": nn.utils.parametrizations.spectral_norm,
    "former weight norm": nn.utils.weight_norm,
    "former spectral norm": nn.utils.spectral_norm,
}


@pytest.mark.filterwarnings("ignore:.*weight_norm.*deprecated:FutureWarning")
@pytest.mark.parametrize("kind", NORMED)
@pytest.mark.parametrize(
    "build", [lambda: nn.Linear(8, 6), lambda: nn.ConvTranspose2d(8, 6, 3, stride=2, padding=1, output_padding=1)]
)
def test_normed_weights_of_linear_and_transposed_layers_can_be_cut(kind: str, build: Callable[[], nn.Module]) -> None:
    torch.manual_seed(0)
    layer = NORMED[kind](build())
    is_linear = isinstance(layer, nn.Linear)
    pooled: list[nn.Module] = [nn.AdaptiveAvgPool2d(1), nn.Flatten()]
    model = nn.Sequential(
        nn.Conv2d(3, 8, 3), nn.ReLU(), *pooled[: 2 * is_linear], layer, nn.ReLU(), *pooled[2 * is_linear :]
    )
    model.append(nn.Linear(6, 2)).eval()
    with torch.no_grad():
        before = model(IMAGES)
        materialise_weights(model)
        torch.testing.assert_close(model(IMAGES), before)
    assert [group.width for group in analyse(model, IMAGES).groups] == [8, 6]


def test_a_linear_layer_that_computes_something_else_is_left() -> None:
    layer = nn.utils.parametrizations.weight_norm(Scaled(4, 4))
    model = nn.Sequential(layer).eval()
    materialise_weights(model)
    assert model[0] is layer


class Made(nn.Module):
    """A layer makes the weight of another one in each forward pass."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.second = nn.Linear(4, 4), nn.Linear(4, 4, bias=False)
        del self.second.weight

    def forward(self, x: Tensor) -> Tensor:
        self.second.weight = self.first.weight.t()
        out: Tensor = self.second(self.first(x))
        return out


def test_a_weight_that_another_module_sets_is_no_layers_own() -> None:
    model, x = Made().eval(), torch.randn(2, 4)
    with torch.no_grad():
        before = model(x)
        materialise_weights(model)
        torch.testing.assert_close(model(x), before)


def test_layers_that_a_file_has_not_plain_stay_as_they_are() -> None:
    model = nn.Sequential(nn.utils.parametrizations.weight_norm(nn.Linear(4, 4))).eval()
    normed = model[0]
    materialise_weights(model, model.state_dict().keys())
    assert model[0] is normed
    materialise_weights(model, {"0.weight"})
    assert type(model[0]) is nn.Linear
