"""Packet bodies of any length, written and read as they flow (RFC 9580 §4.2.1).

:class:`PartialFramer` writes one packet with partial lengths of 1 MiB and cuts the result into
pieces of equal size: AEAD chunks on the way in, IPFS leaves on the way out. :class:`PacketSplitter`
reads any packets and hands out their bodies without copying them. Public only: no key is needed.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from hygieia.errors import EnvelopeRefused, IntegrityError, LimitExceeded
from hygieia.limits import MAX_PACKET_HEADER_BYTES, PARTIAL_BODY_BYTES
from hygieia.openpgp.packets import (
    MIN_FIRST_PARTIAL_BYTES,
    PacketHeader,
    read_header,
    read_length,
    write_length,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

_PARTIAL_OCTET: Final = 0xE0 | (PARTIAL_BODY_BYTES.bit_length() - 1)
_MAX_SMALL_PARTS: Final = 4096


class PartialFramer:
    """Writes one packet of unknown length and cuts it into pieces of ``piece_bytes``.

    Every part is taken for a partial one, until :meth:`finish` knows better and gives the last
    its definite length, of one to five octets; so pieces are held back until the part that begins
    in them is complete. At most about ``PARTIAL_BODY_BYTES`` and two pieces are held.
    """

    def __init__(self, tag: int, piece_bytes: int) -> None:
        self._piece_bytes = piece_bytes
        self._piece = bytearray(piece_bytes)
        # Written through a view: assigning to a slice of a bytearray copies twice.
        self._room = memoryview(self._piece)
        self._fill = 0
        self._held: list[bytearray] = []
        self._ready: list[bytearray] = []
        self._spare: list[bytearray] = []
        self._part_bytes = PARTIAL_BODY_BYTES  # so that the first body octet opens a part
        self._finished = False
        self.written_bytes = 0
        self._put(bytes([0xC0 | tag]))

    def place(self, size: int) -> memoryview | None:
        """A view where the next ``size`` body octets go, to be followed by :meth:`advance`.

        None when a length octet or the end of a piece falls between them: then :meth:`write`.
        """
        self._open()
        if size > min(PARTIAL_BODY_BYTES - self._part_bytes, self._piece_bytes - self._fill):
            return None
        return self._room[self._fill : self._fill + size]

    def advance(self, size: int) -> None:
        """Count ``size`` octets written into the view that :meth:`place` gave."""
        self._fill += size
        self._part_bytes += size
        self.written_bytes += size

    def write(self, body: bytes | bytearray | memoryview) -> None:
        """Append body octets (copied)."""
        if self._finished:
            raise RuntimeError("The packet has ended.")
        view = memoryview(body)
        offset = 0
        while offset < len(view):
            self._open()
            room = min(PARTIAL_BODY_BYTES - self._part_bytes, self._piece_bytes - self._fill)
            part = view[offset : offset + room]
            self._room[self._fill : self._fill + len(part)] = part
            self.advance(len(part))
            offset += len(part)

    def finish(self) -> None:
        """Give the last part its definite length; only :meth:`append` may follow."""
        self._finished = True
        if self._part_bytes == PARTIAL_BODY_BYTES:
            self._put(write_length(0))  # the last part was full and stays a partial one
            return
        body = self._take_back(self._part_bytes)
        self._put(write_length(len(body)))
        self._put(body)

    def append(self, octets: bytes | memoryview) -> None:
        """Append octets as they are, after :meth:`finish`: the packets that follow this one."""
        self._put(octets)

    def take(self) -> list[bytearray]:
        """The pieces that are complete and final, in order; they are the caller's now."""
        ready, self._ready = self._ready, []
        return ready

    def take_whole(self) -> list[bytearray]:
        """After :meth:`finish`: the pieces that are full, as :meth:`append` fills them."""
        whole = [*self._ready, *self._held]
        self._ready, self._held = [], []
        return whole

    def take_rest(self) -> list[bytearray]:
        """After :meth:`finish`: all that is left. Only the very last piece is shorter."""
        rest = self.take_whole()
        self._room.release()
        if self._fill:
            del self._piece[self._fill :]
            rest.append(self._piece)
        self._use(bytearray())
        return rest

    def recycle(self, piece: bytearray) -> None:
        """Take back a piece that the caller is done with, so that its memory is used again."""
        if len(piece) == self._piece_bytes:
            self._spare.append(piece)

    def _open(self) -> None:
        """Open the next part if this one is full, the next piece if this one is."""
        if self._part_bytes == PARTIAL_BODY_BYTES:
            self._ready += self._held  # the part that began in them is complete: they are final
            self._held.clear()
            self._turn()
            self._put(bytes([_PARTIAL_OCTET]))
            self._part_bytes = 0
        self._turn()

    def _turn(self) -> None:
        if self._fill == self._piece_bytes:
            self._held.append(self._piece)
            self._use(self._spare.pop() if self._spare else bytearray(self._piece_bytes))

    def _use(self, piece: bytearray) -> None:
        self._piece, self._room, self._fill = piece, memoryview(piece), 0

    def _put(self, octets: bytes | bytearray | memoryview) -> None:
        offset = 0
        while offset < len(octets):
            self._turn()
            part = octets[offset : offset + self._piece_bytes - self._fill]
            self._room[self._fill : self._fill + len(part)] = part
            self._fill += len(part)
            self.written_bytes += len(part)
            offset += len(part)

    def _take_back(self, part_bytes: int) -> bytearray:
        """Cut the open part off again, its length octet included, and return its body."""
        self._turn()
        joined = bytearray().join([*self._held, self._piece[: self._fill]])
        start = len(joined) - part_bytes
        body = joined[start:]
        keep = start - 1
        whole = keep // self._piece_bytes
        pieces = [*self._held, self._piece]
        self._held = pieces[:whole]
        self._use(pieces[whole])
        self._fill = keep - whole * self._piece_bytes
        self._spare += pieces[whole + 1 :]
        self.written_bytes -= part_bytes + 1
        return body


