"""Moments of what layers read, against rows that PyTorch's own unfolding makes."""

from collections.abc import Callable

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.utils._python_dispatch import _get_current_dispatch_mode

from amc.graph import trace_graph
from amc.recovery import calibration
from amc.recovery.calibration import POSITIONS_PER_IMAGE, Moments, collect_moments
from amc.utils.errors import UserError
from tests.oracles import snapshot


def noise(*shape: int) -> Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(0))


def moments_of(model: nn.Module, images: Tensor, batch: int = 4, seed: int = 0) -> dict[str, Moments]:
    graph = trace_graph(model, images[:1])
    return collect_moments(model.eval(), graph, list(images.split(batch)), len(images), seed)


def row_count(moments: Moments) -> int:
    """The number of rows behind the moments: the square of the column of ones."""
    source = moments.gram if moments.gram is not None else moments.rows
    assert source is not None
    return int(source[0, -1, -1]) if moments.gram is not None else source.shape[1]


def gram_of(moments: Moments) -> Tensor:
    if moments.gram is not None:
        return moments.gram
    assert moments.rows is not None
    return moments.rows.transpose(1, 2).double() @ moments.rows.double()


def with_ones(rows: Tensor) -> Tensor:
    return torch.cat([rows, torch.ones_like(rows[..., :1])], -1).double()


def input_of(layer: nn.Module, model: nn.Module, images: Tensor) -> Tensor:
    seen: list[Tensor] = []
    handle = layer.register_forward_pre_hook(lambda _, args: seen.append(args[0]))
    with torch.no_grad():
        model(images)
    handle.remove()
    return torch.cat(seen)


def unfolded(conv: nn.Conv1d | nn.Conv2d, x: Tensor) -> Tensor:
    """What a convolution reads, `(positions, channels * kernel)` over all images."""
    kernel, dilation, stride = conv.kernel_size, conv.dilation, conv.stride
    padding = conv.padding
    assert not isinstance(padding, str)
    if x.ndim == 3:
        x, kernel, dilation, stride, padding = x[:, :, None], (1, *kernel), (1, *dilation), (1, *stride), (0, *padding)
    return F.unfold(x, kernel, dilation, padding, stride).transpose(1, 2).flatten(0, 1)


CONVOLUTIONS: dict[str, Callable[[], nn.Conv2d]] = {
    "1 x 1": lambda: nn.Conv2d(6, 5, 1),
    "1 x 1, stride": lambda: nn.Conv2d(6, 5, 1, stride=2),
    "3 x 3": lambda: nn.Conv2d(6, 5, 3),
    "3 x 3, padding": lambda: nn.Conv2d(6, 5, 3, padding=1),
    "3 x 3, stride": lambda: nn.Conv2d(6, 5, 3, stride=2, padding=1),
    "3 x 3, same": lambda: nn.Conv2d(6, 5, 3, padding="same"),
    "3 x 3, dilation": lambda: nn.Conv2d(6, 5, 3, padding=2, dilation=2),
    "5 x 5": lambda: nn.Conv2d(6, 5, 5, padding=2),
    "uneven": lambda: nn.Conv2d(6, 5, (3, 5), stride=(2, 1), padding=(0, 2), dilation=(2, 1)),
}


@pytest.mark.parametrize("kind", CONVOLUTIONS)
def test_gram_of_a_convolution(kind: str) -> None:
    torch.manual_seed(0)
    conv = CONVOLUTIONS[kind]()
    model = nn.Sequential(nn.Conv2d(3, 6, 1), nn.Tanh(), conv, nn.Tanh(), nn.Conv2d(5, 2, 1))
    images = noise(20, 3, 7, 6)  # at most 42 positions: all of them count
    found = moments_of(model, images)
    assert set(found) == {"2.weight", "4.weight"}
    padded = conv if conv.padding != "same" else nn.Conv2d(6, 5, 3, padding=1)
    rows = with_ones(unfolded(padded, input_of(conv, model, images)))
    torch.testing.assert_close(gram_of(found["2.weight"])[0], rows.T @ rows, rtol=1e-4, atol=1e-3)
    assert row_count(found["2.weight"]) == len(rows)


