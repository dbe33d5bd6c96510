"""A kit opens with the password or the code, and not when anything in it was changed."""

from __future__ import annotations

import json
import shlex
from dataclasses import replace
from typing import Any

import pytest

from hygieia.errors import HygieiaError, InvalidInput, KitRefused, NoteRefused, SealedKeyRefused
from hygieia.openpgp.keys import UnlockedKey
from hygieia.openpgp.parameters import KdfParams
from hygieia.openpgp.recovery_code import make_code
from hygieia.openpgp.sealing import open_revocation
from hygieia.vault.index import make_keys_file
from hygieia.vault.ipns import IpnsKey
from hygieia.vault.kit import Kit, check_against, open_with_code, open_with_password
from hygieia.vault.kit_page import kit_page
from tests.unit.recovery.factories import PASSWORD, sealed
from tests.unit.vault.factories import NOW, ana, boris, ipns_key

KEYS = make_keys_file(ana(), ipns_key(), NOW)


def kit() -> Kit:
    return sealed().kit


def changed(**changes: Any) -> bytes:  # noqa: ANN401  (whatever JSON or arguments it is)
    """The kit's file with fields changed; None takes one out."""
    body: dict[str, Any] = json.loads(kit().to_bytes()) | changes
    return json.dumps({name: value for name, value in body.items() if value is not None}).encode()


def test_a_kit_is_read_as_it_was_written() -> None:
    assert Kit.from_bytes(kit().to_bytes()) == kit()
    assert json.loads(kit().to_bytes())["format"] == 1


def test_password_and_file_open_the_key() -> None:
    key, stretched = open_with_password(kit(), PASSWORD)
    assert isinstance(key, UnlockedKey)
    assert key.key_id == ana().key_id
    assert len(stretched.login_secret) == 64


def test_code_and_file_open_the_key_and_the_revocation() -> None:
    assert open_with_code(kit(), sealed().code).key_id == ana().key_id
    assert "BEGIN PGP" in open_revocation(kit().revocation, sealed().code)


def test_another_password_or_code_opens_nothing() -> None:
    with pytest.raises(SealedKeyRefused):
        open_with_password(kit(), "wrong")
    with pytest.raises(SealedKeyRefused):
        open_with_code(kit(), make_code())


def test_the_file_shows_no_secret() -> None:
    data = kit().to_bytes().decode()
    assert PASSWORD not in data
    assert sealed().code not in data
    assert sealed().code not in repr(kit_page(kit(), sealed().code))


@pytest.mark.parametrize(
    "changes",
    [
        {"email": "eve@example.org"},
        {"account": "b" * 32},
        {"salt": "0" * 32},
        {"kdf": {"m": 8, "t": 1, "p": 1}},
        {"kdf": {"m": 4194304, "t": 1000, "p": 1}},
        {"kdf": {"m": 65536, "t": 3}},
        {"format": 2},
        {"email": None},
        {"email": " Ana@Example.org"},
        {"account": "A" * 32},
        {"certificate": ""},
        {"sealed_key": "x" * 70000},
        {"seal_mac": "0"},
        {"recovery_mac": "Z" * 64},
        {"ipns_name": "k51nothing"},
        {"index_cid": "Qmabc"},
        {"sequence": 0},
        {"sequence": "1"},
        {"gateways": "https://one.example"},
        {"gateways": ["javascript:alert(1)"]},
        {"gateways": ["https://a.example"] * 33},
        {"server": "file:///etc/passwd"},
        {"created": "yesterday"},
    ],
)
def test_a_kit_with_an_impossible_field_is_refused(changes: dict[str, Any]) -> None:
    with pytest.raises(KitRefused):
        Kit.from_bytes(changed(**changes))


@pytest.mark.parametrize("cut", [0, 1, 100, 1000])
def test_a_kit_that_is_cut_short_is_refused(cut: int) -> None:
    with pytest.raises(KitRefused):
        Kit.from_bytes(kit().to_bytes()[:cut])


