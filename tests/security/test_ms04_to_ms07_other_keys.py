"""MS-04, MS-05, MS-06, MS-07: the server answers a sign-in with key material of its own making.

What whoever knows the passphrase could forge (a right seal MAC) is in tests/vectors/seals; this is
what a server can do, who does not.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from hygieia.openpgp import key_packets as kp
from tests.running import Person
from tests.security import forged_keys
from tests.security.forged_keys import EVE
from tests.security.hostile import HostileProxy
from tests.security.victims import Victim, refused, unchanged

SESSIONS = "/api/v1/sessions"
Account = dict[str, Any]
GNU_DUMMY = b"\xff\x00\x65\x00GNU\x01"
ARGON2_BOMB = b"\xfe\x09\x04" + bytes(16) + b"\xff\x04\x1f" + bytes(60)


def _ms04_signing_point(account: Account) -> None:
    account["sealed_key"] = forged_keys.with_eves_point(account["sealed_key"], kp.TAG_SECRET_KEY)


def _ms05_decryption_point(account: Account) -> None:
    account["sealed_key"] = forged_keys.with_eves_point(account["sealed_key"], kp.TAG_SECRET_SUBKEY)


def _ms06_unprotected(account: Account) -> None:
    account["sealed_key"] = forged_keys.eves_open_key()


def _ms06_gnu_dummy(account: Account) -> None:
    account["sealed_key"] = forged_keys.with_other_lock(account["sealed_key"], GNU_DUMMY)


def _ms06_subkey_appended(account: Account) -> None:
    account["sealed_key"] = forged_keys.with_eves_open_subkey(account["sealed_key"])


def _ms06_everything_eves(account: Account) -> None:
    account["sealed_key"] = forged_keys.eves_open_key()
    account["certificate"] = account["seal_certificate"] = EVE.certificate


def _ms02_stretching_bomb_inside(account: Account) -> None:
    account["sealed_key"] = forged_keys.with_other_lock(account["sealed_key"], ARGON2_BOMB)


def _ms07_certificate_at_sealing(account: Account) -> None:
    account["seal_certificate"] = EVE.certificate


def _not_a_key(account: Account) -> None:
    account["sealed_key"] = "constructor"


def _no_mac(account: Account) -> None:
    account["seal_mac"] = ""


@pytest.mark.parametrize(
    "forge",
    [
        _ms04_signing_point,
        _ms05_decryption_point,
        _ms06_unprotected,
        _ms06_gnu_dummy,
        _ms06_subkey_appended,
        _ms06_everything_eves,
        _ms02_stretching_bomb_inside,
        _ms07_certificate_at_sealing,
        _not_a_key,
        _no_mac,
    ],
)
def test_another_sealed_key_is_refused_before_anything_is_signed_or_encrypted(
    forge: Callable[[Account], None], proxy: HostileProxy, victim: Victim, new_device: Person
) -> None:
    proxy.change("POST", SESSIONS, lambda answer: forge(answer["account"]))
    refused(new_device, "login", victim.email, code="sealed-key-refused")
    assert proxy.after_the_lie() == []
    assert not list(new_device.home.rglob("profile.json"))


def _ms07_eves_certificate(account: Account) -> None:
    account["certificate"] = EVE.certificate


def _ms12_grafted(account: Account) -> None:
    account["certificate"] = forged_keys.grafted(account["certificate"])


def _ms12_grafted_beside(account: Account) -> None:
    account["certificate"] = forged_keys.grafted_beside(account["certificate"])


@pytest.mark.parametrize("forge", [_ms07_eves_certificate, _ms12_grafted, _ms12_grafted_beside])
@pytest.mark.parametrize("used_before", [False, True])
def test_another_certificate_is_held_against_the_key_in_hand(
    forge: Callable[[Account], None],
    used_before: bool,
    proxy: HostileProxy,
    victim: Victim,
    device: Person,
    new_device: Person,
) -> None:
    person = device if used_before else new_device
    proxy.change("POST", SESSIONS, lambda answer: forge(answer["account"]))
    with unchanged(device.home):
        refused(person, "login", victim.email, code="key-mismatch")
    assert proxy.after_the_lie() == []


def test_ms07_a_device_that_knows_the_key_takes_no_other_one_of_the_same_person(
    proxy: HostileProxy, victim: Victim, device: Person
) -> None:
    """After the operator's reset a whole other account, well sealed, stands at the address."""

    def other_name(answer: dict[str, Any]) -> None:
        answer["account"]["ipns_name"] = (
            "k51qzi5uqu5dlvj2baxnqndepeb86cbk3ng7n3i46uzyxzyqj2xjonzllnv0v8"
        )

    proxy.change("POST", SESSIONS, other_name)
    with unchanged(device.home):
        refused(device, "login", victim.email, code="rollback")
    assert proxy.after_the_lie() == []
