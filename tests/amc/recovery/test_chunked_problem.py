"""Rows that come in chunks, against the same rows at once."""

import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from amc.recovery.chunked_problem import ChunkedProblem
from amc.recovery.least_squares import RIDGE, NormalEquations, SampleRows


@settings(deadline=None, max_examples=40)
@given(chunks=st.lists(st.integers(1, 9), min_size=1, max_size=5), unknowns=st.integers(1, 20))
def test_chunks_are_solved_as_all_rows_at_once(chunks: list[int], unknowns: int) -> None:
    generator, chunked, rows = torch.Generator().manual_seed(0), ChunkedProblem(), []
    assert chunked.is_empty
    for count in chunks:
        x, lacking = (torch.randn(2, count, size, generator=generator) for size in (unknowns, 3))
        chunked.add(x, lacking)
        rows.append((x, lacking))
    assert not chunked.is_empty
    x, lacking = (torch.cat(each, dim=1).double() for each in zip(*rows, strict=True))
    expected = SampleRows(x, lacking).change(RIDGE)
    torch.testing.assert_close(chunked.problem.change(RIDGE), expected, rtol=1e-3, atol=1e-3)
    assert isinstance(chunked.problem, NormalEquations) == (sum(chunks) >= unknowns)