def test_gram_of_a_convolution_of_signals() -> None:
    conv = nn.Conv1d(4, 5, 3, stride=2, padding=2, dilation=2)
    model = nn.Sequential(nn.Conv1d(2, 4, 1), nn.Tanh(), conv, nn.Tanh(), nn.Conv1d(5, 2, 1))
    signals = noise(9, 2, 20)
    rows = with_ones(unfolded(conv, input_of(conv, model, signals)))
    torch.testing.assert_close(gram_of(moments_of(model, signals)["2.weight"])[0], rows.T @ rows, rtol=1e-4, atol=1e-3)


def test_gram_of_a_convolution_of_volumes() -> None:
    conv = nn.Conv3d(4, 5, (2, 3, 1), stride=(1, 2, 1))
    model = nn.Sequential(nn.Conv3d(2, 4, 1), nn.Tanh(), conv, nn.Tanh(), nn.Conv3d(5, 2, 1))
    volumes = noise(9, 2, 4, 5, 3)
    x = input_of(conv, model, volumes)
    rows = with_ones(
        x.unfold(2, 2, 1).unfold(3, 3, 2).unfold(4, 1, 1).permute(0, 2, 3, 4, 1, 5, 6, 7).flatten(4).flatten(0, 3)
    )
    torch.testing.assert_close(gram_of(moments_of(model, volumes)["2.weight"])[0], rows.T @ rows, rtol=1e-4, atol=1e-3)


def test_each_group_of_a_grouped_convolution_has_its_own_gram() -> None:
    conv = nn.Conv2d(8, 6, 3, padding=1, groups=2)
    model = nn.Sequential(nn.Conv2d(3, 8, 1), nn.Tanh(), conv, nn.Tanh(), nn.Conv2d(6, 2, 1))
    images = noise(9, 3, 6, 6)
    gram = gram_of(moments_of(model, images)["2.weight"])
    x = input_of(conv, model, images)
    for group, part in enumerate(x.chunk(2, 1)):
        rows = with_ones(F.unfold(part, 3, padding=1).transpose(1, 2).flatten(0, 1))
        torch.testing.assert_close(gram[group], rows.T @ rows, rtol=1e-4, atol=1e-3)


@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize("shape", [(30, 4), (12, 5, 4), (6, 3, 5, 4)])
def test_gram_of_a_linear_layer(shape: tuple[int, ...], bias: bool) -> None:
    torch.manual_seed(0)
    linear = nn.Linear(6, 5, bias=bias)
    model = nn.Sequential(nn.Linear(4, 6), nn.Tanh(), linear, nn.Tanh(), nn.Linear(5, 2))
    inputs = noise(*shape)
    rows = with_ones(input_of(linear, model, inputs).flatten(0, -2))
    torch.testing.assert_close(
        gram_of(moments_of(model, inputs, batch=6)["2.weight"])[0], rows.T @ rows, rtol=1e-4, atol=1e-4
    )


class Twice(nn.Module):
    """One 1 x 1 convolution at two resolutions."""

    def __init__(self) -> None:
        super().__init__()
        self.stem, self.shared = nn.Conv2d(3, 8, 1), nn.Conv2d(8, 8, 1)
        self.fc = nn.Linear(16, 2)

    def forward(self, x: Tensor) -> Tensor:
        x = self.stem(x).tanh()
        wide, narrow = self.shared(x), self.shared(F.avg_pool2d(x, 3))
        out: Tensor = self.fc(torch.cat([wide.mean((2, 3)), narrow.mean((2, 3))], 1))
        return out


@pytest.mark.parametrize("count", [1, 3])  # of one image the small resolution has fewer rows than unknowns
def test_a_weight_used_twice_has_the_sum_over_its_uses(count: int) -> None:
    torch.manual_seed(0)
    model = Twice()
    images = noise(count, 3, 6, 6)
    with torch.no_grad():
        x = model.stem(images).tanh()
    uses = [part.flatten(2).transpose(1, 2).flatten(0, 1) for part in (x, F.avg_pool2d(x, 3))]
    rows = with_ones(torch.cat(uses))
    found = moments_of(model, images)["shared.weight"]
    assert row_count(found) == count * (36 + 4)
    torch.testing.assert_close(gram_of(found)[0], rows.T @ rows, rtol=1e-4, atol=1e-4)


