"""The payload of an envelope: content, padded and encrypted, as it flows (docs/spec/04).

One SEIPD packet of version 2 (RFC 9580 §5.13.2) around one Literal packet (§5.9) and one Padding
packet (§5.14). Ciphertext comes out as the leaves that IPFS wants, so that a byte is copied about
once between file and block. The same session key, salt and content always give the same octets.
"""

from __future__ import annotations

import secrets
from typing import TYPE_CHECKING, Final

from hygieia.errors import EnvelopeRefused, IntegrityError, LimitExceeded
from hygieia.limits import AEAD_CHUNK_BYTES, CHUNK_BYTES, PARTIAL_BODY_BYTES
from hygieia.openpgp.aead import ChunkOpener, ChunkSealer
from hygieia.openpgp.framing import BodyPiece, PacketSplitter, PartialFramer
from hygieia.openpgp.packets import (
    AEAD_TAG_BYTES,
    SALT_BYTES,
    SEIPD_START,
    Tag,
    write_header,
)
from hygieia.openpgp.padding import padding_bytes, padding_header, padding_octets

if TYPE_CHECKING:
    from collections.abc import Iterator

    from hygieia.openpgp.session_keys import SessionKey

LITERAL_START: Final = b"b\x00\x00\x00\x00\x00"
"""Binary, no file name, no date: what a name or a date could tell stands in the signed meta."""

_START_BYTES: Final = len(SEIPD_START) + SALT_BYTES


def make_salt() -> bytes:
    """Make the random salt of one payload. Never use one for two contents."""
    return secrets.token_bytes(SALT_BYTES)


class PayloadWriter:
    """Encrypts one content of unknown length into leaves of ``CHUNK_BYTES``.

    Give a ``salt`` only to resume: under one session key, a salt belongs to one content
    (:mod:`hygieia.openpgp.aead` says why). Memory held is a few MiB, whatever the length.
    """

    def __init__(self, session_key: SessionKey, *, salt: bytes | None = None) -> None:
        self.salt: Final = make_salt() if salt is None else salt
        self._session_key = session_key
        self._sealer = ChunkSealer(session_key, self.salt)
        self._inner = PartialFramer(Tag.LITERAL, AEAD_CHUNK_BYTES)
        self._inner.write(LITERAL_START)
        self._outer = PartialFramer(Tag.SEIPD, CHUNK_BYTES)
        self._outer.write(SEIPD_START + self.salt)

    def update(self, content: bytes | bytearray | memoryview) -> list[bytearray]:
        """Take more content; the leaves complete by now, each of exactly ``CHUNK_BYTES``.

        ``content`` may be used again at once; the leaves are the caller's.
        """
        view = memoryview(content)
        leaves = []
        for offset in range(0, len(view), PARTIAL_BODY_BYTES):
            self._inner.write(view[offset : offset + PARTIAL_BODY_BYTES])
            self._seal(self._inner.take())
            leaves += self._outer.take()
        return leaves

    def recycle(self, leaf: bytearray) -> None:
        """Take a leaf back from a caller who is done with it: it is written anew, in any thread."""
        self._outer.recycle(leaf)

    def finish(self, floor: int = 0) -> list[bytearray]:
        """End the content; the remaining leaves, of which the last may be shorter.

        ``floor`` is the least length in bytes of the two packets inside (docs/spec/13).
        """
        return list(self.finishing(floor))

    def finishing(self, floor: int = 0) -> Iterator[bytearray]:
        """As :meth:`finish`, leaf by leaf: the padding of a long content is long too."""
        inner = self._inner
        inner.finish()
        length = padding_bytes(inner.written_bytes, floor)
        inner.append(padding_header(length))
        for octets in padding_octets(self._session_key, self.salt, length):
            inner.append(octets)
            self._seal(inner.take_whole())
            yield from self._outer.take()
        self._seal(inner.take_rest())
        self._outer.write(self._sealer.finish())
        self._outer.finish()
        yield from self._outer.take_rest()

    def _seal(self, chunks: list[bytearray]) -> None:
        for chunk in chunks:
            size = len(chunk) + AEAD_TAG_BYTES
            place = self._outer.place(size)
            if place is None:
                self._outer.write(self._sealer.seal(chunk))
            else:
                self._sealer.seal_into(chunk, place)
                self._outer.advance(size)
            self._inner.recycle(chunk)


