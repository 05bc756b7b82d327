"""What a linear layer makes of an image does not depend on the images beside it."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor, nn

from amc.scoring.executor import fused_program
from amc.scoring.executor.row_products import row_product, shifted_row_product


class Products(nn.Module):
    """Linear layers with and without a bias, over images and over the tokens of each."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.tokens = nn.Linear(13, 7)
        self.all = nn.Linear(7 * 3, 10, bias=False)
        self.shift = nn.Parameter(torch.randn(3, 1))

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = self.all(torch.relu(self.tokens(x)).flatten(1))
        return out + torch.addmm(self.shift, self.shift, self.shift.t()).sum()


@given(
    rows=st.integers(2, 40),
    inputs=st.integers(1, 70),
    outputs=st.integers(1, 20),
    has_shift=st.booleans(),
    seed=st.integers(0, 99),
)
def test_a_row_has_the_same_product_anywhere(rows: int, inputs: int, outputs: int, has_shift: bool, seed: int) -> None:
    random = torch.Generator().manual_seed(seed)
    x, matrix = torch.randn(rows, inputs, generator=random), torch.randn(inputs, outputs, generator=random)
    shift = torch.randn(outputs, generator=random) if has_shift else None
    order = torch.randperm(rows, generator=random)
    with torch.inference_mode():
        found, moved = (
            row_product(each, matrix) if shift is None else shifted_row_product(shift, each, matrix)
            for each in (x, x[order])
        )
    assert torch.equal(found[order], moved)
    wanted = x.double() @ matrix.double() + (0 if shift is None else shift)
    torch.testing.assert_close(found, wanted.float(), rtol=1e-5, atol=1e-5)


def test_a_program_multiplies_so() -> None:
    network = Products().eval()
    x = torch.randn(40, 3, 13)
    program = fused_program([network, network], x)
    assert program is not None
    run, order = program.bind(network), torch.randperm(40)
    with torch.inference_mode():
        found = run(x)
        assert torch.equal(found[order], run(x[order]))
        torch.testing.assert_close(found, network(x), rtol=1e-5, atol=1e-5)


def test_there_is_no_program_without_onednn(monkeypatch: pytest.MonkeyPatch) -> None:
    network, x = Products().eval(), torch.randn(2, 3, 13)
    assert fused_program([network, network], x) is not None
    monkeypatch.setattr(torch.backends.mkldnn, "is_available", lambda: False)
    assert fused_program([network, network], x) is None
