"""What can't be written and loaded again is found before a search."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from amc.analysis.analyse import analyse
from amc.analysis.round_trip import check_round_trip
from amc.utils.errors import UserError

EXAMPLE = torch.zeros(1, 3, 8, 8)


class Net(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.first, self.second, self.fc = nn.Conv2d(3, 8, 3), nn.Conv2d(8, 6, 3), nn.Linear(6, 2)

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = self.fc(self.second(self.first(x).relu()).relu().mean((2, 3)))
        return out


class ExtraState(Net):
    """Stores something else than tensors, too."""

    def get_extra_state(self) -> Any:
        return {"version": 1}

    def set_extra_state(self, state: Any) -> None:
        assert state == {"version": 1}


class Renamed(Net):
    """Stores its tensors under other names."""

    def state_dict(self, *args: Any, **kwargs: Any) -> Any:
        return {f"net.{name}": tensor for name, tensor in super().state_dict(*args, **kwargs).items()}


@pytest.mark.parametrize("kind", [Net, ExtraState])
def test_a_network_that_can_be_loaded_passes_and_leaves_nothing(kind: Callable[[], nn.Module], tmp_path: Path) -> None:
    model = kind()
    check_round_trip(model, analyse(model, EXAMPLE), EXAMPLE, tmp_path / "run")
    assert list((tmp_path / "run").iterdir()) == []


def test_one_that_can_not_is_refused_in_one_line(tmp_path: Path) -> None:
    model = Renamed()
    with pytest.raises(UserError, match=r"can't be loaded from its files again: .*load_state_dict") as caught:
        check_round_trip(model, analyse(model, EXAMPLE), EXAMPLE, tmp_path)
    assert "\n" not in str(caught.value)
    assert list(tmp_path.iterdir()) == []
