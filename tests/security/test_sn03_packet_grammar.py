"""SN-03: more, or other, packets than the one content that was authenticated."""

from __future__ import annotations

import pytest

from hygieia.errors import EnvelopeRefused, HygieiaError
from hygieia.openpgp.payload import decrypt_bytes
from hygieia.openpgp.session_keys import SessionKey
from tests.unit.openpgp import outside_cases as outside
from tests.unit.openpgp.openpgp_cases import ana, literal, packet, padding, seal_inner

KEY = SessionKey(outside.SESSION)
INSIDES = {
    "two literals": literal(b"one") + literal(b"two"),
    "nested compression": outside.compressed(outside.compressed(literal())),
    "a compressed signature as content": outside.compressed(outside.signature()),
    "a trailing packet": literal() + packet(11, b"") + padding(),
    "an unknown packet": literal() + packet(40, b"later"),
    "a trailing user id": literal() + packet(13, b"Ana <ana@example.org>"),
}


@pytest.mark.parametrize("what", INSIDES)
def test_an_import_with_them_is_refused(what: str) -> None:
    with pytest.raises(EnvelopeRefused):
        outside.imported(outside.pkesk_6(ana()) + outside.seipd_2(INSIDES[what]), ana())


@pytest.mark.parametrize("what", INSIDES)
def test_a_vault_object_with_them_is_refused(what: str) -> None:
    for inner in (INSIDES[what], INSIDES[what] + padding()):
        with pytest.raises(EnvelopeRefused):
            decrypt_bytes(seal_inner(inner, KEY), KEY, 10_000)


@pytest.mark.parametrize("tail", [packet(11, b"b"), packet(2, b""), b"\xc1", b"\n", b"\x00"])
def test_octets_after_the_message_are_refused(tail: bytes) -> None:
    message = outside.pkesk_6(ana()) + outside.seipd_2(literal())
    with pytest.raises(HygieiaError):
        outside.imported(message + tail, ana())
    with pytest.raises(HygieiaError):
        decrypt_bytes(seal_inner(literal() + padding(), KEY) + tail, KEY, 10_000)
