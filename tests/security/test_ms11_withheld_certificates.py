"""MS-10, MS-11: a server that withholds a revocation, or the newer form of a certificate.

What its clients have seen once stays pinned in the signed index, on every device. What it never
showed anybody cannot be missed: a first look-up is *unverified*, and one report at a time.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from hygieia.blocks.gateway import GatewayReader
from hygieia.client.index_sync import IndexSync
from hygieia.client.session import Session
from hygieia.openpgp import key_packets as kp
from hygieia.openpgp.certificates import Certificate
from tests.running import Person
from tests.security.hostile import HostileProxy, json_reply
from tests.security.sharers import done
from tests.security.victims import PASSWORD, in_vault, refused, run_here
from tests.unit.openpgp import forge
from tests.unit.openpgp.forge import BORN, LATER, insert, sig

# Several people and devices sign up; on a busy machine that takes its time.
pytestmark = pytest.mark.timeout(600)

FIND = "/api/v1/people/find"
GIL = forge.Person("Gil Withheld")
NEW_SUBKEY = forge.Person("Gil's new subkey").subkey
OLD = GIL.certificate
REVOKED = forge.certificate(insert(GIL.packets, 1, sig(GIL.revoke())))
RENEWED = forge.certificate(
    [
        *GIL.packets,
        sig(GIL.revoke_subkey()),
        (kp.TAG_PUBLIC_SUBKEY, NEW_SUBKEY),
        sig(GIL.bind(NEW_SUBKEY, forge.flags(0x0C), created=LATER)),
    ]
)
ENDED = forge.certificate(
    [
        *GIL.packets[:2],
        sig(GIL.certify(forge.flags(3), forge.key_expiration(30 * 86400), created=BORN)),
        *GIL.packets[3:],
    ]
)
PROLONGED = forge.certificate(
    insert(
        [(tag, body) for tag, body in GIL.packets],
        3,
        sig(GIL.certify(forge.flags(3), created=LATER)),
    )
)


@pytest.fixture
def ana(newcomer: Person, tmp_path: Path) -> Person:
    """Somebody with two reports."""
    for name in ("blood.txt", "eyes.txt"):
        (tmp_path / name).write_text(f"{name}: all is well\n")
    done(newcomer, "put", str(tmp_path / "blood.txt"), str(tmp_path / "eyes.txt"))
    return newcomer


def reports(person: Person) -> list[str]:
    return [report["id"] for report in done(person, "ls")["reports"]]


def shows(proxy: HostileProxy, certificate: str) -> None:
    """From now on the server answers for Gil with this, and is honest otherwise."""
    proxy.behave()
    person = {"email": GIL.email, "name": "Gil", "certificate": certificate}
    proxy.answer("POST", FIND, json_reply(person))


def pinned(person: Person) -> Certificate:
    async def work(_: Session, index: IndexSync, __: GatewayReader) -> Certificate:
        [contact] = [each for each in index.state.contacts() if each.email == GIL.email]
        return Certificate.parse(contact.certificate)

    return in_vault(person, work)


def second_device(person: Person, home: Path) -> Person:
    """A device of hers that has never seen Gil."""
    other = Person(home, person.server)
    other.password_file.write_text(f"{PASSWORD}\n", encoding="utf-8")
    other.run("login", str(done(person, "whoami")["email"]))
    return other


def test_a_revocation_withheld_again_still_stops_sharing_on_every_device(
    ana: Person, proxy: HostileProxy, tmp_path: Path
) -> None:
    first, second = reports(ana)
    shows(proxy, OLD)
    done(ana, "share", first, "--with", GIL.email)
    shows(proxy, REVOKED)
    refused(ana, "share", second, "--with", GIL.email, code="certificate-refused")
    shows(proxy, OLD)
    for device in (ana, second_device(ana, tmp_path / "second")):
        shown = done(device, "contacts", "show", GIL.email)
        number = shown["safety_number"]
        refused(device, "share", second, "--with", GIL.email, code="certificate-refused")
        run_here(device, "contacts", "verify", GIL.email, "--number", number)
        refused(device, "share", second, "--with", GIL.email, code="certificate-refused")
        refused(device, "delegate", GIL.email, code="certificate-refused")
        assert pinned(device).is_revoked
    assert not proxy.asked("PUT", "/api/v1/reports/.*"), "nothing was shared"
    assert not proxy.asked("POST", "/api/v1/inbox"), "and nothing delegated"


def test_no_new_revision_is_encrypted_to_a_key_whose_revocation_is_withheld(
    ana: Person, proxy: HostileProxy
) -> None:
    first, _ = reports(ana)
    shows(proxy, OLD)
    done(ana, "share", first, "--with", GIL.email)
    shows(proxy, REVOKED)
    refused(ana, "share", first, "--with", GIL.email, code="certificate-refused")
    shows(proxy, OLD)
    [rekeyed] = done(ana, "rekey", first)["reports"]
    assert GIL.key.key_id not in rekeyed["readers"]
    assert [each["key"] for each in rekeyed["left_out"]] == [GIL.key.key_id]


@pytest.mark.parametrize(("older", "newer"), [(OLD, RENEWED), (ENDED, PROLONGED)])
def test_a_newer_certificate_withheld_again_is_what_is_encrypted_to(
    older: str, newer: str, ana: Person, proxy: HostileProxy, tmp_path: Path
) -> None:
    first, second = reports(ana)
    wanted = Certificate.parse(newer).encryption_subkey().body
    shows(proxy, newer)
    done(ana, "share", first, "--with", GIL.email)
    shows(proxy, older)
    for device in (ana, second_device(ana, tmp_path / "second")):
        done(device, "contacts", "show", GIL.email)
        assert pinned(device).encryption_subkey().body == wanted
    done(ana, "share", second, "--with", GIL.email)


def test_an_ended_certificate_is_not_encrypted_to_while_its_renewal_is_withheld(
    ana: Person, proxy: HostileProxy
) -> None:
    first, _ = reports(ana)
    shows(proxy, ENDED)
    refused(ana, "share", first, "--with", GIL.email, code="certificate-refused")
    assert not proxy.asked("PUT", "/api/v1/reports/.*")
    shows(proxy, PROLONGED)
    done(ana, "share", first, "--with", GIL.email)


def test_a_person_who_is_hidden_is_shared_with_by_the_pin_and_is_nobody_new(
    ana: Person, proxy: HostileProxy
) -> None:
    first, second = reports(ana)
    shows(proxy, REVOKED)
    refused(ana, "share", first, "--with", GIL.email, code="certificate-refused")
    proxy.behave()
    gone = json_reply({"code": "not-found", "detail": "Nobody."}, 404)
    proxy.answer("POST", FIND, gone)
    refused(ana, "share", second, "--with", GIL.email, code="certificate-refused")
    assert pinned(ana).is_revoked
