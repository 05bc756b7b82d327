from typing import Any

import pytest
import torch
from torch import Tensor, nn

from amc.recovery.output_distance import VALUES
from amc.training.distillation import Distillation
from amc.training.objectives import ClassObjective, Imitation, UserObjective, find_loss
from amc.utils.errors import UserError
from amc.utils.registry import UserFunction


class Task(nn.Module):
    """Returns two maps, and in training mode one more; as it is asked for, the loss too."""

    def __init__(self, seed: int = 0) -> None:
        super().__init__()
        with torch.random.fork_rng():
            torch.manual_seed(seed)
            self.body, self.norm = nn.Conv2d(1, 4, 3), nn.BatchNorm2d(4)
            self.heads = nn.ModuleDict({"near": nn.Conv2d(4, 2, 1), "far": nn.Conv2d(4, 3, 1)})

    def forward(self, x: Tensor, targets: Tensor | None = None) -> Any:
        x = self.norm(self.body(x)).relu()
        found = {name: head(x) for name, head in self.heads.items()}
        if targets is not None:
            return {"a": (found["near"] - targets).square().mean(), "b": found["far"].abs().mean()}
        return found if not self.training else [*found.values(), x]


IMAGES = torch.randn(6, 1, 6, 6, generator=torch.Generator().manual_seed(0))
TARGETS = torch.randn(6, 2, 4, 4, generator=torch.Generator().manual_seed(1))


def wanted(teacher: nn.Module, found: dict[str, Tensor]) -> Tensor:
    """The mean over outputs of the squared error relative to the energy of the teacher's."""
    with torch.no_grad():
        truth = teacher(IMAGES)
    errors = [(found[name] - truth[name]).square().sum() / truth[name].square().sum() for name in truth]
    return torch.stack(errors).mean()


def test_imitation_compares_what_networks_are_used_for_and_norms_learn() -> None:
    teacher, model = Task(0).eval(), Task(1)
    objective = Imitation(teacher, (VALUES, VALUES))
    objective.prepare(model)
    assert (model.training, model.norm.training) == (False, True)
    found = model(IMAGES)
    assert isinstance(found, dict)
    loss = objective(model, IMAGES, "no targets")
    torch.testing.assert_close(loss, wanted(teacher, found))
    loss.backward()
    assert model.body.weight.grad is not None
    assert teacher.body.weight.grad is None


def test_raw_heads_are_compared_where_a_network_returns_its_loss() -> None:
    """One run of the network gives both, in training mode, with the gradients of both."""
    teacher, model = Task(0).eval(), Task(1)
    heads = ("heads.near", "heads.far")
    imitation = Imitation(teacher, (VALUES, VALUES), heads)
    runs = []
    model.register_forward_hook(lambda *_: runs.append(True))

    def loss(network: nn.Module, inputs: Tensor, targets: Tensor) -> Any:
        assert network.training
        return network(inputs, targets)

    objective = UserObjective(UserFunction("loss", "own", loss), imitation, weight=0.25)
    objective.prepare(model)
    total = objective(model, IMAGES, TARGETS)
    assert len(runs) == 1
    *maps, _ = model(IMAGES)
    found = dict(zip(("near", "far"), maps, strict=True))
    own = (found["near"] - TARGETS).square().mean() + found["far"].abs().mean()
    torch.testing.assert_close(total, 0.75 * own + 0.25 * wanted(teacher, found))
    torch.testing.assert_close(UserObjective(objective.loss)(model, IMAGES, TARGETS), own)


class Pair(nn.Module):
    """Tells three classes apart from two inputs."""

    def __init__(self, seed: int = 0) -> None:
        super().__init__()
        with torch.random.fork_rng():
            torch.manual_seed(seed)
            self.near, self.far = nn.Linear(4, 3), nn.Linear(2, 3)

    def forward(self, near: Tensor, far: Tensor) -> Tensor:
        return self.near(near) + self.far(far)


@pytest.mark.parametrize("by_name", [False, True])
def test_a_classifier_of_several_inputs_learns_from_classes_and_a_teacher(by_name: bool) -> None:
    near, far, classes = IMAGES[:, 0, 0, :4], IMAGES[:, 0, 1, :2], torch.tensor([0, 1, 2, 0, 1, 2])
    inputs = {"far": far, "near": near} if by_name else (near, far)
    teacher, model = Pair(0).eval(), Pair(1)
    found = ClassObjective(distillation=Distillation(teacher, 1.0, 0.5))(model, inputs, classes)
    own, wanted = model(near, far).log_softmax(1), teacher(near, far).softmax(1)
    divergence = (wanted * (wanted.log() - own)).sum(1).mean()
    torch.testing.assert_close(found, (divergence - own[torch.arange(6), classes].mean()) / 2)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.int32, torch.uint8])
def test_classes_are_whole_numbers_of_any_type(dtype: torch.dtype) -> None:
    model, classes = nn.Sequential(nn.Flatten(), nn.LazyLinear(3)), torch.tensor([0, 1, 2, 0, 1, 2])
    objective = ClassObjective()
    torch.testing.assert_close(objective(model, IMAGES, classes.to(dtype)), objective(model, IMAGES, classes))
    with pytest.raises(UserError, match="expected whole numbers as the classes of images"):
        objective(model, IMAGES, classes + 0.5)


@pytest.mark.parametrize(
    ("loss", "message"),
    [
        (lambda *_: 1.0, "returned float; a loss is called with the network, inputs and targets"),
        (lambda *_: {}, "returned dict"),
        (lambda *given: given[0](given[1]), "returned list"),
        (lambda *given: given[0].body(given[1]).mean(), "does not call the network itself"),
        (lambda *_: 1 / 0, "failed: ZeroDivisionError"),
        (nn.MSELoss(), "failed: TypeError: .*; a loss is called with the network, inputs and targets"),
        (torch.nn.functional.mse_loss, "failed: .*; a loss is called with the network, inputs and targets"),
    ],
)
def test_what_is_no_loss_is_one_line(loss: Any, message: str) -> None:
    objective = UserObjective(find_loss(loss), Imitation(Task().eval(), (VALUES, VALUES)), 0.5)
    with pytest.raises(UserError, match=message):
        objective(Task(), IMAGES, TARGETS)


def max_of_two(one: Tensor, other: Tensor) -> Tensor:
    return torch.maximum(one, other)


def test_a_function_of_other_arguments_is_refused() -> None:
    with pytest.raises(UserError, match="takes other arguments: a loss is called with the network"):
        find_loss(max_of_two)  # type: ignore[arg-type]
    with pytest.raises(UserError, match=r"unknown loss 'focal'; there is none, or give path/to/file.py:function"):
        find_loss("focal")
