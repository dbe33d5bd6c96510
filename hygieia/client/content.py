"""Encrypts one long content and sends its blocks, resuming where it was (docs/spec/12 §6).

Four steps work side by side: one thread reads, digests and encrypts a piece while another hashes
the leaves of the piece before; the one before that is being recorded, which waits for the disk, and
the one before that sent.
"""

from __future__ import annotations

import asyncio
import hashlib
from dataclasses import dataclass, field
from itertools import islice
from typing import TYPE_CHECKING, BinaryIO, Final, cast

from hygieia.client.sources import check_unchanged, reading
from hygieia.errors import ContentChanged
from hygieia.ipld.block import Block
from hygieia.ipld.builder import FileBuilder
from hygieia.ipld.cid import CID, RAW
from hygieia.limits import CHUNK_BYTES
from hygieia.openpgp.payload import PayloadWriter
from hygieia.vault.report_build import ReportSecrets, SealedData

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from hygieia.client.batches import BatchSender
    from hygieia.client.journal import Journal, Pending
    from hygieia.client.sources import FoundFile

PIECE_BYTES: Final = 8 << 20
READ_BYTES: Final = 1 << 20


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
        """First step: digest and encrypt a piece."""
        self._digest.update(content)
        self.size_bytes += len(content)
        return self._writer.update(content)

    def end(self) -> Iterator[bytearray]:
        """End the content: the remaining leaves, which the padding makes many of a long one."""
        return self._writer.finishing()

    def hash(self, leaves: Sequence[bytearray]) -> list[Block]:
        """Second step: hash leaves, in order, into blocks, with the nodes they complete."""
        blocks = []
        for octets in leaves:
            # A leaf is handed over by the writer and not written again before it is recycled:
            # as good as bytes, without copying a MiB to say so.
            block = Block(CID.of(RAW, octets), cast("bytes", octets))
            blocks += self._builder.add_leaf(block)
        return blocks

    def recycle(self, block: Block) -> None:
        """Take back the octets of a leaf that is acknowledged, to write another into them."""
        octets = cast("bytes | bytearray", block.data)
        if isinstance(octets, bytearray):
            try:
                # What somebody still looks into cannot change its size.
                octets.append(octets.pop())
            except BufferError:
                return
            self._writer.recycle(octets)

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
    maker, record = _Maker(file, encoder), _Recorder(journal, pending)
    sender.recycle = encoder.recycle
    making = asyncio.create_task(maker.next())
    sending = asyncio.create_task(sender.add([]))
    try:
        while (piece := await making) is not None:
            making = asyncio.create_task(maker.next())
            found = await asyncio.to_thread(record.note, piece.blocks)
            await sending
            sending = asyncio.create_task(sender.add(found.blocks, maybe_there=found.maybe_there))
            if progress is not None:
                progress(piece.size_bytes)
        await sending
    finally:
        making.cancel()
        sending.cancel()
        await asyncio.gather(making, sending, return_exceptions=True)
        sender.recycle = None
    blocks, sealed = encoder.finish()
    found = await asyncio.to_thread(record.note, blocks)
    await sender.add(found.blocks, maybe_there=found.maybe_there)
    return sealed


async def upload_file(
    file: FoundFile,
    secrets: ReportSecrets,
    sender: BatchSender,
    progress: Callable[[int], None] | None,
) -> SealedData:
    """Send a file's content in one go, as ``upload_content``; on any error the rest is abandoned.

    Raises ``ContentChanged`` when the file changed while it was read.
    """
    try:
        with reading(file.path) as stream:
            sealed = await upload_content(stream, secrets, sender, progress=progress)
        await asyncio.to_thread(check_unchanged, file.source)
    except BaseException:
        await sender.abandon()
        raise
    return sealed


@dataclass(frozen=True, slots=True)
class _Piece:
    """Some content encrypted: its size as it was read, the blocks it completed."""

    size_bytes: int
    blocks: list[Block]


class _Maker:
    """Makes blocks in two threads: one reads and encrypts while one hashes the leaves before."""

    def __init__(self, file: BinaryIO, encoder: Encoder) -> None:
        self._file = file
        self._encoder = encoder
        self._size_bytes = 0
        self._leaves: list[bytearray] = []
        self._last: Iterator[bytearray] | None = None
        self._ended = False

    async def next(self) -> _Piece | None:
        """The next piece; None after the last."""
        while self._leaves or not self._ended:
            size, leaves = self._size_bytes, self._leaves
            (self._size_bytes, self._leaves), blocks = await asyncio.gather(
                asyncio.to_thread(self._encrypt), asyncio.to_thread(self._encoder.hash, leaves)
            )
            if size or blocks:
                return _Piece(size, blocks)
        return None

    def _encrypt(self) -> tuple[int, list[bytearray]]:
        """Read, digest and encrypt; a MiB at a time, which is still in the core's cache."""
        size, leaves = 0, list[bytearray]()
        while size < PIECE_BYTES and self._last is None:
            if content := self._file.read(READ_BYTES):
                leaves += self._encoder.encrypt(content)
                size += len(content)
            else:
                self._last = self._encoder.end()
        if self._last is not None:
            last = list(islice(self._last, PIECE_BYTES // CHUNK_BYTES))
            leaves += last
            self._ended = not last
        return size, leaves


@dataclass(frozen=True, slots=True)
class _Found:
    """Blocks that may be sent. ``maybe_there``: an earlier attempt may have sent some of them."""

    blocks: list[Block]
    maybe_there: bool


class _Recorder:
    """Stands between encoder and sender: known blocks must agree, new ones are recorded first."""

    def __init__(self, journal: Journal | None, pending: Pending | None) -> None:
        self._journal = journal
        self._pending = pending
        self._known = list(pending.leaves) if pending is not None else []
        self._position = 0

    def note(self, blocks: list[Block]) -> _Found:
        """Compare and record the next blocks: those, to be sent. Raises ``ContentChanged``."""
        cids = [block.cid.encode() for block in blocks]
        known = self._known[self._position : self._position + len(cids)]
        if cids[: len(known)] != known:
            raise ContentChanged("The file is no longer what it was when its upload began.")
        self._position += len(cids)
        fresh = cids[len(known) :]
        if fresh and self._journal is not None and self._pending is not None:
            self._journal.record_leaves(self._pending, fresh)
        # Blocks recorded earlier may be there already: the sender asks before it sends.
        return _Found(blocks, maybe_there=bool(known))
