"""Factories for the envelope tests: keys, packets, payloads with something wrong in them."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

from hygieia.openpgp.aead import ChunkSealer
from hygieia.openpgp.keys import generate_key
from hygieia.openpgp.packets import SEIPD_START, Tag, read_header, write_header
from hygieia.openpgp.padding import padding_header
from hygieia.openpgp.payload import LITERAL_START, make_salt

if TYPE_CHECKING:
    from hygieia.openpgp.keys import UnlockedKey
    from hygieia.openpgp.session_keys import SessionKey

MIB = 1 << 20
CHUNK = 1 << 18


@cache
def ana() -> UnlockedKey:
    return generate_key("Ana Probe", "ana@example.org")


@cache
def boris() -> UnlockedKey:
    return generate_key("Boris Test", "boris@example.org")


def packet(tag: int, body: bytes) -> bytes:
    return write_header(tag, len(body)) + body


def body_of(octets: bytes) -> bytes:
    header = read_header(octets)
    assert header is not None
    return octets[header.octets :]


def literal(content: bytes = b"content", start: bytes = LITERAL_START) -> bytes:
    return packet(Tag.LITERAL, start + content)


def padding(octets: bytes = b"\x55" * 9) -> bytes:
    return padding_header(len(octets)) + octets


def seal_inner(inner: bytes, session_key: SessionKey) -> bytes:
    """A payload whose inside is any octets at all, properly encrypted."""
    salt = make_salt()
    sealer = ChunkSealer(session_key, salt)
    chunks = [sealer.seal(inner[at : at + CHUNK]) for at in range(0, len(inner), CHUNK)]
    return packet(Tag.SEIPD, b"".join((SEIPD_START, salt, *chunks, sealer.finish())))
