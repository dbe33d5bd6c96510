"""What is sent to a Kubo's RPC: one file in a multipart form (RFC 7578), as pieces.

Its length is known, so it goes out as it lies in memory: no framing in chunks, no copy.
"""

from __future__ import annotations

import secrets
from typing import TYPE_CHECKING, Final

from hygieia.ipld.car import car_header, section_head

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Sequence

    from hygieia.blocks.port import AnyBlock
    from hygieia.ipld.cid import CID

    Piece = bytes | memoryview

JOINED_BELOW_BYTES: Final = 1 << 16
PIECE_BYTES: Final = 1 << 18


class Form:
    """One file as a form. ``pieces`` may be asked for again when a call is repeated."""

    def __init__(self, name: str, content: Sequence[Piece]) -> None:
        # Chance of this size is in no content.
        boundary = secrets.token_hex(24)
        head = (
            f'--{boundary}\r\nContent-Disposition: form-data; name="path"; filename="{name}"\r\n'
            "Content-Type: application/octet-stream\r\n\r\n"
        )
        self._pieces = [head.encode(), *content, f"\r\n--{boundary}--\r\n".encode()]
        self.headers = {
            "Content-Type": f"multipart/form-data; boundary={boundary}",
            "Content-Length": str(sum(len(piece) for piece in self._pieces)),
        }

    async def pieces(self) -> AsyncIterator[Piece]:
        """The body. Large pieces in parts: of each, what a socket does not take at once is copied."""
        for piece in self._pieces:
            if len(piece) <= PIECE_BYTES:
                yield piece
                continue
            with memoryview(piece) as whole:
                for start in range(0, len(piece), PIECE_BYTES):
                    yield whole[start : start + PIECE_BYTES]


def car_pieces(blocks: Sequence[AnyBlock], root: CID) -> list[Piece]:
    """A CAR of blocks: large ones as they are, small ones joined."""
    pieces: list[Piece] = []
    small = bytearray(car_header([root]))
    for block in blocks:
        small += section_head(block.cid, len(block.data))
        if len(block.data) < JOINED_BELOW_BYTES:
            small += block.data
            continue
        pieces += [bytes(small), block.data]
        small.clear()
    return [*pieces, bytes(small)] if small else pieces
