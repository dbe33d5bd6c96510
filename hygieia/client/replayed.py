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

    Every packet that the index's root has must be there; what came to it since must be noted, and
    not by this user for somebody whom she has taken off since (``listed``). The reports of others
    are theirs to watch.

    Raises:
        Rollback: an older header.
        RecipientRefused: a packet that nobody noted.
    """
    served_before = str(report.encrypted.root) == entry.cid
    if served_before or not people.is_me(report.meta.owner):
        return
    if report.meta.revision != entry.revision:
        return  # a revision of her own, signed with its payloads; an older one is refused already
    known = await read_from(read_packets(CID.parse(entry.cid)), source)
    served = {pkesk_digest(packet) for packet in report.packets}
    if known - served:
        raise _older()
    if not served - known:
        return
    notes = {note.share.pkesk: note async for note in notes_of(transport, report.meta.id, people)}
    for packet in served - known:
        note = notes.get(packet)
        if note is None:
            raise RecipientRefused("The server shows a reader of this report whom nobody noted.")
        gone = any(people.same(note.share.reader, key) for key in listed.removed)
        if gone and people.is_me(note.signer):
            raise _older()


def _older() -> Rollback:
    return Rollback(
        "The server shows this report with an older list of readers.",
        hint="Nothing was changed. If another device of yours changes it now, try again shortly.",
    )
