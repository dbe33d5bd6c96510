"""Blocks: bytes and the CID they hash to.

A ``Block`` is one whose bytes have been hashed, by ``Block.of`` or ``verify``; nothing else should
make one. What has merely been received is an ``UnverifiedBlock``.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import Final

from hygieia.errors import BlockRefused
from hygieia.ipld.cid import CID, IDENTITY, SHA2_256
from hygieia.limits import MAX_BLOCK_BYTES

_SHA2_512: Final = 0x13
_BLAKE2B_256: Final = 0xB220


@dataclass(frozen=True, slots=True)
class Block:
    """A block whose ``data`` is known to hash to ``cid``."""

    cid: CID
    data: bytes

    @classmethod
    def of(cls, codec: int, data: bytes) -> Block:
        """Hash ``data`` into a block; raises ``BlockRefused`` over 2 MiB."""
        if len(data) > MAX_BLOCK_BYTES:
            raise BlockRefused("A block may not be over 2 MiB.")
        return cls(CID.of(codec, data), data)


@dataclass(frozen=True, slots=True)
class UnverifiedBlock:
    """A block as received: ``cid`` is a claim."""

    cid: CID
    data: bytes

    def verify(self) -> Block:
        """Hash it; raises ``BlockRefused``. Costs about 0.5 ms per MiB: use a thread."""
        return verify_any(self.cid, self.data)


def verify(cid: CID, data: bytes) -> Block:
    """Return the block if it is one of the vault's kind and hashes to ``cid``.

    Raises ``BlockRefused`` for another kind of CID, over 2 MiB, or another digest (BK-01, BK-02).
    """
    if not cid.is_vault:
        raise BlockRefused("A block's CID is not of the vault's kind.")
    return verify_any(cid, data)


def verify_any(cid: CID, data: bytes) -> Block:
    """``verify`` for the public gateway: any codec; identity, SHA-2 and BLAKE2b-256 digests."""
    if len(data) > MAX_BLOCK_BYTES:
        raise BlockRefused("A block is over 2 MiB.")
    if _digest(cid.hash_code, data) != cid.digest:
        raise BlockRefused(f"A block does not hash to its CID {str(cid)[:64]}.")
    return Block(cid, data)


def _digest(hash_code: int, data: bytes) -> bytes:
    if hash_code == SHA2_256:
        return hashlib.sha256(data).digest()
    if hash_code == IDENTITY:
        return data
    if hash_code == _SHA2_512:
        return hashlib.sha512(data).digest()
    if hash_code == _BLAKE2B_256:
        return hashlib.blake2b(data, digest_size=32).digest()
    raise BlockRefused("A block's CID uses a hash that is not known here.")