def test_where_rows_are_fewer_than_unknowns_they_are_kept() -> None:
    conv = nn.Conv2d(6, 5, 5, padding=2)  # 151 unknowns
    model = nn.Sequential(nn.Conv2d(3, 6, 1), nn.Tanh(), conv, nn.Tanh(), nn.Conv2d(5, 2, 1))
    images = noise(2, 3, 7, 7)
    found = moments_of(model, images, batch=1)["2.weight"]
    rows = with_ones(unfolded(conv, input_of(conv, model, images)))
    assert found.gram is None
    assert found.rows is not None
    assert found.rows.shape == (1, 98, 151)
    torch.testing.assert_close(gram_of(found)[0], rows.T @ rows, rtol=1e-4, atol=1e-3)


def test_of_many_positions_some_are_sampled_and_the_seed_says_which() -> None:
    conv = nn.Conv2d(6, 5, 3)
    model = nn.Sequential(nn.Conv2d(3, 6, 1), nn.Tanh(), conv, nn.Conv2d(5, 2, 1))
    images = noise(8, 3, 20, 20)
    first, same, other = (moments_of(model, images, seed=seed)["2.weight"] for seed in (0, 0, 1))
    assert row_count(first) == 8 * POSITIONS_PER_IMAGE
    torch.testing.assert_close(gram_of(first), gram_of(same), rtol=0, atol=0)
    assert not torch.allclose(gram_of(first), gram_of(other))


def test_positions_are_drawn_without_repetition() -> None:
    conv = nn.Conv2d(60, 5, 5)
    model = nn.Sequential(nn.Conv2d(3, 60, 1), nn.Tanh(), conv, nn.Conv2d(5, 2, 1))
    images = noise(1, 3, 20, 20)  # 256 positions for 1,501 unknowns
    taken = moments_of(model, images)["2.weight"].rows
    assert taken is not None
    every = with_ones(F.unfold(input_of(conv, model, images), 5)[0].T)
    nearest = torch.cdist(taken[0].double(), every).min(1)
    assert nearest.values.max() < 1e-4
    assert sorted(nearest.indices.tolist()) == list(range(256))


@pytest.mark.parametrize(("images", "rows"), [(2, 2 * 256), (8, 8 * 151), (40, 40 * POSITIONS_PER_IMAGE)])
def test_few_images_give_more_positions_each(images: int, rows: int) -> None:
    model = nn.Sequential(nn.Conv2d(3, 6, 1), nn.Tanh(), nn.Conv2d(6, 5, 5), nn.Conv2d(5, 2, 1))
    found = moments_of(model, noise(images, 3, 20, 20))["2.weight"]  # 151 unknowns
    assert row_count(found) == rows
    assert (found.split() is None) == (images > 2)


def test_what_is_held_out_and_what_is_seen_are_all(monkeypatch: pytest.MonkeyPatch) -> None:
    model = nn.Sequential(nn.Conv2d(3, 6, 1), nn.Tanh(), nn.Conv2d(6, 5, 3), nn.Conv2d(5, 2, 1))
    found = moments_of(model, noise(10, 3, 5, 5), batch=5)["2.weight"]  # 90 rows for 55 unknowns
    seen, held = found.split() or (None, None)
    assert seen is not None
    assert held is not None
    assert (row_count(seen), row_count(held)) == (72, 18)
    torch.testing.assert_close(gram_of(seen) + gram_of(held), gram_of(found))
    monkeypatch.setattr(calibration, "LARGEST_GRAM", 1)
    monkeypatch.setattr(calibration, "MOST_ROWS", 50)
    rows = moments_of(model, noise(10, 3, 5, 5), batch=5)["2.weight"]
    assert rows.rows is not None
    assert row_count(rows) == 50
    seen, held = rows.split() or (None, None)
    assert seen is not None
    assert held is not None
    assert (row_count(seen), row_count(held)) == (40, 10)


def test_batches_make_no_difference() -> None:
    model = nn.Sequential(nn.Conv2d(3, 6, 1), nn.Tanh(), nn.Conv2d(6, 5, 3), nn.Tanh(), nn.Conv2d(5, 2, 1))
    images = noise(7, 3, 6, 6)
    grams = [gram_of(moments_of(model, images, batch)["2.weight"]) for batch in (7, 3, 1)]
    torch.testing.assert_close(grams[0], grams[1], rtol=1e-5, atol=1e-4)
    torch.testing.assert_close(grams[0], grams[2], rtol=1e-5, atol=1e-4)


