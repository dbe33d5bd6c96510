"""Blocks on their way into a Kubo: which are handed over unhashed, since Kubo hashes them itself."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hygieia.blocks.kubo.keepers import as_raw, is_inline, key_of
from hygieia.errors import BlockRefused
from hygieia.ipld.block import Block, UnverifiedBlock
from hygieia.ipld.cid import RAW, SHA2_256

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from hygieia.blocks.port import AnyBlock


def as_stored(blocks: Sequence[AnyBlock]) -> dict[bytes, AnyBlock]:
    """Each block once, as raw: Kubo files blocks under their multihash, and need not read them.

    Raises ``BlockRefused`` for what neither we nor Kubo would hash, and where a CID came with two
    contents.
    """
    unique: dict[bytes, AnyBlock] = {}
    for block in blocks:
        if is_inline(block.cid):
            continue
        if isinstance(block, UnverifiedBlock) and not (
            block.cid.codec == RAW and block.cid.hash_code == SHA2_256
        ):
            raise BlockRefused("A block was not verified.")
        key = key_of(block.cid)
        known = unique.get(key)
        if known is None:
            is_hashed = isinstance(block, Block)
            unique[key] = Block(as_raw(block.cid), block.data) if is_hashed else block
        elif known.data != block.data:
            raise BlockRefused(f"Two blocks claim to be {str(block.cid)[:64]}.")
    return unique


def verify_all(blocks: Iterable[AnyBlock]) -> None:
    """Hash those that Kubo was to hash. Raises ``BlockRefused``. For threads."""
    for block in blocks:
        if isinstance(block, UnverifiedBlock):
            block.verify()
