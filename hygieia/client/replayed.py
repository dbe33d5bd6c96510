"""Finds out a server that shows an older list of a report's readers (docs/spec/16-sharing.md §4).

A header is not signed: whoever serves an old one, with a root around it, shows the very report of
the index. To base the next change on it would put back who was taken off, or drop who was added.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from hygieia.client.readers import notes_of
from hygieia.errors import RecipientRefused, Rollback
from hygieia.ipld.cid import CID
from hygieia.openpgp.packets import pkesk_digest
from hygieia.recovery.driving import BlockSource, read_from
from hygieia.vault.report_read import read_packets

if TYPE_CHECKING:
    from hygieia.client.transport import Transport
    from hygieia.vault.people import People
    from hygieia.vault.report import Report
    from hygieia.vault.report_entry import ReportEntry
    from hygieia.vault.share_note import Readers


async def refuse_replayed(
    transport: Transport,
    source: BlockSource,
    report: Report,
    entry: ReportEntry,
    listed: Readers,
    people: People,
) -> None:
    """Hold the readers of one's own ``report``, as served, against those of ``entry``'s root.

    Every packet that the index's root has must be there; what came to it since is judged as
    ``refuse_added`` does. The reports of others are theirs to watch.

    Raises:
        Rollback: an older header.
        RecipientRefused: a packet that nobody noted.
    """
    lacking, added = await changed_packets(source, report, entry, people)
    if lacking:
        raise _older()
    await refuse_added(transport, report.meta.id, added, listed, people)


async def changed_packets(
    source: BlockSource, report: Report, entry: ReportEntry, people: People
) -> tuple[frozenset[str], frozenset[str]]:
    """Digests that one's own ``report`` lacks of ``entry``'s root, and those that came to it.

    Both are empty for another revision of hers: it is signed with its payloads.
    """
    served_before = str(report.encrypted.root) == entry.cid
    other = report.meta.revision != entry.revision
    if served_before or other or not people.is_me(report.meta.owner):
        return frozenset(), frozenset()
    known = await read_from(read_packets(CID.parse(entry.cid)), source)
    served = frozenset(pkesk_digest(packet) for packet in report.packets)
    return known - served, served - known


async def refuse_added(
    transport: Transport, report_id: str, added: frozenset[str], listed: Readers, people: People
) -> None:
    """Hold packets that came to a header against ``listed`` and the server's notes.

    None may be one that was dropped, whatever is noted for it; each must be noted, and by none of
    the owner's own notes for somebody whom she has taken off.

    Raises:
        Rollback: an older header.
        RecipientRefused: a packet that nobody noted.
    """
    if not added:
        return
    if not added.isdisjoint(listed.removed_packets):
        raise _older()
    noted: set[str] = set()
    async for said in notes_of(transport, report_id, people):
        if said.share.pkesk not in added:
            continue
        gone = any(people.same(said.share.reader, key) for key in listed.removed)
        if gone and people.is_me(said.signer):
            raise _older()
        noted.add(said.share.pkesk)
    if added - noted:
        raise RecipientRefused("The server shows a reader of this report whom nobody noted.")


def _older() -> Rollback:
    return Rollback(
        "The server shows this report with an older list of readers.",
        hint="Nothing was changed. If another device of yours changes it now, try again shortly.",
    )
