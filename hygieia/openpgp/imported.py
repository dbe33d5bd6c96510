"""Messages that outsiders encrypted to the user: read once, at import (docs/spec/04).

The second of the two parsers. It takes what other programs write and vault objects never have:
named recipients, PKESK version 3, SEIPD version 1, OCB, compression, inline signatures, armor,
the legacy packet format. Packets without integrity protection are refused.

Public: docs/spec/04-envelope.md §4 and the vectors of ``imports`` fix what it reads. No command
imports messages yet; it is for programs that do.
"""

from __future__ import annotations

import hmac
from dataclasses import dataclass, field
from enum import Enum
from typing import TYPE_CHECKING, BinaryIO, Final

from hygieia.errors import EnvelopeRefused, IntegrityError, LimitExceeded
from hygieia.limits import MAX_HEADER_BYTES, MAX_PACKETS_IN_MESSAGE, MAX_PKESKS
from hygieia.openpgp import seipd1
from hygieia.openpgp.aead import ChunkOpener, Suite
from hygieia.openpgp.armored_input import binary_octets
from hygieia.openpgp.framing import PacketSplitter
from hygieia.openpgp.outside_content import (
    SKIPPED,
    ImportLimits,
    OutsideContent,
    OutsideContentReader,
)
from hygieia.openpgp.packets import ECDH, SALT_BYTES, Tag
from hygieia.openpgp.session_keys import checksum, unwrap_fields

if TYPE_CHECKING:
    from hygieia.openpgp.framing import BodyPiece
    from hygieia.openpgp.keys import UnlockedKey

_DEFAULT_LIMITS: Final = ImportLimits()
_SUITE_BYTES: Final = 4
_VERSION_2_BYTES: Final = _SUITE_BYTES + SALT_BYTES
_KEY_ID_BYTES: Final = 8


class Protection(Enum):
    """How the message was encrypted."""

    SEIPD1 = "SEIPD version 1"
    SEIPD2 = "SEIPD version 2"


@dataclass(frozen=True, slots=True)
class Imported:
    """What came in. Everything in ``content`` but its length is the sender's claim."""

    protection: Protection
    content: OutsideContent


@dataclass(frozen=True, slots=True)
class _OutsideKey:
    """A session key as an outsider chose it; ``cipher`` is None where the payload names it."""

    octets: bytes = field(repr=False)
    cipher: int | None


def open_message(
    source: BinaryIO,
    key: UnlockedKey,
    out: BinaryIO,
    *,
    spool: BinaryIO,
    limits: ImportLimits = _DEFAULT_LIMITS,
) -> Imported:
    """Decrypt the message in ``source`` to ``out``, a temporary file, and say what it was.

    ``source`` is binary or armored. ``spool`` is an empty, seekable temporary file: a message of
    SEIPD version 1 is kept there, **still encrypted**, until its tag at the end is checked.

    Raises:
        EnvelopeRefused: no such message, not for this key, or not integrity-protected.
        LimitExceeded: it is too large, too nested, or unfolds to too much.
        IntegrityError: altered or cut short. After any error, discard ``out``.
    """
    reader = _MessageReader(key, out, spool, limits)
    for octets in binary_octets(source):
        reader.update(octets)
    return reader.finish()


