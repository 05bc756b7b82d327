import pytest
import torch
from torch import nn

from amc.data.augment import Augmentation
from amc.data.resident import ResidentImages
from amc.errors import UserError
from amc.training import Recipe, Training

CPU = torch.device("cpu")


def recipe(learning_rate: float = 0.1, batch_size: int = 8, epochs: int = 8) -> Recipe:
    return Recipe(epochs, batch_size, learning_rate, 1e-4, 0.0, Augmentation(1, flip=False), seed=0)


def bright_or_dark(count: int) -> ResidentImages:
    """Class 1 is bright, class 0 is dark."""
    generator = torch.Generator().manual_seed(0)
    targets = torch.arange(count) % 2
    noise = torch.randn(count, 1, 4, 4, generator=generator)
    return ResidentImages(noise + (4.0 * targets - 2)[:, None, None, None], targets)


def train(model: nn.Module, images: ResidentImages, how: Recipe) -> list[float]:
    """Train to the end; returns the mean loss of each epoch."""
    training, losses = Training(model, images, how, CPU), []
    while training.epoch < how.epochs:
        for _ in training.rest_of_epoch():
            assert model.training
        losses.append(training.mean_loss)
        training.next_epoch()
    return losses


def network() -> nn.Sequential:
    torch.manual_seed(0)
    return nn.Sequential(nn.Conv2d(1, 4, 3), nn.BatchNorm2d(4), nn.ReLU(), nn.Flatten(), nn.Linear(16, 2))


def test_it_learns_what_is_easy_and_leaves_the_network_in_eval_mode() -> None:
    model, images = network(), bright_or_dark(64)
    losses = train(model, images, recipe())
    assert len(losses) == 8
    assert losses[-1] < 0.15 < losses[0]
    assert not model.training
    assert (model(images.inputs).argmax(1) == images.targets).all()


def test_the_same_seed_trains_the_same_network() -> None:
    models = [network(), network()]
    losses = [train(model, bright_or_dark(20), recipe(epochs=2)) for model in models]
    assert losses[0] == losses[1]
    assert torch.equal(models[0].state_dict()["4.weight"], models[1].state_dict()["4.weight"])


def test_a_single_image_is_never_normalised_by_itself() -> None:
    model = nn.Sequential(nn.Flatten(), nn.Linear(16, 4), nn.BatchNorm1d(4), nn.Linear(4, 2))
    losses = train(model, bright_or_dark(9), recipe(epochs=1))  # batches of 8 and 1
    assert len(losses) == 1


def test_a_loss_that_explodes_is_one_line() -> None:
    with pytest.raises(UserError, match=r"the loss is nan after \d epochs; lower the learning rate"):
        train(nn.Sequential(nn.Flatten(), nn.Linear(16, 2)), bright_or_dark(64), recipe(1e30))
