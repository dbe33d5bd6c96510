"""Encrypts one long content and sends its blocks, resuming where it was (FORMATS §9).

Three steps work side by side: one thread reads, digests and encrypts a piece while another hashes
the leaves of the piece before, and the blocks of the one before that are recorded and sent.
"""

from __future__ import annotations

import asyncio
import hashlib
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, BinaryIO, Final, cast

from hygieia.errors import ContentChanged
from hygieia.ipld.block import Block
from hygieia.ipld.builder import FileBuilder
from hygieia.ipld.cid import CID, RAW
from hygieia.openpgp.payload import PayloadWriter
from hygieia.vault.report_build import ReportSecrets, SealedData

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from hygieia.client.batches import BatchSender
    from hygieia.client.journal import Journal, Pending

PIECE_BYTES: Final = 4 << 20


@dataclass(slots=True)
class Encoder:
    """Content in, blocks out, in two steps that may run in two threads."""

    secrets: ReportSecrets
    _writer: PayloadWriter = field(init=False)
    _builder: FileBuilder = field(init=False, default_factory=FileBuilder)
    _digest: hashlib._Hash = field(init=False, default_factory=hashlib.sha256)
    size_bytes: int = field(init=False, default=0)

    def __post_init__(self) -> None:
        self._writer = PayloadWriter(self.secrets.session_key, salt=self.secrets.salt)

    def encrypt(self, content: bytes) -> list[bytearray]:
        """First step: digest and encrypt a piece; an empty one ends the content."""
        if not content:
            return self._writer.finish()
        self._digest.update(content)
        self.size_bytes += len(content)
        return self._writer.update(content)

    def hash(self, leaves: Sequence[bytearray]) -> list[Block]:
        """Second step: hash leaves, in order, into blocks, with the nodes they complete."""
        blocks = []
        for octets in leaves:
            # A leaf is handed over by the writer and never written again: as good as bytes,
            # without copying a MiB to say so.
            block = Block(CID.of(RAW, octets), cast("bytes", octets))
            blocks += self._builder.add_leaf(block)
        return blocks

    def finish(self) -> tuple[list[Block], SealedData]:
        """End the tree, when every leaf has been hashed."""
        blocks, payload = self._builder.finish()
        return blocks, SealedData(payload, self.size_bytes, self._digest.hexdigest())


async def upload_content(
    file: BinaryIO,
    secrets: ReportSecrets,
    sender: BatchSender,
    *,
    journal: Journal | None = None,
    pending: Pending | None = None,
    progress: Callable[[int], None] | None = None,
) -> SealedData:
    """Encrypt ``file`` from here to its end and hand its blocks to ``sender``.

    Args:
        file: read in threads, a few MiB at a time.
        secrets: session key and salt of this content; with ``pending``, the recorded ones.
        sender: where the blocks go; flush it before relying on them.
        journal: where leaves are recorded before they are sent; None for what cannot be resumed.
        pending: this report's memory in the journal.
        progress: told of each piece's size once it is handed over.

    Returns:
        What the meta says about the content.

    Raises:
        ContentChanged: resuming met a different content; nothing new was sent. Start afresh.
    """
    encoder = Encoder(secrets)
    record = _Recorder(journal, pending, sender)
    leaves: list[bytearray] = []
    blocks: list[Block] = []
    ended = False
    while not ended:
        (size, new_leaves), new_blocks, _ = await asyncio.gather(
            asyncio.to_thread(_next_piece, file, encoder),
            asyncio.to_thread(encoder.hash, leaves),
            record.send(blocks),
        )
        if progress is not None:
            progress(size)
        leaves, blocks, ended = new_leaves, new_blocks, size == 0
    await record.send(blocks)
    await record.send(await asyncio.to_thread(encoder.hash, leaves))
    blocks, sealed = encoder.finish()
    await record.send(blocks)
    return sealed


def _next_piece(file: BinaryIO, encoder: Encoder) -> tuple[int, list[bytearray]]:
    content = file.read(PIECE_BYTES)
    return len(content), encoder.encrypt(content)


class _Recorder:
    """Stands between encoder and sender: known blocks must agree, new ones are recorded first."""

    def __init__(
        self, journal: Journal | None, pending: Pending | None, sender: BatchSender
    ) -> None:
        self._journal = journal
        self._pending = pending
        self._sender = sender
        self._known = list(pending.leaves) if pending is not None else []
        self._position = 0

    async def send(self, blocks: Sequence[Block]) -> None:
        if not blocks:
            return
        cids = [block.cid.encode() for block in blocks]
        known = self._known[self._position : self._position + len(cids)]
        if cids[: len(known)] != known:
            raise ContentChanged("The file is no longer what it was when its upload began.")
        self._position += len(cids)
        fresh = cids[len(known) :]
        if fresh and self._journal is not None and self._pending is not None:
            await asyncio.to_thread(self._journal.record_leaves, self._pending, fresh)
        # Blocks recorded earlier may be there already: the sender asks before it sends.
        await self._sender.add(blocks, maybe_there=bool(known))
