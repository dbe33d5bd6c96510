"""MS-03: the server gives everyone one account, to look login secrets up in a table."""

from __future__ import annotations

import pytest

from tests.running import Person
from tests.security.hostile import HostileProxy
from tests.security.victims import Victim, refused, unchanged

PARAMETERS = "/api/v1/sign-in/parameters"
TABLE = "0" * 32


def test_a_device_that_knows_the_account_refuses(
    proxy: HostileProxy, victim: Victim, device: Person
) -> None:
    proxy.change("POST", PARAMETERS, lambda answer: answer | {"account": TABLE})
    with unchanged(device.home):
        refused(device, "login", victim.email, code="kdf-refused")
    assert proxy.after_the_lie() == []


def test_a_table_serves_one_address_only(
    proxy: HostileProxy, victim: Victim, new_device: Person
) -> None:
    """The salt holds the email too: one password under one account id is two login secrets."""
    proxy.change("POST", PARAMETERS, lambda answer: answer | {"account": TABLE})
    for email in (victim.email, "bob@example.org"):
        refused(new_device, "login", email, code="credentials-refused", exit_code=3)
    first, second = proxy.asked("POST", "/api/v1/sessions")
    assert first.document["login_secret"] != second.document["login_secret"]


@pytest.mark.parametrize("account", ["", "0" * 31, "G" * 32, "0" * 4000, 7, None])
def test_an_account_that_is_none_is_not_stretched_with(
    account: object, proxy: HostileProxy, victim: Victim, new_device: Person
) -> None:
    proxy.change("POST", PARAMETERS, lambda answer: answer | {"account": account})
    refused(new_device, "login", victim.email, code="kdf-refused")
    assert proxy.after_the_lie() == []