class _MessageReader:
    """Recipients first, then one encrypted packet, then nothing."""

    def __init__(
        self, key: UnlockedKey, out: BinaryIO, spool: BinaryIO, limits: ImportLimits
    ) -> None:
        self._packets = PacketSplitter(legacy=True)
        self._recipients = _Recipients(key)
        self._content = OutsideContentReader(out, limits)
        self._spool = spool
        self._start = bytearray()
        self._protection: Protection | None = None
        self._opener: ChunkOpener | None = None
        self._packet_count = 0
        self._seen_encrypted = False

    def update(self, octets: bytes) -> None:
        for piece in self._packets.feed(octets):
            if piece.starts:
                self._check_start(piece.tag)
            if piece.tag == Tag.SEIPD:
                self._take_encrypted(piece.octets)
            elif piece.tag == Tag.PKESK:
                self._recipients.take(piece)

    def finish(self) -> Imported:
        self._packets.finish()
        if self._protection is None:
            raise IntegrityError("The message is cut short.")
        if self._opener is not None:
            last = self._opener.finish()
            if last is not None:
                self._content.update(last)
        elif self._protection is Protection.SEIPD2:
            raise IntegrityError("The message is cut short.")
        else:
            self._release_spooled()
        return Imported(self._protection, self._content.finish())

    def _check_start(self, tag: int) -> None:
        self._packet_count += 1
        if self._packet_count > MAX_PACKETS_IN_MESSAGE + MAX_PKESKS:
            raise LimitExceeded("The message holds too many packets.")
        if tag in SKIPPED:
            return
        if tag == Tag.SED:
            raise EnvelopeRefused("The message is encrypted without protection against changes.")
        if self._seen_encrypted or tag not in {Tag.PKESK, Tag.SKESK, Tag.SEIPD}:
            raise EnvelopeRefused("This is not one encrypted message.")
        self._seen_encrypted = tag == Tag.SEIPD

    def _take_encrypted(self, octets: memoryview) -> None:
        if self._protection is None:
            if not octets:
                return
            self._protection = _protection_of(octets[0])
            if self._protection is Protection.SEIPD1:
                octets = octets[1:]
        if self._protection is Protection.SEIPD1:
            self._spool.write(octets)
            return
        if self._opener is None:
            taken = _VERSION_2_BYTES - len(self._start)
            self._start += octets[:taken]
            octets = octets[taken:]
            if len(self._start) < _VERSION_2_BYTES:
                return
            self._opener = self._open_version_2()
        for chunk in self._opener.update(octets):
            self._content.update(chunk)

    def _open_version_2(self) -> ChunkOpener:
        _, cipher, mode, chunk_octet = self._start[:_SUITE_BYTES]
        found = self._recipients.session_key(6)
        salt = bytes(self._start[_SUITE_BYTES:])
        return ChunkOpener(found.octets, salt, Suite(cipher, mode, chunk_octet))

    def _release_spooled(self) -> None:
        found = self._recipients.session_key(3)
        if found.cipher is None or seipd1.KEY_BYTES.get(found.cipher) != len(found.octets):
            raise EnvelopeRefused("The message is encrypted in a way that is not supported.")
        self._spool.seek(0)
        seipd1.check(self._spool, found.octets)
        self._spool.seek(0)
        for octets in seipd1.release(self._spool, found.octets):
            self._content.update(octets)


def _protection_of(version: int) -> Protection:
    if version == seipd1.VERSION:
        return Protection.SEIPD1
    if version == 2:
        return Protection.SEIPD2
    raise EnvelopeRefused("The message is encrypted in a way that is not supported.")


class _Recipients:
    """The PKESK packets of a message, within limits, and the session key they give."""

    def __init__(self, key: UnlockedKey) -> None:
        self._key = key
        self._open = bytearray()
        self._bodies: list[bytes] = []
        self._bytes = 0

    def take(self, piece: BodyPiece) -> None:
        self._open += piece.octets
        self._bytes += len(piece.octets)
        if self._bytes > MAX_HEADER_BYTES or len(self._bodies) == MAX_PKESKS:
            raise LimitExceeded("The message names too many recipients.")
        if piece.ends:
            self._bodies.append(bytes(self._open))
            self._open.clear()

    def session_key(self, version: int) -> _OutsideKey:
        """The session key from the first packet of ``version`` that the key opens.

        Version 3 belongs to SEIPD version 1 and 6 to 2 (RFC 9580 §10.3.2.1): a mix is how a
        message would be turned into one of weaker kind.

        Raises:
            EnvelopeRefused: none of them is for this key.
        """
        for body in self._bodies:
            if body[:1] == bytes([version]):
                found = self._unwrap_3(body) if version == 3 else self._unwrap_6(body)
                if found is not None:
                    return found
        raise EnvelopeRefused("The message is not encrypted to this key.")

    def _unwrap_3(self, body: bytes) -> _OutsideKey | None:
        """RFC 9580 §5.1.1: key id (zeros: anonymous), algorithm, fields; cipher before the key."""
        key_id = self._key.encryption_subkey.fingerprint[-_KEY_ID_BYTES:]
        if body[1:9] not in {key_id, bytes(_KEY_ID_BYTES)} or body[9:10] != bytes([ECDH]):
            return None
        octets = _checked(unwrap_fields(body[10:], self._key))
        return _OutsideKey(octets[1:], octets[0]) if octets else None

    def _unwrap_6(self, body: bytes) -> _OutsideKey | None:
        """RFC 9580 §5.1.2: key version and fingerprint (or neither), algorithm, fields."""
        fields = 2 + int.from_bytes(body[1:2])
        recipient, rest = body[2:fields], body[fields:]
        mine = b"\x04" + self._key.encryption_subkey.fingerprint
        if recipient not in {b"", mine} or rest[:1] != bytes([ECDH]):
            return None
        octets = _checked(unwrap_fields(rest[1:], self._key), skip=0)
        return _OutsideKey(octets, None) if octets else None


def _checked(wrapped: bytes | None, *, skip: int = 1) -> bytes | None:
    """What was wrapped, without its checksum, which leaves out ``skip`` octets before the key."""
    if wrapped is None or len(wrapped) < skip + 2 + 16:
        return None
    octets, total = wrapped[:-2], wrapped[-2:]
    return octets if hmac.compare_digest(checksum(octets[skip:]), total) else None
