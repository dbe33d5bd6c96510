"""One real server for all commands; people of their own where a test changes something."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.cli.shell import sign_up
from tests.running import Person, RunningServer, running_server


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    with running_server(
        tmp_path_factory.mktemp("server"), sign_in_attempts_address="10000"
    ) as started:
        yield started


@pytest.fixture(scope="module")
def ana(
    server: RunningServer, tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest
) -> Person:
    """Somebody signed in, for all tests of one file; her kit is beside her home."""
    name = request.module.__name__.rpartition(".")[2].replace("_", "-")
    return sign_up(server.address, tmp_path_factory.mktemp("ana"), f"{name}@example.org")
