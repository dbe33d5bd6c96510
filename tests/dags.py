"""Small DAGs for tests of the block store and the gateway."""

from __future__ import annotations

import random
from dataclasses import dataclass

from hygieia.ipld import dagcbor
from hygieia.ipld.block import Block
from hygieia.ipld.builder import Built, FileBuilder, directory, join, leaf
from hygieia.ipld.cid import CID, DAG_CBOR, RAW


@dataclass(frozen=True)
class Dag:
    """A DAG's root and all its blocks, root last."""

    root: CID
    blocks: tuple[Block, ...]

    @property
    def cids(self) -> list[CID]:
        return [block.cid for block in self.blocks]


def noise(seed: int, size_bytes: int) -> bytes:
    return random.Random(seed).randbytes(size_bytes)


def raw(seed: int, size_bytes: int = 100) -> Block:
    return Block.of(RAW, noise(seed, size_bytes))


def file(data: bytes) -> tuple[list[Block], Built]:
    builder = FileBuilder()
    blocks = builder.update(data)
    rest, built = builder.finish()
    return [*blocks, *rest], built


def envelope(seed: int, size_bytes: int) -> tuple[list[Block], Built, bytes]:
    """A header leaf and a payload, as vault files are made; with the file's bytes."""
    header, payload = noise(seed, 200), noise(seed + 1, size_bytes)
    header_block, header_built = leaf(header)
    blocks, payload_built = file(payload)
    node, built = join(header_built, payload_built)
    return [header_block, *blocks, node], built, header + payload


def report(seed: int, size_bytes: int = 3000) -> Dag:
    """Six blocks or more in the shape of a report."""
    data, data_built, _ = envelope(seed, size_bytes)
    meta, meta_built, _ = envelope(seed, 700)
    root, built = directory([("data.pgp", data_built), ("meta.pgp", meta_built)])
    unique = {block.cid: block for block in (*data, *meta, root)}
    return Dag(built.cid, tuple(unique.values()))


def linked(*below: Dag) -> Dag:
    """A dag-cbor block that links other DAGs."""
    root = Block.of(DAG_CBOR, dagcbor.encode({"links": [dag.root for dag in below]}))
    return Dag(root.cid, (*(block for dag in below for block in dag.blocks), root))


def shared_and_shared_again(size_bytes: int) -> tuple[list[Block], CID, list[Block], CID]:
    """A report, and the same with another recipients header: blocks and root of each."""
    payload, payload_built = file(noise(1, size_bytes))
    reports: list[tuple[list[Block], CID]] = []
    for seed in (2, 3):
        header, header_built = leaf(noise(seed, 200))
        envelope, envelope_built = join(header_built, payload_built)
        root, built = directory([("data.pgp", envelope_built)])
        reports.append(([header, envelope, root], built.cid))
    (old, old_root), (new, new_root) = reports
    return [*payload, *old], old_root, new, new_root
