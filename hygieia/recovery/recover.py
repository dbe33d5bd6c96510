"""Kit and gateways in, files out: the server is not asked (docs/spec/14-recovery-kit.md §5)."""

from __future__ import annotations

import asyncio
from contextlib import aclosing
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Final

from hygieia.errors import IntegrityError, NotFound, Unreachable
from hygieia.ipld.cid import CID
from hygieia.ipld.shapes import DATA_NAME
from hygieia.recovery.driving import read_from
from hygieia.recovery.files import Names, NewFile, holds, make_folder, sync_names
from hygieia.recovery.result import (
    Missing,
    Progress,
    ProgressCallback,
    RecoveryResult,
    Restored,
    Stage,
)
from hygieia.recovery.search import FoundIndex, find_index
from hygieia.vault.kit import open_with_code, open_with_password
from hygieia.vault.report import ContentReader, Expected, Report
from hygieia.vault.report_read import read_report

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from hygieia.blocks.gateway import GatewayReader
    from hygieia.openpgp.keys import UnlockedKey
    from hygieia.vault.kit import Kit
    from hygieia.vault.people import People
    from hygieia.vault.report_entry import ReportEntry

_REPORTS_AT_ONCE: Final = 4


@dataclass(frozen=True, slots=True)
class Password:
    """The account's password."""

    text: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class Code:
    """The recovery code from the printed page, as typed."""

    text: str = field(repr=False)


Secret = Password | Code


async def recover_from(
    kit: Kit,
    secret: Secret,
    gateways: GatewayReader,
    out: Path | None,
    *,
    progress: ProgressCallback | None = None,
) -> RecoveryResult:
    """Open the kit and restore everything that the newest index names into folder ``out``.

    With ``out`` None only the list is made: nothing is written, no content is fetched. A report
    that no gateway has, or that does not verify, is named in the result and stops nothing else;
    so is a newer index than the one that could be opened.
    Run again to go on: what is there already is compared and not fetched.

    Raises:
        SealedKeyRefused, KeyMismatch, KitRefused: wrong secret, or the kit was changed.
        InvalidInput: the code is mistyped.
        Rollback, Fork: an index older than the kit's, or another one in its place.
        NotFound, Unreachable: no gateway has an index of this vault.
        StorageFull, Failed: the folder cannot be written.
    """
    report = progress or _silent
    report(Progress(Stage.KEY))
    key = await asyncio.to_thread(open_kit, kit, secret)
    report(Progress(Stage.INDEX))
    found = await find_index(kit, key, gateways)
    result = RecoveryResult(
        root=found.state.root,
        sequence=found.state.sequence,
        created=found.state.note.created,
        from_record=found.from_record,
        entries=list(found.state.reports()),
        not_opened=list(found.not_opened),
        warnings=list(found.warnings),
    )
    if out is not None:
        await _Recovery(key, gateways, out, report, result).run(found)
    return result


def open_kit(kit: Kit, secret: Secret) -> UnlockedKey:
    """The key in the kit. Blocks for some 150 ms; raises as ``recover_from``."""
    if isinstance(secret, Code):
        return open_with_code(kit, secret.text)
    return open_with_password(kit, secret.text)[0]


def _silent(_: Progress) -> None:
    return


class _Recovery:
    def __init__(
        self,
        key: UnlockedKey,
        gateways: GatewayReader,
        out: Path,
        report: ProgressCallback,
        result: RecoveryResult,
    ) -> None:
        self._key = key
        self._gateways = gateways
        self._out = out
        self._report = report
        self._result = result
        entries = result.entries
        self._progress = Progress(
            Stage.REPORTS,
            total_reports=len(entries),
            total_bytes=sum(entry.size_bytes for entry in entries),
        )

    async def run(self, found: FoundIndex) -> None:
        make_folder(self._out)
        people = await asyncio.to_thread(found.state.people, self._key.certificate)
        names = Names(self._out)
        jobs = [
            (entry, names.place(entry.file_name, trashed=entry.deleted is not None))
            for entry in self._result.entries
        ]
        self._report(self._progress)
        queue = iter(jobs)
        outcomes: dict[str, Restored | Missing] = {}
        workers = [
            asyncio.ensure_future(self._work(queue, people, outcomes))
            for _ in range(min(_REPORTS_AT_ONCE, len(jobs)))
        ]
        try:
            await asyncio.gather(*workers)
        finally:
            for worker in workers:
                worker.cancel()
            await asyncio.gather(*workers, return_exceptions=True)
        for folder in {path.parent for _, path in jobs if path.parent.is_dir()} | {self._out}:
            await asyncio.to_thread(sync_names, folder)
        for entry, _ in jobs:
            self._note(entry, outcomes[entry.id])

    async def _work(
        self,
        queue: Iterator[tuple[ReportEntry, Path]],
        people: People,
        outcomes: dict[str, Restored | Missing],
    ) -> None:
        for entry, path in queue:
            try:
                outcomes[entry.id] = await self._restore(entry, path, people)
            except (NotFound, Unreachable, IntegrityError) as error:
                outcomes[entry.id] = Missing(entry, error)
            self._advance()

    async def _restore(self, entry: ReportEntry, path: Path, people: People) -> Restored:
        reading = read_report(CID.parse(entry.cid), self._key, people, Expected(entry=entry))
        report = await read_from(reading, self._gateways)
        meta = report.meta
        if await asyncio.to_thread(holds, path, meta.size_bytes, meta.sha256):
            self._count(meta.size_bytes, path.name)
        else:
            path = await self._write(report, path)
        return Restored(entry, path, meta.sha256, report.verdict)

    async def _write(self, report: Report, path: Path) -> Path:
        """Decrypt into a temporary file; it gets its name only when all of it is verified."""
        encrypted, reader = report.encrypted, ContentReader(report)
        # The file as the report's root links it, from where its header ends.
        pieces = self._gateways.read_file(
            encrypted.root, [DATA_NAME], start=encrypted.header.size_bytes
        )
        with NewFile(path) as file:
            async with aclosing(pieces):
                async for piece in pieces:
                    written = await asyncio.to_thread(_decrypt, piece, reader, file)
                    self._count(written, path.name)
            written, path = await asyncio.to_thread(_end, reader, file)
            self._count(written, path.name)
            return path

    def _count(self, size_bytes: int, name: str) -> None:
        done = self._progress.size_bytes + size_bytes
        self._progress = replace(self._progress, size_bytes=done, name=name)
        self._report(self._progress)

    def _advance(self) -> None:
        self._progress = replace(self._progress, reports=self._progress.reports + 1)
        self._report(self._progress)

    def _note(self, entry: ReportEntry, outcome: Restored | Missing) -> None:
        if isinstance(outcome, Restored):
            self._result.restored.append(outcome)
        elif entry.deleted is None or outcome.altered:
            self._result.missing.append(outcome)


def _decrypt(cipher: bytes, reader: ContentReader, file: NewFile) -> int:
    """Release what is authentic to the temporary file; how many bytes that was."""
    pieces = reader.update(cipher)
    file.write(pieces)
    return sum(len(piece) for piece in pieces)


def _end(reader: ContentReader, file: NewFile) -> tuple[int, Path]:
    pieces = reader.finish()
    file.write(pieces)
    return sum(len(piece) for piece in pieces), file.keep()