@pytest.mark.parametrize(
    "changes",
    [
        {"kdf": {"m": 131072, "t": 3, "p": 1}},
        {"certificate": boris().certificate.armored},
        {"sealed_key": "-----BEGIN PGP PRIVATE KEY BLOCK-----\n\nxx\n"},
        {"seal_mac": "0" * 64},
    ],
)
def test_what_the_seal_covers_cannot_be_exchanged(changes: dict[str, Any]) -> None:
    with pytest.raises(SealedKeyRefused):
        open_with_password(Kit.from_bytes(changed(**changes)), PASSWORD)


@pytest.mark.parametrize(
    "changes",
    [
        {"certificate": boris().certificate.armored},
        {"recovery_key": "-----BEGIN PGP PRIVATE KEY BLOCK-----\n\nxx\n"},
        {"recovery_mac": "0" * 64},
        {"certificate": "no certificate"},
    ],
)
def test_what_the_code_covers_cannot_be_exchanged(changes: dict[str, Any]) -> None:
    with pytest.raises(HygieiaError):
        open_with_code(Kit.from_bytes(changed(**changes)), sealed().code)


class TestAgainstTheIndex:
    """docs/spec/14: digests in keys.pgp, so that nobody slips in a dead recovery part."""

    keys = KEYS.with_digests(sealed().kit.recovery_parts)

    def test_the_kit_that_the_index_names_passes(self) -> None:
        check_against(kit(), self.keys, ana().certificate)

    @pytest.mark.parametrize("part", ["recovery_key", "recovery_mac", "revocation"])
    def test_an_exchanged_recovery_part_is_named(self, part: str) -> None:
        value = "0" * 64 if part == "recovery_mac" else "another"
        other = Kit.from_bytes(changed(**{part: value}))
        with pytest.raises(KitRefused, match=part):
            check_against(other, self.keys, ana().certificate)

    def test_an_index_without_digests_vouches_for_nothing(self) -> None:
        with pytest.raises(KitRefused):
            check_against(kit(), KEYS, ana().certificate)

    def test_another_ipns_name_is_refused(self) -> None:
        other = Kit.from_bytes(changed(ipns_name=IpnsKey.make().name))
        with pytest.raises(KitRefused):
            check_against(other, self.keys, ana().certificate)

    def test_an_ipns_key_from_somebody_else_is_refused(self) -> None:
        with pytest.raises(NoteRefused):
            check_against(kit(), self.keys, boris().certificate)


class TestPage:
    def test_the_page_holds_the_code_and_not_the_file(self) -> None:
        page = kit_page(kit(), sealed().code.lower())
        assert page.code == sealed().code
        assert page.qr_codes[0].text == sealed().code
        assert kit().server in page.qr_codes[1].text
        assert kit().ipns_name in page.qr_codes[1].text
        everything = "\n".join([*page.instructions, *page.by_hand])
        assert kit().sealed_key not in everything
        assert "hygieia recover" in everything
        assert "docs/guide/open-without-hygieia.md" in everything

    def test_addresses_that_the_server_named_are_quoted_for_the_shell(self) -> None:
        hostile = "https://gateway.example/;reboot$(reboot)"
        page = kit_page(replace(kit(), gateways=(hostile,), server=hostile), sealed().code)
        named = [line for line in page.by_hand if "gateway.example" in line]
        assert len(named) == 3
        for line in named:
            words = shlex.split(line.partition(" | ")[0])
            assert any(word.startswith(hostile) for word in words)
            assert line.startswith(shlex.join(words))

    def test_a_mistyped_code_makes_no_page(self) -> None:
        with pytest.raises(InvalidInput):
            kit_page(kit(), "XXXX")


def test_every_bound_of_the_stretching_is_accepted() -> None:
    for kdf in ({"m": 65536, "t": 3, "p": 1}, {"m": 1048576, "t": 10, "p": 4}):
        assert Kit.from_bytes(changed(kdf=kdf)).kdf == KdfParams(**kdf)
