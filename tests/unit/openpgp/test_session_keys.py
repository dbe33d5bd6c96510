from __future__ import annotations

import pickle
from dataclasses import replace
from types import SimpleNamespace
from typing import TYPE_CHECKING

import pytest
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey
from hypothesis import assume, given
from hypothesis import strategies as st
from pgpy.constants import EllipticCurveOID
from pgpy.packet.fields import ECKDF, ECDHCipherText
from pgpy.types import Fingerprint

from hygieia.errors import CertificateRefused, EnvelopeRefused
from hygieia.openpgp.packets import parse_header_leaf, pkesk_fields
from hygieia.openpgp.session_keys import (
    SessionKey,
    checksum,
    make_session_key,
    unwrap,
    unwrap_each,
    unwrap_fields,
    wrap,
    wrap_to_subkey,
)
from tests.unit.openpgp.openpgp_cases import ana, boris

if TYPE_CHECKING:
    from hygieia.openpgp.certificates import EncryptionSubkey


@given(st.binary(min_size=32, max_size=32))
def test_a_wrapped_session_key_unwraps(octets: bytes) -> None:
    packet = wrap(SessionKey(octets), ana().certificate)
    found = unwrap(parse_header_leaf(packet), ana())
    assert found.session_key.octets == octets
    assert found.packet == packet


def test_a_packet_among_others_is_found() -> None:
    key = make_session_key()
    packets = [wrap(make_session_key(), boris().certificate) for _ in range(5)]
    packets.insert(3, wrap(key, ana().certificate))
    assert unwrap(packets, ana()).session_key == key


def test_a_stranger_opens_nothing() -> None:
    with pytest.raises(EnvelopeRefused, match="not among the recipients"):
        unwrap([wrap(make_session_key(), boris().certificate)], ana())


def test_every_packet_for_the_key_is_offered() -> None:
    keys = [make_session_key() for _ in range(3)]
    packets = [wrap(key, ana().certificate) for key in keys]
    assert [found.session_key for found in unwrap_each(packets, ana())] == keys


@given(st.integers(3, 86), st.integers(1, 255))
def test_any_changed_octet_of_the_secret_fields_opens_nothing(place: int, change: int) -> None:
    assume((place, change) != (37, 0x80))  # X25519 masks the point's highest bit (RFC 7748 §5)
    octets = bytearray(wrap(make_session_key(), ana().certificate))
    octets[2 + place] ^= change
    assert unwrap_fields(pkesk_fields(bytes(octets)), ana()) is None


@given(st.binary(max_size=120))
def test_any_fields_at_all_open_to_nothing_without_an_error(fields: bytes) -> None:
    assert unwrap_fields(fields, ana()) is None
    assert unwrap_fields(b"\x01\x07\x40" + fields, ana()) is None


def test_a_degenerate_point_in_a_packet_opens_nothing() -> None:
    fields = b"\x01\x07\x40" + bytes(32) + b"\x30" + bytes(48)
    assert unwrap_fields(fields, ana()) is None


def test_a_degenerate_point_in_a_certificate_is_refused() -> None:
    subkey = replace(ana().encryption_subkey, point=bytes(32))
    with pytest.raises(CertificateRefused):
        wrap_to_subkey(make_session_key(), subkey)


def with_params(hash_algorithm: int, cipher_algorithm: int) -> EncryptionSubkey:
    subkey = ana().encryption_subkey
    params = replace(
        subkey.params, hash_algorithm=hash_algorithm, cipher_algorithm=cipher_algorithm
    )
    return replace(subkey, params=params)


@pytest.mark.parametrize(("hash_algorithm", "cipher_algorithm"), [(2, 7), (8, 2), (11, 9)])
def test_key_derivations_that_we_do_not_know_are_refused(
    hash_algorithm: int, cipher_algorithm: int
) -> None:
    with pytest.raises(CertificateRefused):
        wrap_to_subkey(make_session_key(), with_params(hash_algorithm, cipher_algorithm))


@pytest.mark.parametrize("octets", [b"", bytes(16), bytes(31), bytes(33)])
def test_a_session_key_has_32_octets(octets: bytes) -> None:
    with pytest.raises(EnvelopeRefused):
        SessionKey(octets)


def test_a_session_key_is_not_shown_or_pickled() -> None:
    key = SessionKey(b"\xab" * 32)
    assert "ab" not in repr(key).lower().replace("sessionkey", "")
    assert str(key) == repr(key)
    with pytest.raises(TypeError):
        pickle.dumps(key)


def test_session_keys_compare_by_their_octets() -> None:
    assert SessionKey(bytes(32)) == SessionKey(bytes(32))
    assert SessionKey(bytes(32)) != make_session_key()
    assert SessionKey(bytes(32)) != bytes(32)


def test_the_checksum_is_the_sum_of_the_octets() -> None:
    assert checksum(b"\xff" * 300) == ((255 * 300) & 0xFFFF).to_bytes(2, "big")


def pgpys_view(subkey: EncryptionSubkey) -> SimpleNamespace:
    """What pgpy's ECDH code asks of a Curve25519 key."""
    kdf = ECKDF()
    kdf.halg, kdf.encalg = subkey.params.hash_algorithm, subkey.params.cipher_algorithm
    secret = X25519PrivateKey.from_private_bytes(ana().secrets()[1])
    material = SimpleNamespace(
        oid=EllipticCurveOID.Curve25519,
        kdf=kdf,
        __pubkey__=secret.public_key,
        __privkey__=lambda: secret,
    )
    return SimpleNamespace(keymaterial=material, fingerprint=Fingerprint(subkey.fingerprint.hex()))


@pytest.mark.parametrize("hash_algorithm", [8, 9, 10])
@pytest.mark.parametrize("cipher_algorithm", [7, 8, 9])
def test_pgpy_unwraps_what_we_wrap(hash_algorithm: int, cipher_algorithm: int) -> None:
    key, subkey = make_session_key(), with_params(hash_algorithm, cipher_algorithm)
    fields = ECDHCipherText()
    fields.parse(bytearray(pkesk_fields(wrap_to_subkey(key, subkey))))
    assert bytes(fields.decrypt(pgpys_view(subkey))) == key.octets + checksum(key.octets)


def test_we_unwrap_what_pgpy_wraps() -> None:
    octets = make_session_key().octets
    wrapped = octets + checksum(octets)
    fields = ECDHCipherText.encrypt(pgpys_view(ana().encryption_subkey), wrapped)
    assert unwrap_fields(bytes(fields.__bytearray__()), ana()) == wrapped
