"""Re-estimated batch norms, against means and variances taken over all images at once."""

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from amc.recovery.batch_norm_statistics import batch_normalised, channel_statistics, reestimate
from tests.architectures import PRUNABLE, Plain
from tests.oracles import prepared, randomise


def images(count: int) -> Tensor:
    return torch.randn(count, 3, 8, 8, generator=torch.Generator().manual_seed(0))


def norm_inputs(model: Plain, x: Tensor) -> tuple[Tensor, Tensor]:
    """What the two batch norms of the plain network read, when the first one uses its statistics of this pass."""
    with torch.no_grad():
        first = model.conv1(x)
        mean, var = first.mean((0, 2, 3)), first.var((0, 2, 3), unbiased=False)
        normed = F.batch_norm(first, mean, var, model.bn1.weight, model.bn1.bias)
        return first, model.conv2(F.relu(normed))


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.bfloat16])
@pytest.mark.parametrize("layout", [torch.contiguous_format, torch.channels_last])
@pytest.mark.parametrize("shape", [(5, 3, 4, 7), (1, 11, 2, 1), (4, 6, 1, 1)])
def test_channel_statistics(shape: tuple[int, ...], layout: torch.memory_format, dtype: torch.dtype) -> None:
    x = 3 * torch.randn(shape, generator=torch.Generator().manual_seed(0)) + 5
    x = x.to(dtype).to(memory_format=layout)
    mean, var = channel_statistics(x)
    assert mean.dtype == var.dtype == (torch.float64 if dtype == torch.float64 else torch.float32)
    torch.testing.assert_close(mean.double(), x.double().mean((0, 2, 3)), rtol=1e-5, atol=0)
    torch.testing.assert_close(var.double(), x.double().var((0, 2, 3), correction=0), rtol=1e-4, atol=0)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.bfloat16])
@pytest.mark.parametrize("layout", [torch.contiguous_format, torch.channels_last])
@pytest.mark.parametrize("affine", [True, False])
@pytest.mark.parametrize("shape", [(2, 5, 3, 16), (2, 16, 3, 16), (2, 5, 3, 4), (1, 7, 1, 40)])
def test_batch_normalised(
    shape: tuple[int, ...], affine: bool, layout: torch.memory_format, dtype: torch.dtype
) -> None:
    generator = torch.Generator().manual_seed(0)
    held = torch.rand(4, shape[1], generator=generator) + 0.5
    mean, var, weight, bias = held.double() if dtype == torch.float64 else held
    x = (3 * torch.randn(shape, generator=generator) + 5).to(dtype).to(memory_format=layout)
    found = batch_normalised(x, mean, var, weight if affine else None, bias if affine else None, 1e-3)
    standard = (x.double() - mean.double()[:, None, None]) / (var.double()[:, None, None] + 1e-3).sqrt()
    wanted = standard * weight[:, None, None] + bias[:, None, None] if affine else standard
    torch.testing.assert_close(found, wanted.to(dtype), rtol=1e-2 if dtype == torch.bfloat16 else 1e-5, atol=1e-5)
    assert found.is_contiguous(memory_format=layout)


@pytest.mark.parametrize("shape", [(6, 4), (6, 4, 5), (2, 4, 3, 5, 2)])
def test_channel_statistics_of_other_shapes(shape: tuple[int, ...]) -> None:
    x = torch.randn(shape, generator=torch.Generator().manual_seed(0))
    mean, var = channel_statistics(x)
    flat = x.transpose(0, 1).flatten(1)
    torch.testing.assert_close(mean, flat.mean(1))
    torch.testing.assert_close(var, flat.var(1, correction=0))


def test_statistics_of_one_batch_are_those_of_all_its_images() -> None:
    model = Plain()
    randomise(model)
    first, second = norm_inputs(model, images(16))
    reestimate(model, [images(16)])
    for norm, x in ((model.bn1, first), (model.bn2, second)):
        torch.testing.assert_close(norm.running_mean, x.mean((0, 2, 3)), rtol=1e-4, atol=1e-5)
        torch.testing.assert_close(norm.running_var, x.var((0, 2, 3)), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("size", [8, 6, 5])  # the last batch is as large, smaller, and a single image
def test_every_image_counts_the_same_whatever_its_batch(size: int) -> None:
    model = Plain()
    randomise(model)
    reestimate(model, images(16).split(size))
    with torch.no_grad():
        first = model.conv1(images(16))
    torch.testing.assert_close(model.bn1.running_mean, first.mean((0, 2, 3)), rtol=1e-4, atol=1e-5)
    torch.testing.assert_close(model.bn1.running_var, first.var((0, 2, 3)), rtol=0.05, atol=0.0)


def test_a_single_value_has_no_variance_and_is_passed_over() -> None:
    norm = nn.BatchNorm1d(3)
    model = nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten(), norm).eval()
    reestimate(model, images(9).split(8))
    torch.testing.assert_close(norm.running_mean, images(8).mean((0, 2, 3)))
    torch.testing.assert_close(norm.running_var, images(8).mean((2, 3)).var(0))


