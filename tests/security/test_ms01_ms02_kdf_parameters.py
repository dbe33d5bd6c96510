"""MS-01, MS-02: a server announces weak or enormous password stretching, or hides it in a seal."""

from __future__ import annotations

import argon2.low_level
import pytest

from hygieia.errors import KdfRefused, SealedKeyRefused
from hygieia.openpgp import kdf, locked_keys
from hygieia.openpgp import key_packets as kp
from hygieia.openpgp.armor import PRIVATE_KEY, armor, dearmor
from hygieia.openpgp.parameters import KdfParams
from tests.unit.openpgp.forge import Person

WEAKER = [KdfParams(8, 1, 1), KdfParams(65535, 3, 1), KdfParams(65536, 2, 1)]
HEAVIER = [KdfParams(4 << 20, 1000, 1), KdfParams(1 << 20, 3, 5), KdfParams(1 << 62, 3, 1)]


@pytest.fixture(autouse=True)
def _no_argon2(monkeypatch: pytest.MonkeyPatch) -> None:
    def never(*_: object) -> bytes:
        pytest.fail("the password was stretched")

    monkeypatch.setattr(argon2.low_level, "hash_secret_raw", never)


@pytest.mark.parametrize("params", WEAKER)
def test_ms_01_weaker_stretching_is_refused_before_a_secret_exists(params: KdfParams) -> None:
    with pytest.raises(KdfRefused, match="weaker"):
        kdf.stretch("correct horse", "ana@example.org", "0" * 32, params)


@pytest.mark.parametrize("params", HEAVIER)
def test_ms_02_heavier_stretching_is_refused_before_anything_is_allocated(
    params: KdfParams,
) -> None:
    with pytest.raises(KdfRefused, match="heavier"):
        kdf.stretch("correct horse", "ana@example.org", "0" * 32, params)


def test_ms_02_argon2_inside_a_locked_key_is_refused() -> None:
    """RFC 9580 lets the lock itself ask for Argon2 with up to 2 TiB of memory."""
    locked = locked_keys.lock(Person("Ana").key, "p", count=locked_keys.COUNT_FOR_STRETCHED)
    octets = dearmor(PRIVATE_KEY, locked, max_bytes=65536)
    bomb = b"\xfe\x09\x04" + bytes(16) + b"\x01\x01\x1f"
    packets = b"".join(
        kp.write_packet(
            packet.tag, packet.body[:51] + bomb if packet.tag == kp.TAG_SECRET_KEY else packet.body
        )
        for packet in kp.split_packets(octets, max_packets=9)
    )
    with pytest.raises(SealedKeyRefused):
        locked_keys.unlock(armor(PRIVATE_KEY, packets), "p")
