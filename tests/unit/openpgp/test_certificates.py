"""Certificates: what is made is accepted everywhere, what is forged nowhere (threat MS-12)."""

from __future__ import annotations

import subprocess
import sys
from datetime import timedelta

import pgpy
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hygieia.errors import CertificateRefused, HygieiaError, InvalidInput
from hygieia.openpgp import key_packets as kp
from hygieia.openpgp import signature_packets as sp
from hygieia.openpgp.armor import PUBLIC_KEY, armor
from hygieia.openpgp.certificates import Certificate, Revocation
from hygieia.openpgp.keys import generate_key
from tests.unit.openpgp import forge
from tests.unit.openpgp.forge import BORN, LATER, NOW, Person, insert, sig

# pgpy warns that it verifies no self-signatures: that is why we do.
pytestmark = pytest.mark.filterwarnings("ignore::UserWarning")

ANA = Person("Ana Probe")
EVE = Person("Eve Eve")
OCTETS = forge.binary(ANA.packets)


def test_pgpy_loads_a_generated_certificate_and_verifies_its_binding() -> None:
    key = generate_key("Ana Probe", "Ana@Example.org")
    loaded, _ = pgpy.PGPKey.from_blob(key.certificate.armored)
    assert str(loaded.fingerprint).replace(" ", "").lower() == key.certificate.fingerprint
    [user_id] = loaded.userids
    assert (user_id.name, user_id.email) == ("Ana Probe", "ana@example.org")
    # Not the certification: hashing it again, pgpy drops the feature bits that it does not know.
    [subkey] = loaded.subkeys.values()
    assert loaded.verify(subkey)


def test_a_generated_certificate_says_it_reads_seipd_version_2_and_never_expires() -> None:
    certificate = generate_key("Ana", "ana@example.org").certificate
    assert certificate.supports_seipd2
    assert certificate.expires is None
    assert certificate.encryption_subkey().params == kp.OWN_ECDH_PARAMS


@pytest.mark.parametrize(
    ("reason", "kind"),
    [
        (None, Revocation.COMPROMISED),
        (0, Revocation.COMPROMISED),
        (1, Revocation.SUPERSEDED),
        (2, Revocation.COMPROMISED),
        (3, Revocation.RETIRED),
    ],
)
def test_a_revoked_certificate_is_shown_but_not_encrypted_to(
    reason: int | None, kind: Revocation
) -> None:
    packets = insert(ANA.packets, 1, sig(ANA.revoke(reason)))
    certificate = Certificate.parse(forge.certificate(packets))
    assert certificate.is_revoked
    assert certificate.revocation_kind is kind
    with pytest.raises(CertificateRefused):
        certificate.encryption_subkey()
    assert certificate.decryption_subkeys(), "its owner still opens her reports"


def test_the_gravest_of_several_revocations_counts() -> None:
    revocations = [sig(ANA.revoke(1)), sig(ANA.revoke(2)), sig(ANA.revoke(3))]
    certificate = Certificate.parse(forge.certificate(insert(ANA.packets, 1, *revocations)))
    assert certificate.revocation_kind is Revocation.COMPROMISED


def test_ms_11_a_revocation_once_seen_stays_whatever_is_served_later() -> None:
    pinned = ANA.key.certificate
    revoked = Certificate.parse(
        forge.certificate(insert(ANA.packets, 1, sig(ANA.revoke(created=NOW + timedelta(9)))))
    )
    merged = pinned.merge(revoked)
    assert merged.is_revoked
    assert merged.merge(pinned) is merged


def test_merging_equal_certificates_changes_nothing() -> None:
    pinned = ANA.key.certificate
    assert pinned.merge(Certificate.parse(ANA.certificate)) is pinned


def test_an_expiry_allows_for_the_clock_and_no_more() -> None:
    ends = BORN + timedelta(days=100)
    packets = ANA.packets
    packets[2] = sig(ANA.certify(forge.flags(3), forge.key_expiration(100 * 86400)))
    certificate = Certificate.parse(forge.certificate(packets))
    assert certificate.expires == ends
    certificate.encryption_subkey(ends + timedelta(seconds=600))
    with pytest.raises(CertificateRefused):
        certificate.encryption_subkey(ends + timedelta(seconds=601))
    with pytest.raises(CertificateRefused, match="not valid yet") as refused:
        certificate.encryption_subkey(BORN - timedelta(seconds=601))
    assert "clock" in str(refused.value.hint)
    with pytest.raises(CertificateRefused, match="in the future") as refused:
        Certificate.parse(ANA.certificate, now=BORN - timedelta(seconds=601))
    assert "clock" in str(refused.value.hint)


