"""A report's content on its way from one session key to another, never written down.

The old payload is fetched, authenticated and decrypted in one thread, read and encrypted again in
others; between them lies a pipe of a few MiB. Whoever uses what was encrypted has to wait for the
end: only there does the old content prove to be the signed one.
"""

from __future__ import annotations

import asyncio
import hmac
import threading
from collections import deque
from typing import TYPE_CHECKING, BinaryIO, Final, cast

from hygieia.client.content import upload_content
from hygieia.errors import MetaMismatch

if TYPE_CHECKING:
    from collections.abc import Callable

    from hygieia.client.batches import BatchSender
    from hygieia.client.journal import Journal, Pending
    from hygieia.client.reading import ReportFetcher
    from hygieia.vault.report import Report
    from hygieia.vault.report_build import ReportSecrets, SealedData

PIPE_BYTES: Final = 4 << 20


class Pipe:
    """Bytes from one thread to another: ``write`` waits while it is full, ``read`` while empty."""

    def __init__(self, capacity_bytes: int = PIPE_BYTES) -> None:
        self._pieces: deque[memoryview] = deque()
        self._size_bytes = 0
        self._capacity_bytes = capacity_bytes
        self._ended = False
        self._error: BaseException | None = None
        self._changed = threading.Condition()

    def write(self, pieces: list[memoryview]) -> None:
        """Take what was decrypted. Raises ``BrokenPipeError`` once nobody reads any more."""
        for piece in pieces:
            # The decrypting side may reuse its buffers.
            copied = memoryview(bytes(piece))
            with self._changed:
                while self._size_bytes >= self._capacity_bytes and not self._ended:
                    self._changed.wait()
                if self._ended:
                    raise BrokenPipeError
                self._pieces.append(copied)
                self._size_bytes += len(copied)
                self._changed.notify_all()

    def read(self, size_bytes: int) -> bytes:
        """Up to so many bytes; nothing only at the end. Raises what broke the content off."""
        with self._changed:
            while not self._pieces and not self._ended:
                self._changed.wait()
            if self._error is not None:
                raise self._error
            if not self._pieces:
                return b""
            piece = self._pieces.popleft()
            if len(piece) > size_bytes:
                self._pieces.appendleft(piece[size_bytes:])
                piece = piece[:size_bytes]
            self._size_bytes -= len(piece)
            self._changed.notify_all()
            return bytes(piece)

    def end(self, error: BaseException | None = None) -> None:
        """Nothing more comes, or, with an error, what came is worth nothing."""
        with self._changed:
            self._ended, self._error = True, self._error or error
            self._changed.notify_all()


async def pass_on(
    fetcher: ReportFetcher,
    report: Report,
    made: ReportSecrets,
    sender: BatchSender,
    *,
    journal: Journal | None = None,
    pending: Pending | None = None,
    progress: Callable[[int], None] | None = None,
) -> SealedData:
    """Encrypt ``report``'s content again under ``made`` and hand its blocks to ``sender``.

    Memory held: the pipe, and what a download and an upload hold. Arguments as ``upload_content``.

    Raises:
        IntegrityError: the old content is not the signed one; nothing sent may be committed.
        BlockMissing, Unreachable: it cannot be had now.
    """
    pipe = Pipe()
    fetching = asyncio.create_task(_fetch(fetcher, report, pipe))
    try:
        sealed = await upload_content(
            cast("BinaryIO", pipe),  # only ``read`` is called
            made,
            sender,
            journal=journal,
            pending=pending,
            progress=progress,
        )
        await fetching
    finally:
        pipe.end()
        fetching.cancel()
        await asyncio.gather(fetching, return_exceptions=True)
    meta = report.meta
    same = hmac.compare_digest(sealed.sha256, meta.sha256)
    if sealed.size_bytes != meta.size_bytes or not same:
        raise MetaMismatch("The content is not the one that the report's author signed.")
    return sealed


async def _fetch(fetcher: ReportFetcher, report: Report, pipe: Pipe) -> None:
    try:
        await fetcher.stream(report, pipe.write)
    except BaseException as error:
        pipe.end(error)
        raise
    pipe.end()
