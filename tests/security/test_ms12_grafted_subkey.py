"""MS-12: the server grafts its own subkey into a contact's certificate, under a stale binding."""

from __future__ import annotations

import json
from pathlib import Path

import pgpy
import pytest

from hygieia.errors import CertificateRefused
from hygieia.openpgp import key_packets as kp
from hygieia.openpgp.certificates import Certificate
from hygieia.openpgp.envelope import make_header
from hygieia.openpgp.session_keys import make_session_key
from tests.unit.openpgp import forge
from tests.unit.openpgp.forge import Person

CERTIFICATES = Path(__file__).parents[1] / "vectors" / "certificates"
GRAFTED = sorted(CERTIFICATES.glob("grafted-*.json"))
ANA, EVE = Person("Ana Probe"), Person("Eve Eve")


@pytest.mark.parametrize("path", GRAFTED, ids=lambda path: path.stem)
def test_a_certificate_with_a_graft_is_refused_whole(path: Path) -> None:
    with pytest.raises(CertificateRefused):
        Certificate.parse(json.loads(path.read_text("ascii"))["armored"])


@pytest.mark.filterwarnings("ignore::UserWarning")
def test_pgpy_alone_would_have_encrypted_to_the_attacker() -> None:
    """The vectors are no straw men: remove our checks and Eve reads what is meant for Ana."""
    grafted = [*ANA.packets[:3], (kp.TAG_PUBLIC_SUBKEY, EVE.subkey), ANA.packets[4]]
    loaded, _ = pgpy.PGPKey.from_blob(forge.certificate(grafted))
    message = loaded.encrypt(pgpy.PGPMessage.new("to Ana alone"))
    assert message.encrypters == {kp.fingerprint_of(EVE.subkey)[-8:].hex().upper()}


def test_nothing_is_wrapped_to_a_certificate_that_is_revoked() -> None:
    packets = forge.insert(ANA.packets, 1, forge.sig(ANA.revoke()))
    revoked = Certificate.parse(forge.certificate(packets))
    with pytest.raises(CertificateRefused):
        make_header(make_session_key(), [revoked])
