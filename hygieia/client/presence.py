"""Which reports of the index a server has no blocks of (docs/spec/10: the missing-CID query)."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Final

from hygieia.client import answers
from hygieia.limits import MAX_ASKED_CIDS, MAX_BATCH_CIDS

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from hygieia.client.transport import Answer, Transport
    from hygieia.vault.report_entry import ReportEntry

_CIDS_EACH: Final = 3
_REQUESTS_AT_ONCE: Final = 4


async def missing_reports(transport: Transport, entries: Sequence[ReportEntry]) -> set[str]:
    """The ids of those of which the server lacks the root or the top of a payload.

    Asking changes nothing there. One request for 33 reports, four at once. Deeper blocks are not
    looked for: that is ``get``, or ``admin check`` on the server's machine.
    """
    places = asyncio.Semaphore(_REQUESTS_AT_ONCE)

    async def ask(part: Sequence[ReportEntry]) -> set[str]:
        async with places:
            query = {"cids": ",".join(_tops_of(part))}
            answer = await transport.call("GET", "/blocks/missing", query=query)
        return _lacking(part, answer)

    found = await asyncio.gather(*(ask(p) for p in _parts(entries, MAX_ASKED_CIDS)))
    return set().union(*found)


async def missing_or_held(
    transport: Transport, upload: str, entries: Sequence[ReportEntry]
) -> set[str]:
    """As ``missing_reports``; the blocks that are there are held for the upload."""
    missing: set[str] = set()
    for part in _parts(entries, MAX_BATCH_CIDS):
        path = f"/uploads/{upload}/missing"
        body = {"cids": _tops_of(part)}
        missing |= _lacking(part, await transport.call("POST", path, body=body, repeatable=True))
    return missing


def _parts(entries: Sequence[ReportEntry], most_cids: int) -> Iterator[Sequence[ReportEntry]]:
    size = most_cids // _CIDS_EACH
    for start in range(0, len(entries), size):
        yield entries[start : start + size]


def _lacking(entries: Sequence[ReportEntry], answer: Answer) -> set[str]:
    absent = set(answers.texts(answer.document, "missing"))
    return {entry.id for entry in entries if not absent.isdisjoint(_tops(entry))}


def _tops_of(entries: Sequence[ReportEntry]) -> list[str]:
    return list(dict.fromkeys(cid for entry in entries for cid in _tops(entry)))


def _tops(entry: ReportEntry) -> tuple[str, str, str]:
    return entry.cid, entry.data_payload_cid, entry.meta_payload_cid
