import dataclasses
from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.utils.data import DataLoader, Dataset

from amc.data.augment import Augmentation
from amc.data.images import Images
from amc.data.resident import ResidentImages
from amc.data.user_loader import LoaderImages
from amc.training.distillation import Distillation
from amc.training.objectives import ClassObjective
from amc.training.training_loop import Recipe, Training
from amc.utils.errors import UserError

CPU = torch.device("cpu")
pytestmark = pytest.mark.backward


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


class WithoutGradients(nn.Sequential):
    @torch.no_grad()
    def forward(self, x: Tensor) -> Tensor:
        outputs: Tensor = super().forward(x)
        return outputs


class ForInference(nn.Sequential):
    def forward(self, x: Tensor) -> Tensor:
        assert not self.training, "for inference only"
        outputs: Tensor = super().forward(x)
        return outputs


class Twice(nn.Sequential):
    """A network with an operator that computes in one number format alone."""

    def forward(self, x: Tensor) -> Tensor:
        outputs: Tensor = super().forward(x)
        return torch.bilinear(outputs, outputs, torch.ones(2, 2, 2), None)


@pytest.mark.parametrize(
    ("model", "message"),
    [
        (
            network().requires_grad_(requires_grad=False),
            r"are frozen: call requires_grad_\(\) on those that may change",
        ),
        (WithoutGradients(*network()), "no gradients pass: take torch.no_grad and detach out of its forward"),
        (ForInference(*network()), "the network can't be trained: AssertionError: for inference only"),
        (Twice(*network()), "give precision='float32'$"),
    ],
    ids=lambda value: type(value).__name__,
)
def test_a_network_that_cannot_be_trained_is_one_line(model: nn.Module, message: str) -> None:
    with pytest.raises(UserError, match=message) as caught:
        train(model, bright_or_dark(16), dataclasses.replace(recipe(), precision="bfloat16"))
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("native", [True, False])
def test_the_forward_pass_is_in_the_format_of_the_processor(monkeypatch: pytest.MonkeyPatch, native: bool) -> None:
    monkeypatch.setattr("amc.utils.precision.multiplies_in_bfloat16", lambda _: native)
    model, formats = network(), set()
    model[0].register_forward_hook(lambda _, __, out: formats.add(out.dtype))
    losses = train(model, bright_or_dark(64), dataclasses.replace(recipe(), precision="auto"))
    assert formats == {torch.bfloat16 if native else torch.float32}
    assert {parameter.dtype for parameter in model.parameters()} == {torch.float32}
    assert losses[-1] < 0.15 < losses[0]


def test_the_same_seed_trains_the_same_network() -> None:
    models = [network(), network()]
    losses = [train(model, bright_or_dark(20), recipe(epochs=2)) for model in models]
    assert losses[0] == losses[1]
    assert torch.equal(models[0].state_dict()["4.weight"], models[1].state_dict()["4.weight"])


def test_batches_of_one_image_are_trained_on_where_there_are_no_larger_ones() -> None:
    images = bright_or_dark(16)
    model = nn.Sequential(nn.Flatten(), nn.Linear(16, 2))
    losses = train(model, images, recipe(batch_size=1, epochs=3, learning_rate=0.01))
    assert 0 < losses[-1] < losses[0]
    assert (model(images.inputs).argmax(1) == images.targets).all()
    together = dataclasses.replace(recipe(batch_size=1, epochs=1), accumulate=4)
    training = Training(model, images, together, CPU)
    assert len(list(training.rest_of_epoch())) == 4


def test_a_batch_norm_that_has_no_statistics_of_one_image_names_the_batch_size() -> None:
    model = nn.Sequential(nn.Flatten(), nn.Linear(16, 4), nn.BatchNorm1d(4), nn.Linear(4, 2))
    with pytest.raises(UserError, match="a batch norm needs two images or more: raise batch_size"):
        train(model, bright_or_dark(4), recipe(batch_size=1))


def test_a_single_image_is_never_normalised_by_itself() -> None:
    model = nn.Sequential(nn.Flatten(), nn.Linear(16, 4), nn.BatchNorm1d(4), nn.Linear(4, 2))
    losses = train(model, bright_or_dark(9), recipe(epochs=1))  # batches of 8 and 1
    assert len(losses) == 1


def test_a_loss_that_explodes_is_one_line() -> None:
    with pytest.raises(UserError, match=r"^the loss is (nan|inf) at step \d of epoch 1$"):
        train(nn.Sequential(nn.Flatten(), nn.Linear(16, 2)), bright_or_dark(64), recipe(1e30))


class Dropping(nn.Sequential):
    """A network whose dropout draws from torch's own generator."""

    def __init__(self) -> None:
        torch.manual_seed(0)
        super().__init__(nn.Flatten(), nn.Linear(16, 16), nn.BatchNorm1d(16), nn.Dropout(0.5), nn.Linear(16, 2))


class Shuffled(Dataset[tuple[Tensor, int]]):
    """As `bright_or_dark`, for a user's own loader that shuffles."""

    def __init__(self) -> None:
        self.images = bright_or_dark(30)

    def __len__(self) -> int:
        return len(self.images)

    def __getitem__(self, index: int) -> tuple[Tensor, int]:
        return self.images.inputs[index], int(self.images.targets[index])