class Breaks(nn.Sequential):
    def forward(self, x: Tensor) -> Tensor:
        if len(x) == 3:
            raise ValueError("the user's own mistake")
        out: Tensor = super().forward(x)
        return out


def test_nothing_is_left_behind_when_the_network_raises() -> None:
    model = Breaks(nn.Conv2d(3, 6, 1), nn.Tanh(), nn.Conv2d(6, 2, 1)).eval()
    graph = trace_graph(model, torch.zeros(1, 3, 4, 4))
    before, shortcut = snapshot(model), torch.backends.mha.get_fastpath_enabled()
    with pytest.raises(ValueError, match="the user's own mistake"):
        collect_moments(model, graph, [torch.zeros(2, 3, 4, 4), torch.zeros(3, 3, 4, 4)], 5, seed=0)
    assert snapshot(model) == before
    assert _get_current_dispatch_mode() is None
    assert torch.backends.mha.get_fastpath_enabled() == shortcut


def test_transposed_convolutions_and_untouched_layers_are_left_out() -> None:
    model = nn.Sequential(nn.Conv2d(3, 6, 1), nn.ConvTranspose2d(6, 5, 2), nn.Conv2d(5, 2, 1))
    assert set(moments_of(model, torch.randn(2, 3, 4, 4))) == {"2.weight"}


def test_a_weight_that_is_read_along_both_axes_or_in_other_groups_is_left_out() -> None:
    class Both(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.stem, self.code, self.shared = nn.Conv2d(3, 8, 1), nn.Linear(8, 6), nn.Conv2d(4, 8, 1)
            self.fc = nn.Linear(24, 2)

        def forward(self, x: Tensor) -> Tensor:
            x = self.stem(x).relu()
            both = F.linear(self.code(x.mean((2, 3))), self.code.weight.t())
            shared = torch.cat([self.shared(x[:, :4]), F.conv2d(x, self.shared.weight, groups=2)], 1)
            out: Tensor = self.fc(torch.cat([both, shared.mean((2, 3))], 1))
            return out

    assert list(moments_of(Both(), noise(40, 3, 4, 4))) == ["fc.weight"]


def test_batches_with_large_activations_are_read_in_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    model = nn.Sequential(nn.Conv2d(3, 8, 3), nn.ReLU(), nn.Conv2d(8, 6, 3), nn.ReLU(), nn.Conv2d(6, 2, 1))
    images = noise(20, 3, 8, 8)
    whole = moments_of(model, images, batch=10)
    seen: list[int] = []
    model[0].register_forward_pre_hook(lambda _, args: seen.append(len(args[0])))
    monkeypatch.setattr(calibration, "LARGEST_AT_ONCE", 4 * 4 * 8 * 36)  # of four images: 8 channels of 6 x 6 pixels
    found = moments_of(model, images, batch=10)
    assert seen[-6:] == [4, 4, 2, 4, 4, 2]
    assert found.keys() == whole.keys()
    for name, moments in found.items():
        torch.testing.assert_close(gram_of(moments), gram_of(whole[name]), rtol=1e-5, atol=1e-3)


class PerImage(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.first, self.second = nn.Conv2d(3, 4, 3), nn.Conv2d(4, 2, 3)

    def forward(self, x: Tensor) -> Tensor:
        return torch.cat([self.second(self.first(image[None])) for image in x])


def test_layers_that_run_another_number_of_times_are_refused_in_one_line() -> None:
    images = noise(4, 3, 8, 8)
    with pytest.raises(UserError, match=r"ran 8 times on the calibration images, and 2 times .*criterion=.l1") as seen:
        moments_of(PerImage(), images)
    assert "\n" not in str(seen.value)


class Prototypes(nn.Module):
    """Products of activations, one for each image, come after all layers."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.second = nn.Conv2d(3, 4, 3), nn.Conv2d(4, 2, 3)

    def forward(self, x: Tensor) -> Tensor:
        x = self.second(self.first(x)).flatten(2)
        return torch.stack([image @ image.T for image in x])


def test_products_behind_all_layers_may_be_as_many_as_there_are_images() -> None:
    assert moments_of(Prototypes(), noise(4, 3, 8, 8)).keys() == {"second.weight"}
