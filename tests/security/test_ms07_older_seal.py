"""MS-07: after a change of password the server still serves the seal from before it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from hygieia.blocks.gateway import GatewayReader
from hygieia.client.index_sync import IndexSync
from hygieia.client.session import Session
from tests.running import Person, RunningServer
from tests.security.hostile import HostileProxy
from tests.security.victims import Victim, in_vault, make_victim, refused, unchanged

NEW_PASSWORD = "eleven amber lanterns drift downstream"
SEAL = ("kdf", "seal_certificate", "sealed_key", "seal_mac")


@pytest.fixture
def bea(server: RunningServer, proxy: HostileProxy, tmp_path: Path) -> Victim:
    return make_victim(server, proxy.address, tmp_path / "bea", "bea@example.org")


def _account(person: Person) -> dict[str, Any]:
    async def work(session: Session, _: IndexSync, __: GatewayReader) -> dict[str, Any]:
        return (await session.transport.call("GET", "/account")).document

    return in_vault(person, work)


def _change_password(person: Person) -> None:
    file = person.home.parent / "new-password"
    file.write_text(NEW_PASSWORD)
    person.run("passwd", "--new-password-file", str(file))
    person.password_file.write_text(NEW_PASSWORD)


def test_it_opens_under_no_new_password_and_the_rest_of_the_session_is_not_begun(
    proxy: HostileProxy, bea: Victim, tmp_path: Path
) -> None:
    first, second = bea.device(tmp_path / "first"), bea.new_device(tmp_path / "second")
    before = _account(first)
    _change_password(first)
    second.password_file.write_text(NEW_PASSWORD)

    def older(answer: dict[str, Any]) -> None:
        answer["account"] |= {name: before[name] for name in SEAL}

    proxy.change("POST", "/api/v1/sessions", older)
    with unchanged(first.home):
        refused(first, "login", bea.email, code="sealed-key-refused")
        refused(second, "login", bea.email, code="sealed-key-refused")
    assert [r for r in proxy.after_the_lie() if "/sign-in/" not in r and "sessions" not in r] == []
    proxy.behave()
    second.run("login", bea.email)
    assert len(second.roots()) == 3
