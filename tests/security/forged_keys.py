"""Sealed keys and certificates as only an attacker would send them."""

from __future__ import annotations

from hygieia.openpgp import key_packets as kp
from hygieia.openpgp.armor import PRIVATE_KEY, PUBLIC_KEY, armor, dearmor
from tests.unit.openpgp import forge
from tests.unit.openpgp.forge import Packet, Person

EVE = Person("Eve Eve")


def packets_of(label: str, armored: str) -> list[Packet]:
    octets = dearmor(label, armored, max_bytes=65536)
    return [(each.tag, each.body) for each in kp.split_packets(octets, max_packets=64)]


def with_eves_point(sealed_key: str, tag: int) -> str:
    """The sealed key with the public part of one packet exchanged for Eve's."""
    eves = {kp.TAG_SECRET_KEY: EVE.primary, kp.TAG_SECRET_SUBKEY: EVE.subkey}[tag]
    packets = [
        (each, eves + body[len(eves) :] if each == tag else body)
        for each, body in packets_of(PRIVATE_KEY, sealed_key)
    ]
    return armor(PRIVATE_KEY, forge.binary(packets))


def with_other_lock(sealed_key: str, lock: bytes) -> str:
    """The sealed key whose primary key says that it is locked like this (RFC 9580 §5.5.3)."""
    packets = packets_of(PRIVATE_KEY, sealed_key)
    tag, body = packets[0]
    packets[0] = (tag, body[: len(EVE.primary)] + lock)
    return armor(PRIVATE_KEY, forge.binary(packets))


def eves_open_key() -> str:
    """Eve's own key, locked by nothing: what pgpy calls already unlocked."""
    signing, decryption = EVE.key.secrets()
    packets = EVE.packets
    packets[0] = (kp.TAG_SECRET_KEY, EVE.primary + unlocked(signing))
    packets[3] = (kp.TAG_SECRET_SUBKEY, EVE.subkey + unlocked(decryption[::-1]))
    return armor(PRIVATE_KEY, forge.binary(packets))


def with_eves_open_subkey(sealed_key: str) -> str:
    """The true sealed key, and behind it a subkey of Eve's that needs no passphrase."""
    packets = packets_of(PRIVATE_KEY, sealed_key)
    eves = (kp.TAG_SECRET_SUBKEY, EVE.subkey + unlocked(EVE.key.secrets()[1][::-1]))
    return armor(PRIVATE_KEY, forge.binary([*packets, eves, packets[-1]]))


def unlocked(secret: bytes) -> bytes:
    mpi = kp.write_mpi(secret)
    return b"\0" + mpi + (sum(mpi) % 65536).to_bytes(2, "big")


def grafted(certificate: str) -> str:
    """The certificate with Eve's subkey in front of the true one, under its binding."""
    packets = packets_of(PUBLIC_KEY, certificate)
    return forge.certificate([*packets[:3], (kp.TAG_PUBLIC_SUBKEY, EVE.subkey), *packets[-1:]])


def grafted_beside(certificate: str) -> str:
    """The whole true certificate, and Eve's subkey after it under the true binding."""
    packets = packets_of(PUBLIC_KEY, certificate)
    eves = (kp.TAG_PUBLIC_SUBKEY, EVE.subkey)
    return forge.certificate([*packets, eves, packets[-1]])