@dataclass(frozen=True, slots=True)
class BodyPiece:
    """Some octets of a packet's body. ``starts`` and ``ends`` mark its first and its last piece."""

    tag: int
    octets: memoryview
    starts: bool
    ends: bool


class PacketSplitter:
    """Splits a stream of packets into pieces of their bodies; holds back at most a header.

    ``legacy`` also accepts the packet format of old PGP, which vault objects never have.
    """

    def __init__(self, *, legacy: bool = False) -> None:
        self._legacy = legacy
        self._carry = b""
        self._tag: int | None = None  # of the packet that is open
        self._left: int | None = 0  # octets left of this part; None: until the stream ends
        self._partial = False
        self._starts = False
        self._small_parts = 0

    def feed(self, data: bytes | bytearray | memoryview) -> Iterator[BodyPiece]:
        """Yield the body pieces in ``data``, views into it. Exhaust it before the next call.

        Raises:
            EnvelopeRefused: these bytes are no packets as RFC 9580 has them.
            LimitExceeded: a body is cut into thousands of tiny parts.
        """
        view = memoryview(data)
        offset = 0
        while True:
            if self._tag is None or (self._partial and self._left == 0):
                used = self._read_head(view[offset:])
                if used is None:
                    return
                offset += used
            elif offset == len(view):
                return
            piece = view[offset:] if self._left is None else view[offset : offset + self._left]
            offset += len(piece)
            yield self._advance(piece)

    def finish(self) -> BodyPiece | None:
        """End the stream; the last piece when the open packet has an indeterminate length.

        Raises:
            IntegrityError: the stream ends within a packet.
        """
        if self._carry or (self._tag is not None and self._left is not None):
            raise IntegrityError("The message is cut short.")
        if self._tag is None:
            return None
        last = BodyPiece(self._tag, memoryview(b""), self._starts, ends=True)
        self._tag = None
        return last

    def _advance(self, piece: memoryview) -> BodyPiece:
        tag = self._tag
        if tag is None:  # pragma: no cover - feed() opened a packet before
            raise EnvelopeRefused("These bytes are not an OpenPGP packet.")
        if self._left is not None:
            self._left -= len(piece)
        ends = self._left == 0 and not self._partial
        result = BodyPiece(tag, piece, self._starts, ends)
        self._starts = False
        if ends:
            self._tag = None
        return result

    def _read_head(self, view: memoryview) -> int | None:
        """Read a header, or the next part's length; how many octets of ``view`` it took."""
        start = self._carry + bytes(view[:MAX_PACKET_HEADER_BYTES])
        octets = self._open_packet(start) if self._tag is None else self._next_part(start)
        if octets is None:
            self._carry = start
            return None
        used = octets - len(self._carry)
        self._carry = b""
        return used

    def _open_packet(self, start: bytes) -> int | None:
        header: PacketHeader | None = read_header(start)
        if header is None:
            return None
        if header.legacy and not self._legacy:
            raise EnvelopeRefused("A packet has the legacy format.")
        self._tag, self._starts = header.tag, True
        self._left, self._partial = header.length.body_bytes, header.length.partial
        return header.octets

    def _next_part(self, start: bytes) -> int | None:
        length = read_length(start)
        if length is None:
            return None
        self._left, self._partial = length.body_bytes, length.partial
        if self._left is not None and self._left < MIN_FIRST_PARTIAL_BYTES:
            self._small_parts += 1
            if self._small_parts > _MAX_SMALL_PARTS:
                raise LimitExceeded("A packet is cut into too many tiny parts.")
        return length.octets