def test_where_there_are_only_single_values_the_statistics_stay() -> None:
    norm = nn.BatchNorm1d(3)
    model = randomise(nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten(), norm))
    before = {name: buffer.clone() for name, buffer in model.named_buffers()}
    reestimate(model, images(3).split(1))
    assert all(torch.equal(buffer, before[name]) for name, buffer in model.named_buffers())


class NormedTwice(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.norm = nn.BatchNorm2d(3)

    def forward(self, x: Tensor) -> Tensor:
        return torch.cat([self.norm(x).flatten(1), self.norm(2 * x[:, :, ::2] + 1).flatten(1)], 1)


def test_a_norm_that_runs_twice_averages_all_that_it_reads() -> None:
    model = NormedTwice().eval()
    reestimate(model, images(12).split(5))
    every = torch.cat([images(12).flatten(2), 2 * images(12)[:, :, ::2].flatten(2) + 1], 2)
    torch.testing.assert_close(model.norm.running_mean, every.mean((0, 2)))


def test_old_statistics_are_forgotten() -> None:
    model, other = Plain(), Plain()
    other.load_state_dict(model.state_dict())
    for norm in (other.bn1, other.bn2):
        nn.init.constant_(norm.running_mean, 1e6)  # type: ignore[arg-type]
    for network in (model, other):
        reestimate(network.eval(), [images(8)])
    assert model.bn1.running_mean is not None
    assert torch.equal(model.bn1.running_mean, other.bn1.running_mean)  # type: ignore[arg-type]


def test_nothing_else_changes() -> None:
    model = Plain()
    model.bn1.momentum, model.bn2.momentum = 0.1, None
    randomise(model)
    parameters = {name: parameter.detach().clone() for name, parameter in model.named_parameters()}
    reestimate(model, [images(8), images(4)])
    assert (model.bn1.momentum, model.bn2.momentum) == (0.1, None)
    assert not any(module.training for module in model.modules())
    for name, parameter in model.named_parameters():
        assert torch.equal(parameter, parameters[name])
        assert parameter.grad is None


class Dropped(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.dropout, self.norm = nn.Dropout(0.9), nn.BatchNorm2d(3)

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = self.norm(self.dropout(x))
        return out


def test_dropout_stays_off() -> None:
    model = Dropped().eval()
    reestimate(model, [images(8)])
    torch.testing.assert_close(model.norm.running_mean, images(8).mean((0, 2, 3)))


def test_nothing_is_left_on_a_network_that_raises() -> None:
    model = Plain().eval()
    with pytest.raises(RuntimeError):
        reestimate(model, [images(4), images(4)[:, :2]])
    assert model.bn1.momentum == 0.1
    assert not model.bn1.training
    assert not model.bn1._forward_pre_hooks


def test_a_network_without_statistics_is_not_even_run() -> None:
    model, _ = prepared("flattened")
    reestimate(model, [torch.zeros(1)])  # which it could not read
    untracked = nn.Sequential(nn.BatchNorm2d(3, track_running_stats=False)).eval()
    reestimate(untracked, [torch.zeros(1)])


def test_it_undoes_wrong_statistics() -> None:
    model = PRUNABLE["plain"].build().eval()
    reestimate(model, [images(64)])
    with torch.no_grad():
        outputs = [model(images(8)), 0]
        for module in model.modules():
            if isinstance(module, nn.BatchNorm2d):
                nn.init.constant_(module.running_var, 9.0)  # type: ignore[arg-type]
        assert not torch.allclose(model(images(8)), outputs[0], rtol=1e-2)
        reestimate(model, [images(64)])
        torch.testing.assert_close(model(images(8)), outputs[0])