def test_a_later_certification_moves_the_expiry() -> None:
    short = sig(ANA.certify(forge.flags(3), forge.key_expiration(86400)))
    longer = sig(ANA.certify(forge.flags(3), created=LATER))
    packets = insert(ANA.packets, 3, longer)
    packets[2] = short
    assert Certificate.parse(forge.certificate(packets)).expires is None


def test_old_packet_headers_are_read() -> None:
    def old(tag: int, body: bytes) -> bytes:
        return bytes((0x80 | tag << 2 | 1,)) + len(body).to_bytes(2, "big") + body

    octets = b"".join(old(tag, body) for tag, body in ANA.packets)
    assert Certificate.parse(armor(PUBLIC_KEY, octets)).key_id == ANA.key.key_id


@pytest.mark.parametrize(
    ("user_id", "name", "email"),
    [
        (b"just a name", "just a name", ""),
        (b"ana@example.org", "", "ana@example.org"),
        (b"A < B <ana@example.org>", "A < B", "ana@example.org"),
        (b"\xff <ana@example.org>", "\ufffd", "ana@example.org"),
    ],
)
def test_name_and_email_are_what_the_user_id_holds(user_id: bytes, name: str, email: str) -> None:
    signed = sp.signed_user_id(ANA.primary, user_id)
    packets = ANA.packets
    packets[1:3] = [(kp.TAG_USER_ID, user_id), sig(ANA.sign(0x13, signed, forge.flags(3)))]
    certificate = Certificate.parse(forge.certificate(packets))
    assert (certificate.name, certificate.email) == (name, email)


@settings(max_examples=300)
@given(place=st.integers(0, len(OCTETS) * 8 - 1))
def test_no_flipped_bit_changes_what_a_certificate_says(place: int) -> None:
    """Refused, or (bits that nothing signs, such as a 64-bit issuer) without any effect."""
    octets = bytearray(OCTETS)
    octets[place // 8] ^= 1 << place % 8
    try:
        certificate = Certificate.parse(armor(PUBLIC_KEY, bytes(octets)), now=NOW)
    except CertificateRefused:
        return
    assert certificate.key_id == ANA.key.key_id
    assert certificate.email == ANA.email
    try:
        subkey = certificate.encryption_subkey(NOW)
    except CertificateRefused:
        return
    assert subkey == ANA.key.encryption_subkey


@settings(max_examples=300)
@given(data=st.data())
def test_any_octets_are_a_certificate_or_refused(data: st.DataObject) -> None:
    octets = bytearray(OCTETS)
    for _ in range(data.draw(st.integers(0, 4))):
        start = data.draw(st.integers(0, len(octets)))
        end = data.draw(st.integers(start, min(len(octets), start + 40)))
        octets[start:end] = data.draw(st.binary(max_size=40))
    try:
        Certificate.parse(armor(PUBLIC_KEY, bytes(octets)), now=NOW)
    except CertificateRefused:
        return


@given(st.text(max_size=300))
def test_any_text_is_a_certificate_or_refused(text: str) -> None:
    with pytest.raises(CertificateRefused):
        Certificate.parse(text)


@pytest.mark.parametrize("name", ["a<b", "a>b", "a\nb", "a\x00b", "a\u202eb", "x" * 257])
def test_a_name_that_could_be_taken_for_something_else_makes_no_key(name: str) -> None:
    with pytest.raises(InvalidInput):
        generate_key(name, "ana@example.org")


def test_checking_a_certificate_loads_neither_pgpy_nor_any_secret_module() -> None:
    program = "import sys, hygieia.openpgp.notes; print(*sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    loaded = set(done.stdout.split())
    secret = {"keys", "signing", "sealing", "locked_keys", "recovery_code", "kdf", "pgpy_adapter"}
    assert not loaded & ({f"hygieia.openpgp.{name}" for name in secret} | {"pgpy", "argon2"})


def test_a_refusal_is_an_integrity_error_with_its_own_code() -> None:
    with pytest.raises(HygieiaError) as refusal:
        Certificate.parse("hello")
    assert (refusal.value.code, refusal.value.exit_code) == ("certificate-refused", 6)
