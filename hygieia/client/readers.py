"""Who reads a report, as far as share notes tell (docs/spec/12-report.md §4, threat RC-04).

The index lists the readers that this user added. Others who read a report may have added more:
the server keeps their notes, and a note counts once its signer is pinned, its signature verifies
and the packet it names is in the header.
"""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final

from hygieia.client import answers
from hygieia.errors import NoteRefused
from hygieia.openpgp.notes import Verdict
from hygieia.openpgp.packets import pkesk_digest
from hygieia.vault.share_note import Reader, Readers, VerifiedShare, open_share
from hygieia.vault.sharing import own_packets

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping

    from hygieia.client.transport import Transport
    from hygieia.vault.people import People
    from hygieia.vault.report import Report

_PAGE_ITEMS: Final = 500
_MOST_PAGES: Final = 20


async def readers_of(
    transport: Transport, report: Report, listed: Readers, people: People
) -> Readers:
    """The readers that ``listed``, the index's entry, and the server's verified notes tell of.

    The owner is not among those of her own report, whomever a note names for her packet.
    """
    packets = {pkesk_digest(packet) for packet in report.packets} - own_packets(report, people)
    found = {each.pkesk: each for each in listed.readers if each.pkesk in packets}
    async for said in notes_of(transport, report.meta.id, people):
        share = said.share
        if said.verdict is Verdict.VALID and share.pkesk in packets:
            found.setdefault(share.pkesk, Reader(share.reader, share.pkesk, share.delegation))
    return replace(listed, readers=tuple(found.values()))


async def notes_of(
    transport: Transport, report_id: str, people: People
) -> AsyncIterator[VerifiedShare]:
    """The share notes that the server has of a report, each judged; what is no note is left out."""
    async for item in _notes(transport, report_id):
        said = await asyncio.to_thread(_judged, item, report_id, people)
        if said is not None:
            yield said


def _judged(item: Mapping[str, Any], report_id: str, people: People) -> VerifiedShare | None:
    signer, note = item.get("sharer"), item.get("note")
    if not isinstance(signer, str) or not isinstance(note, str):
        return None
    try:
        return open_share(note.encode(), report=report_id, signer=signer, people=people)
    except NoteRefused:
        return None


async def _notes(transport: Transport, report_id: str) -> AsyncIterator[Mapping[str, Any]]:
    after: str | None = None
    for _ in range(_MOST_PAGES):
        query: dict[str, str | int] = {"limit": _PAGE_ITEMS} | ({"after": after} if after else {})
        page = (await transport.call("GET", f"/reports/{report_id}/shares", query=query)).document
        for item in answers.parts(page, "items"):
            yield item
        after = answers.text_or_none(page, "next")
        if after is None:
            return
