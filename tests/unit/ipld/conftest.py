from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.unit.ipld.oracle import Oracle


@pytest.fixture(scope="session")
def oracle() -> Iterator[Oracle]:
    """The JavaScript implementations."""
    with Oracle() as running:
        yield running
