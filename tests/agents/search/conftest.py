from collections.abc import Iterator

import pytest

from tests.command import pictures


@pytest.fixture(autouse=True, scope="module")
def undrawn() -> Iterator[None]:
    """Pages and TensorBoard of these searches are not looked at."""
    with pictures(drawn=False):
        yield