SOURCES: dict[str, Callable[[], Images]] = {
    "resident": lambda: bright_or_dark(30),
    "loader": lambda: LoaderImages(DataLoader(Shuffled(), batch_size=7, shuffle=True)),
}


def steps(training: Training, count: int) -> list[float]:
    """The losses of the next steps."""
    losses: list[float] = []
    while True:
        for loss in training.rest_of_epoch():
            losses.append(loss)
            if len(losses) == count:
                return losses
        training.next_epoch()


@pytest.mark.parametrize("source", SOURCES)
@pytest.mark.parametrize("put_down", [1, 3, 4, 5])
@pytest.mark.parametrize("more", [{}, {"accumulate": 2, "ema": 0.9}], ids=["plain", "averaged"])
def test_a_training_goes_on_as_if_it_had_never_been_put_down(source: str, put_down: int, more: dict[str, Any]) -> None:
    def begun() -> tuple[nn.Module, Training]:
        model = Dropping()
        distillation = Distillation(nn.Sequential(nn.Flatten(), nn.Linear(16, 2)).eval(), 2.0, 0.5)
        objective = ClassObjective(distillation=distillation)
        torch.manual_seed(0)
        return model, Training(
            model, SOURCES[source](), dataclasses.replace(recipe(batch_size=8, epochs=3), **more), CPU, objective
        )

    whole, training = begun()
    expected = steps(training, 6)
    _, training = begun()
    first = steps(training, put_down)
    state = {name: tensor.clone() for name, tensor in training.state().items()}
    model, training = begun()
    torch.rand(5)  # another process draws other numbers
    training.set_state(state)
    assert first + steps(training, 6 - put_down) == expected
    for name, tensor in whole.state_dict().items():
        assert torch.equal(model.state_dict()[name], tensor), name


def test_gradients_of_several_batches_make_one_step() -> None:
    """Without batch norms it is that of one batch of them all, whatever their sizes."""
    weights = []
    for batch_size, accumulate in ((20, 1), (8, 3)):
        torch.manual_seed(0)
        model = nn.Sequential(nn.Flatten(), nn.Linear(16, 2))
        how = dataclasses.replace(
            recipe(batch_size=batch_size, epochs=2), accumulate=accumulate, augmentation=Augmentation(0, flip=False)
        )
        training = Training(model, bright_or_dark(20), how, CPU)
        assert len(steps(training, 1)) == training.steps == 1
        weights.append(model[1].weight)
    torch.testing.assert_close(*weights)


def test_the_average_of_the_weights_is_what_the_formula_says() -> None:
    model = network()
    average = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    training = Training(model, bright_or_dark(64), dataclasses.replace(recipe(), ema=0.6), CPU)
    for number, _ in enumerate(training.rest_of_epoch(), start=1):
        decay = min(0.6, (1 + number) / (10 + number))
        for name, tensor in model.state_dict().items():
            average[name] = decay * average[name] + (1 - decay) * tensor if tensor.is_floating_point() else tensor
    own = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    with training.averaged():
        torch.testing.assert_close(dict(model.state_dict()), average)
    torch.testing.assert_close(dict(model.state_dict()), own)


def test_the_schedule_reaches_its_end_whatever_the_sizes_of_batches() -> None:
    images = LoaderImages(DataLoader(Shuffled(), batch_size=4))
    training = Training(Dropping(), images, recipe(batch_size=30, epochs=2), CPU)
    shares = []
    while training.epoch < 2:
        for _ in training.rest_of_epoch():
            shares.append(training.done)
        training.next_epoch()
    assert shares == sorted(shares)
    assert shares[-1] == 1.0
    assert training.learning_rate < 1e-5


@pytest.mark.parametrize(
    ("model", "targets", "message"),
    [
        (
            nn.Sequential(nn.Conv2d(1, 2, 3)),
            torch.zeros(8, dtype=torch.int64),
            "one row of class scores for each image",
        ),
        (
            nn.Sequential(nn.Flatten(), nn.Linear(16, 2)),
            torch.zeros(8, 3),
            "batches with one class number for each image",
        ),
    ],
)
def test_only_classifiers_are_trained(model: nn.Module, targets: Tensor, message: str) -> None:
    images = ResidentImages(torch.zeros(8, 1, 4, 4), targets)
    with pytest.raises(UserError, match=message):
        train(model, images, recipe())


def test_inputs_that_are_no_images_are_trained_on_as_they_are() -> None:
    images = ResidentImages(torch.randn(16, 6, generator=torch.Generator().manual_seed(0)), torch.arange(16) % 2)
    as_they_are = dataclasses.replace(recipe(), augmentation=Augmentation(0, flip=False))
    assert len(train(nn.Linear(6, 2), images, as_they_are)) == 8
    with pytest.raises(UserError, match=r"inputs of shape \(6,\) .* mirrored; give crop_padding=0, and leave flip"):
        train(nn.Linear(6, 2), images, recipe())
