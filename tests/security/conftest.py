"""One real server behind one hostile proxy, and a victim whose devices each test copies."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.factories.fixtures import ada, api, bob
from tests.running import Person, RunningServer, running_server
from tests.security.hostile import HostileProxy
from tests.security.victims import Victim, make_victim, sign_up

__all__ = ["ada", "api", "bob"]

_NUMBERS = itertools.count(1)


@pytest.fixture(scope="session")
def _proxy() -> Iterator[HostileProxy]:
    with HostileProxy().running() as proxy:
        yield proxy


@pytest.fixture(scope="session")
def server(
    _proxy: HostileProxy, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[RunningServer]:
    """The real server. Its attempts are not limited here: WB-07 tests that they are."""
    with running_server(
        tmp_path_factory.mktemp("server"),
        public_url=_proxy.address,
        sign_in_attempts_account="1000",
        sign_in_attempts_address="10000",
    ) as started:
        _proxy.upstream = started.address
        yield started


@pytest.fixture
def proxy(_proxy: HostileProxy, server: RunningServer) -> Iterator[HostileProxy]:
    """The server as its clients see it: honest until the test says otherwise."""
    _proxy.behave()
    yield _proxy
    _proxy.behave()


@pytest.fixture(scope="session")
def victim(
    _proxy: HostileProxy, server: RunningServer, tmp_path_factory: pytest.TempPathFactory
) -> Victim:
    """Ada's vault. No test changes it: those that change one make their own."""
    _proxy.behave()
    return make_victim(
        server, _proxy.address, tmp_path_factory.mktemp("ada") / "ada", "ada@example.org"
    )


@pytest.fixture
def device(victim: Victim, proxy: HostileProxy, tmp_path: Path) -> Person:
    """A device that has used the account before."""
    return victim.device(tmp_path / "device")


@pytest.fixture
def new_device(victim: Victim, proxy: HostileProxy, tmp_path: Path) -> Person:
    """A device that has not."""
    return victim.new_device(tmp_path / "new-device")


@pytest.fixture
def newcomer(proxy: HostileProxy, tmp_path: Path) -> Person:
    """Somebody with an empty vault of her own, for tests that change it."""
    return sign_up(Person(tmp_path / "home", proxy.address), f"person-{next(_NUMBERS)}@example.org")