class PayloadReader:
    """Opens one payload from a stream of octets; what it returns is authentic.

    Authentic, but not yet complete: keep it under a temporary name until :meth:`finish` returns.
    """

    def __init__(self, session_key: SessionKey) -> None:
        self._session_key = session_key
        self._outer = PacketSplitter()
        self._start = bytearray()
        self._opener: ChunkOpener | None = None
        self._ended = False
        self._content = ContentReader()

    def update(self, data: bytes | bytearray | memoryview) -> list[memoryview]:
        """Take more octets of the payload; the content that is authentic by now.

        Raises:
            IntegrityError: a chunk was altered, moved or dropped, or the session key is wrong.
            EnvelopeRefused: not a payload as docs/spec/04 has it.
        """
        content: list[memoryview] = []
        for piece in self._outer.feed(data):
            if self._ended or piece.tag != Tag.SEIPD:
                raise EnvelopeRefused("The payload is not one encrypted packet.")
            for chunk in self._open(piece.octets):
                content += self._content.update(chunk)
            self._ended = piece.ends
        return content

    def finish(self) -> list[memoryview]:
        """End the payload; the rest of the content. Only now is it known to be complete.

        Raises:
            IntegrityError: the payload is cut short or its final tag is wrong.
            EnvelopeRefused: Literal and Padding are not what is inside.
        """
        self._outer.finish()
        if self._opener is None:
            raise IntegrityError("The message is cut short.")
        last = self._opener.finish()
        content = [] if last is None else self._content.update(last)
        self._content.finish()
        return content

    def _open(self, octets: memoryview) -> list[bytes]:
        if self._opener is None:
            taken = _START_BYTES - len(self._start)
            self._start += octets[:taken]
            octets = octets[taken:]
            if not bytes(self._start[: len(SEIPD_START)]) == SEIPD_START[: len(self._start)]:
                raise EnvelopeRefused("The payload is not encrypted as the vault's format demands.")
            if len(self._start) < _START_BYTES:
                return []
            salt = bytes(self._start[len(SEIPD_START) :])
            self._opener = ChunkOpener(self._session_key.octets, salt)
        return self._opener.update(octets)


class ContentReader:
    """Takes decrypted packets apart: exactly one Literal, then exactly one Padding packet."""

    def __init__(self) -> None:
        self._packets = PacketSplitter()
        self._start = b""
        self._literal_ended = False
        self._padding_ended = False

    def update(self, chunk: bytes) -> list[memoryview]:
        """The content within ``chunk``; raises EnvelopeRefused for anything out of place."""
        content = []
        for piece in self._packets.feed(chunk):
            if not self._literal_ended and piece.tag == Tag.LITERAL:
                octets = self._skip_start(piece)
                if octets:
                    content.append(octets)
                self._literal_ended = piece.ends
            elif self._literal_ended and not self._padding_ended and piece.tag == Tag.PADDING:
                self._padding_ended = piece.ends
            else:
                raise EnvelopeRefused("The payload holds something else than content and padding.")
        return content

    def finish(self) -> None:
        """Raise EnvelopeRefused or IntegrityError unless both packets were there, whole."""
        self._packets.finish()
        if not self._padding_ended:
            raise EnvelopeRefused("The payload holds no padding.")

    def _skip_start(self, piece: BodyPiece) -> memoryview:
        taken = len(LITERAL_START) - len(self._start)
        if not taken:
            return piece.octets
        self._start += bytes(piece.octets[:taken])
        complete = len(self._start) == len(LITERAL_START)
        if self._start != LITERAL_START[: len(self._start)] or (piece.ends and not complete):
            raise EnvelopeRefused("The content is labelled otherwise than the format demands.")
        return piece.octets[taken:]


def encrypt_bytes(
    content: bytes, session_key: SessionKey, floor: int = 0, *, salt: bytes | None = None
) -> bytes:
    """Encrypt a small content at once: the same octets as :class:`PayloadWriter` gives."""
    literal_bytes = len(LITERAL_START) + len(content)
    if max(literal_bytes, floor) > PARTIAL_BODY_BYTES // 2:
        writer = PayloadWriter(session_key, salt=salt)
        leaves = writer.update(content)
        return b"".join(leaves + writer.finish(floor))
    salt = make_salt() if salt is None else salt
    packet = write_header(Tag.LITERAL, literal_bytes) + LITERAL_START
    length = padding_bytes(len(packet) + len(content), floor)
    octets = padding_octets(session_key, salt, length)
    inner = memoryview(b"".join((packet, content, padding_header(length), *octets)))
    sealer = ChunkSealer(session_key, salt)
    chunks = range(0, len(inner), AEAD_CHUNK_BYTES)
    sealed = [sealer.seal(inner[start : start + AEAD_CHUNK_BYTES]) for start in chunks]
    body = b"".join((SEIPD_START, salt, *sealed, sealer.finish()))
    return write_header(Tag.SEIPD, len(body)) + body


def decrypt_bytes(payload: bytes, session_key: SessionKey, max_bytes: int) -> bytes:
    """Open a small payload at once.

    Raises:
        LimitExceeded: the content is longer than ``max_bytes``.
        IntegrityError: altered, cut short, or another session key.
        EnvelopeRefused: not a payload as docs/spec/04 has it.
    """
    reader = PayloadReader(session_key)
    content = b"".join(reader.update(payload) + reader.finish())
    if len(content) > max_bytes:
        raise LimitExceeded("The content is longer than it may be.")
    return content
