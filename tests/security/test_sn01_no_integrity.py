"""SN-01: content without, or with weaker, integrity protection than the format demands."""

from __future__ import annotations

import io

import pytest

from hygieia.errors import EnvelopeRefused, IntegrityError
from hygieia.openpgp.envelope import open_envelope
from hygieia.openpgp.imported import open_message
from hygieia.openpgp.packets import Tag, check_payload_start
from tests.unit.openpgp import outside_cases as outside
from tests.unit.openpgp.openpgp_cases import ana, literal, packet

MESSAGE_1 = outside.seipd_1(literal(b"content"))
UNPROTECTED = packet(Tag.SED, bytes(99))


@pytest.mark.parametrize("payload", [MESSAGE_1, UNPROTECTED], ids=["version 1", "unprotected"])
def test_neither_is_taken_for_a_vault_object(payload: bytes) -> None:
    with pytest.raises(EnvelopeRefused):
        check_payload_start(payload)
    with pytest.raises(EnvelopeRefused):
        list(open_envelope(io.BytesIO(outside.pkesk_of_vault(ana()) + payload), ana()))


def test_an_import_without_protection_is_refused() -> None:
    with pytest.raises(EnvelopeRefused):
        outside.imported(outside.pkesk_3(ana()) + UNPROTECTED, ana())


@pytest.mark.parametrize("place", range(-30, 0))
def test_an_import_with_a_broken_end_releases_nothing(place: int) -> None:
    message = bytearray(outside.pkesk_3(ana()) + MESSAGE_1)
    message[place] ^= 1
    out = io.BytesIO()
    with pytest.raises(IntegrityError):
        open_message(io.BytesIO(bytes(message)), ana(), out, spool=io.BytesIO())
    assert out.getvalue() == b""
