"""The container engine and images that these tests stand on, made once a run."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.containers.engine import Engine, Stack, engine


@pytest.fixture(scope="session")
def containers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Engine]:
    """An engine that runs containers."""
    folder = os.environ.get("HYGIEIA_TEST_CONTAINERS")
    if not folder or not Path(folder).exists():
        pytest.fail("HYGIEIA_TEST_CONTAINERS names nothing: run `make test-containers`")
    with engine(Path(folder), tmp_path_factory.mktemp("podman")) as made:
        yield made


@pytest.fixture(scope="session")
def server_image(containers: Engine) -> str:
    """Our image, built from the Dockerfile as the working tree has it."""
    return containers.build("one")


@pytest.fixture(scope="session")
def stack(
    containers: Engine, server_image: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Stack]:
    """A running vault: server, database, Kubo."""
    vault = Stack(containers, tmp_path_factory.mktemp("stack"), 0, server_image)
    vault.make_secrets()
    try:
        vault.up()
        yield vault
    finally:
        vault.remove()
