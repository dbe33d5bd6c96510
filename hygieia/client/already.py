"""Which files the vault has already: the same name, content and subject.

The index tells candidates by name and size. Only of those is the file read once more, and its
digest compared with the one that the author signed: remembered on this device, or else read from
the report's own verified meta. So a file is never left out for looking alike.
"""

from __future__ import annotations

import asyncio
import hashlib
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from hygieia.client.index_sync import IndexSync
from hygieia.client.presence import missing_or_held
from hygieia.client.read_back import Sample, read_back
from hygieia.client.session import Session
from hygieia.client.sources import check_unchanged, reading
from hygieia.client.stored_digests import StoredDigests
from hygieia.errors import ContentChanged, IntegrityError, NotFound
from hygieia.ipld.cid import CID
from hygieia.openpgp.notes import Verdict
from hygieia.recovery.driving import read_from
from hygieia.vault.report import Expected
from hygieia.vault.report_read import read_report

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from hygieia.client.sources import FoundFile
    from hygieia.vault.people import People
    from hygieia.vault.report_entry import ReportEntry

_METAS_AT_ONCE: Final = 8
_PIECE_BYTES: Final = 1 << 20


@dataclass(frozen=True, slots=True)
class AlreadyStored:
    """Finds what need not be stored again; ``subject`` is whose record each file is.

    ``reads`` is told the name of each file before it is read: that of a large one takes seconds.
    """

    session: Session
    index: IndexSync
    digests: StoredDigests
    upload: str
    subject: str
    reads: Callable[[str], None]

    async def among(self, files: Sequence[tuple[FoundFile, str]]) -> dict[str, ReportEntry]:
        """The reports that hold these files, by path; ``files`` with the names they would get.

        Raises ``NotSaved`` when the server says that it has one of them, and does not.
        """
        people = self.index.state.people(self.session.key.certificate)
        candidates = self._candidates(files, people)
        if not candidates:
            return {}
        digests = await self._digests([e for each in candidates.values() for e in each], people)
        found: dict[str, ReportEntry] = {}
        for file, name in files:
            alike = candidates.get((name, file.source.size_bytes), [])
            if not any(entry.data_payload_cid in digests for entry in alike):
                continue
            self.reads(name)
            digest = await asyncio.to_thread(_digest, file)
            same = [entry for entry in alike if digests.get(entry.data_payload_cid) == digest]
            if same:
                found[file.source.path] = same[-1]
        # What the server has lost is worth storing again: she still has the file.
        lost = await missing_or_held(self.session.transport, self.upload, list(found.values()))
        kept = {path: entry for path, entry in found.items() if entry.id not in lost}
        # That it has the others is its claim, as after an upload (threat MS-24).
        tops = [cid for entry in kept.values() for cid in (entry.cid, entry.data_payload_cid)]
        await read_back(self.index.source, Sample(), [CID.parse(cid) for cid in tops])
        return kept

    def _candidates(
        self, files: Iterable[tuple[FoundFile, str]], people: People
    ) -> Mapping[tuple[str, int], list[ReportEntry]]:
        wanted = {(name, file.source.size_bytes) for file, name in files}
        candidates: dict[tuple[str, int], list[ReportEntry]] = defaultdict(list)
        for entry in self.index.state.reports():
            looks = (entry.file_name, entry.size_bytes)
            if looks in wanted and entry.deleted is None and self._is_hers(entry, people):
                candidates[looks].append(entry)
        return candidates

    def _is_hers(self, entry: ReportEntry, people: People) -> bool:
        return people.is_me(entry.owner) and people.same(entry.subject, self.subject)

    async def _digests(self, entries: Sequence[ReportEntry], people: People) -> dict[str, str]:
        """SHA-256 of the plaintexts, by payload CID."""
        payloads = {entry.data_payload_cid: entry for entry in entries}
        digests = await asyncio.to_thread(self.digests.of, payloads.keys())
        unknown = [entry for cid, entry in payloads.items() if cid not in digests]
        places = asyncio.Semaphore(_METAS_AT_ONCE)

        async def read(entry: ReportEntry) -> tuple[str, str | None]:
            async with places:
                return entry.data_payload_cid, await self._signed_digest(entry, people)

        read_now = await asyncio.gather(*(read(entry) for entry in unknown))
        learned = {cid: digest for cid, digest in read_now if digest is not None}
        await asyncio.to_thread(self.digests.remember, learned)
        return digests | learned

    async def _signed_digest(self, entry: ReportEntry, people: People) -> str | None:
        reading_it = read_report(
            CID.parse(entry.cid), self.session.key, people, Expected(entry=entry)
        )
        try:
            report = await read_from(reading_it, self.index.source)
        except (NotFound, IntegrityError):
            return None
        return report.meta.sha256 if report.verdict is Verdict.VALID else None


def _digest(file: FoundFile) -> str | None:
    """SHA-256 of a file that is still what it was when it was found, else None."""
    digest = hashlib.sha256()
    with reading(file.path) as stream:
        while piece := stream.read(_PIECE_BYTES):
            digest.update(piece)
    try:
        check_unchanged(file.source)
    except ContentChanged:
        return None
    return digest.hexdigest()
