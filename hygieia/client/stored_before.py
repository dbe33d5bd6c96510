"""What an earlier run of a job has stored, as it is now (docs/spec/10).

Its owner may have changed it meanwhile, and her client alone gives it another root when it lets her
delegates read it. Who went by the root would store it once more.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from hygieia.client.commits import committed_root
from hygieia.client.index_repair import enter
from hygieia.client.index_sync import IndexSync
from hygieia.client.session import Session
from hygieia.errors import IntegrityError, InvalidInput, NotFound
from hygieia.ipld.cid import CID
from hygieia.openpgp.notes import Verdict
from hygieia.recovery.driving import read_from
from hygieia.vault.index import PutReport
from hygieia.vault.report import Expected
from hygieia.vault.report_entry import ReportEntry
from hygieia.vault.report_read import read_report

if TYPE_CHECKING:
    from hygieia.vault.people import People
    from hygieia.vault.report import Report

_OPENED_AT_ONCE: Final = 8


@dataclass(frozen=True, slots=True)
class StoredBefore:
    """Finds again what this device sealed and the server may have."""

    session: Session
    index: IndexSync
    _places: asyncio.Semaphore = field(
        init=False, default_factory=lambda: asyncio.Semaphore(_OPENED_AT_ONCE)
    )

    async def find(self, made: PutReport) -> PutReport | None:
        """How the report that was ``made`` is to be entered as it is now; None to store it again.

        Nobody else knew its id, which was random, before it was committed: what has it now, and is
        signed by those who may, came of it. None also where the owner no longer lets this user see
        it, which looks to her as if it had never come, and where it cannot be opened: that is no
        proof that the file is safe, and a second copy does less harm than none.
        """
        root = await committed_root(self.session.transport, made.entry.id)
        if root is None or root == made.entry.cid:
            return None if root is None else made
        known = self.index.state.find(made.entry.id)
        if isinstance(known, ReportEntry) and known.cid == root:
            return PutReport(known)
        people = await asyncio.to_thread(self.index.state.people, self.session.key.certificate)
        async with self._places:
            try:
                if people.is_me(made.entry.owner):
                    # Who reads her own was hers to say: it is held against what the index says.
                    await enter(self.index, made.entry.id, root)
                    return PutReport(self.index.state.report(made.entry.id))
                return await self._of_another(made.entry, root, people)
            except (IntegrityError, InvalidInput, NotFound):
                return None

    async def _of_another(self, made: ReportEntry, root: str, people: People) -> PutReport | None:
        known = self.index.state.find(made.id)
        entry = known if isinstance(known, ReportEntry) else None
        expected = Expected(id=made.id, entry=entry)
        reading = read_report(CID.parse(root), self.session.key, people, expected)
        report = await read_from(reading, self.index.source)
        if not _came_of(made, report, people):
            return None
        meta_payload = str(report.encrypted.meta.cid)
        return PutReport(ReportEntry.of(report.meta, cid=root, meta_payload_cid=meta_payload))


def _came_of(made: ReportEntry, report: Report, people: People) -> bool:
    """Whether it is what was made, or a later revision: those its owner alone signs, as was read.

    A later one may have other content. She put it there instead of this, which is not to come back.
    """
    meta = report.meta
    if report.verdict is not Verdict.VALID or not people.same(meta.owner, made.owner):
        return False
    return meta.revision > 1 or people.is_me(meta.author)
