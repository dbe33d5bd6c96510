"""Fetching reports: opened and judged, then their content, verified before it has its name."""

from __future__ import annotations

import asyncio
import contextlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from hygieia.blocks.gateway import GatewayReader
from hygieia.client import answers
from hygieia.client.index_sync import IndexSync
from hygieia.client.session import Session
from hygieia.errors import EnvelopeRefused, HygieiaError, MetaMismatch, NotFound
from hygieia.ipld.cid import CID
from hygieia.ipld.shapes import DATA_NAME
from hygieia.recovery.driving import read_from
from hygieia.recovery.files import NewFile, make_folder, sync_names
from hygieia.vault.report import ContentReader, Expected, Report
from hygieia.vault.report_read import read_report

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable
    from pathlib import Path

    from hygieia.vault.report_entry import ReportEntry

    Release = Callable[[list[memoryview]], None]

# Between network and decryption: enough that neither waits for the other, little memory.
_PIECES_BETWEEN: Final = 8
_MOST_PAGES: Final = 200


@dataclass(frozen=True, slots=True)
class Version:
    """One committed root of a report, as the server lists them and, opened, as it was signed."""

    cid: str
    created: str
    report: Report


@dataclass(slots=True)
class ReportFetcher:
    """Reads reports of an open vault through a verifying reader."""

    session: Session
    index: IndexSync
    reader: GatewayReader

    async def open(self, entry: ReportEntry) -> Report:
        """The report that the index names, its meta opened and its signature judged.

        Raises:
            MetaMismatch, NoteRefused, Rollback: what is served is not what the index names.
            BlockMissing, Unreachable: no gateway has it now.
        """
        await self._tell(entry)
        people = self.index.state.people(self.session.key.certificate)
        reading = read_report(CID.parse(entry.cid), self.session.key, people, Expected(entry=entry))
        return await read_from(reading, self.reader)

    async def _tell(self, entry: ReportEntry) -> None:
        """Ask the server for the report, so that its owner finds in her activity who opened it.

        Blocks are public ciphertext and are fetched without a session; this is the reader's
        courtesy (docs/spec/18-activity.md §2). Whatever is answered, the report is what the index
        names.
        """
        if self.index.rev is None:  # opened by gateways alone
            return
        with contextlib.suppress(HygieiaError):
            await self.session.transport.call("GET", f"/reports/{entry.id}", repeatable=False)

    async def versions(self, entry: ReportEntry) -> list[Version]:
        """The revisions of a report, newest first, each opened and judged.

        The server lists the roots; what they are is told by their own signed notes.
        """
        people = self.index.state.people(self.session.key.certificate)
        found: dict[int, Version] = {}
        for item in await self._listed_versions(entry.id):
            root = answers.text(item, "root")
            reading = read_report(CID.parse(root), self.session.key, people, Expected(id=entry.id))
            try:
                report = await read_from(reading, self.reader)
            except EnvelopeRefused:
                continue  # of before a lost key: its packets are for that one (19.5)
            if not people.same(report.meta.owner, entry.owner):
                raise MetaMismatch("The server lists a version that has another owner.")
            # Newest first, and a root that only adds readers is no version of its own.
            found.setdefault(report.meta.revision, Version(root, report.meta.created, report))
        return [found[number] for number in sorted(found, reverse=True)]

    async def revision(self, entry: ReportEntry, number: int) -> Report:
        """One revision of a report.

        Raises:
            NotFound: there is no such revision, or it is no longer kept.
        """
        if number == entry.revision:
            return await self.open(entry)
        for version in await self.versions(entry):
            if version.report.meta.revision == number:
                return version.report
        raise NotFound(f"This report has no revision {number}.")

    async def save(
        self, report: Report, path: Path, *, progress: Callable[[int], None] | None = None
    ) -> Path:
        """Write the content to ``path``, under a temporary name until all of it is verified.

        A file that stands there already is left alone: the new one gets a number.
        """
        await asyncio.to_thread(make_folder, path.parent)
        with NewFile(path) as file:
            await self.stream(report, file.write, progress=progress)
            kept = await asyncio.to_thread(file.keep)
        await asyncio.to_thread(sync_names, kept.parent)
        return kept

    async def stream(
        self,
        report: Report,
        release: Release,
        *,
        progress: Callable[[int], None] | None = None,
    ) -> None:
        """Hand the content to ``release`` (called in a thread) as it is verified.

        Every block is checked against the payload that the author signed and every chunk is
        authenticated before its bytes are released; the end, size and digest are checked last.

        Raises:
            IntegrityError: the content is not the signed one; what was released before is.
        """
        content = ContentReader(report)
        waiting: asyncio.Queue[bytes | None] = asyncio.Queue(_PIECES_BETWEEN)
        decrypting = asyncio.create_task(_decrypt(waiting, content, release, progress))
        # Where it fails, nobody takes any more: a piece that waits for a place is let in, and seen.
        decrypting.add_done_callback(lambda _: _drop(waiting))
        try:
            async for piece in self._cipher(report):
                if decrypting.done():
                    break
                await waiting.put(piece)
            if not decrypting.done():
                await waiting.put(None)
            await decrypting
        finally:
            decrypting.cancel()
            await asyncio.gather(decrypting, return_exceptions=True)

    def _cipher(self, report: Report) -> AsyncIterator[bytes]:
        encrypted = report.encrypted
        return self.reader.read_file(
            encrypted.root, (DATA_NAME,), start=encrypted.header.size_bytes
        )

    async def _listed_versions(self, report_id: str) -> list[dict[str, Any]]:
        items: list[dict[str, Any]] = []
        after: str | None = None
        # A bound on what a hostile server can make us ask for; no report has 20,000 versions.
        for _ in range(_MOST_PAGES):
            query: dict[str, str | int] = {"limit": 100} | ({"after": after} if after else {})
            answer = await self.session.transport.call(
                "GET", f"/reports/{report_id}/versions", query=query
            )
            page = answers.parts(answer.document, "items")
            items += page
            last, after = after, answers.text_or_none(answer.document, "next")
            if not page or not after or after == last:
                break
        return items


def _drop(waiting: asyncio.Queue[bytes | None]) -> None:
    while not waiting.empty():
        waiting.get_nowait()


async def _decrypt(
    waiting: asyncio.Queue[bytes | None],
    content: ContentReader,
    release: Release,
    progress: Callable[[int], None] | None,
) -> None:
    """Take what has come in, decrypt it in a thread, release it; then the end is judged."""
    ended = False
    while not ended:
        pieces = [await waiting.get()]
        while not waiting.empty():
            pieces.append(waiting.get_nowait())
        ended = pieces[-1] is None
        cipher = [piece for piece in pieces if piece is not None]
        size = await asyncio.to_thread(_step, cipher, content, release, ended=ended)
        if progress is not None:
            progress(size)


def _step(cipher: list[bytes], content: ContentReader, release: Release, *, ended: bool) -> int:
    size = 0
    for piece in cipher:
        plain = content.update(piece)
        release(plain)
        size += sum(len(part) for part in plain)
    if ended:
        rest = content.finish()
        release(rest)
        size += sum(len(part) for part in rest)
    return size
