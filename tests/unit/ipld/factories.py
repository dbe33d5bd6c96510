"""Blocks in a dictionary, and files made into them."""

from __future__ import annotations

import random
from dataclasses import dataclass, field

from hygieia.errors import BlockMissing
from hygieia.ipld import builder
from hygieia.ipld.block import Block
from hygieia.ipld.builder import Built, FileBuilder
from hygieia.ipld.cid import CID
from hygieia.ipld.layout import PROFILE, Layout


def noise(size: int, seed: int = 1) -> bytes:
    """Repeatable bytes that no compressor or chunk comparison finds equal."""
    return random.Random(seed).randbytes(size)


@dataclass
class Blocks:
    """A store that does what it is told and counts what it is asked."""

    data: dict[CID, bytes] = field(default_factory=dict)
    order: list[CID] = field(default_factory=list)
    asked: list[CID] = field(default_factory=list)

    def add(self, *blocks: Block) -> None:
        for block in blocks:
            self.data[block.cid] = block.data
            self.order.append(block.cid)

    def get(self, cid: CID) -> bytes:
        self.asked.append(cid)
        try:
            return self.data[cid]
        except KeyError:
            raise BlockMissing("no such block") from None

    def block(self, cid: CID) -> Block:
        return Block(cid, self.get(cid))

    def file(self, data: bytes, layout: Layout = PROFILE) -> Built:
        files = FileBuilder(layout)
        self.add(*files.update(data))
        blocks, built = files.finish()
        self.add(*blocks)
        return built

    def envelope(self, header: bytes, payload: bytes, layout: Layout = PROFILE) -> Built:
        """A vault file: header leaf and payload tree under one node."""
        header_block, header_built = builder.leaf(header)
        self.add(header_block)
        node, built = builder.join(header_built, self.file(payload, layout))
        self.add(node)
        return built

    def directory(self, entries: dict[str, Built]) -> Built:
        node, built = builder.directory(entries.items())
        self.add(node)
        return built
