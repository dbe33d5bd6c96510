"""Which reports of the index a server has no blocks of (FORMATS §9: the missing-CID query)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from hygieia.client import answers
from hygieia.limits import MAX_BATCH_CIDS

if TYPE_CHECKING:
    from collections.abc import Sequence

    from hygieia.client.transport import Transport
    from hygieia.vault.report_entry import ReportEntry

_CIDS_EACH: Final = 3
REPORTS_A_REQUEST: Final = MAX_BATCH_CIDS // _CIDS_EACH


async def missing_reports(
    transport: Transport, upload: str, entries: Sequence[ReportEntry]
) -> set[str]:
    """The ids of those of which the server lacks the root or the top of a payload.

    One request for 1,365 reports. Deeper blocks are not looked for: that is ``get``, or
    ``admin check`` on the server's machine.
    """
    missing: set[str] = set()
    for start in range(0, len(entries), REPORTS_A_REQUEST):
        part = entries[start : start + REPORTS_A_REQUEST]
        cids = list(dict.fromkeys(cid for entry in part for cid in _tops(entry)))
        path = f"/uploads/{upload}/missing"
        answer = await transport.call("POST", path, body={"cids": cids}, repeatable=True)
        absent = set(answers.texts(answer.document, "missing"))
        missing |= {entry.id for entry in part if not absent.isdisjoint(_tops(entry))}
    return missing


def _tops(entry: ReportEntry) -> tuple[str, str, str]:
    return entry.cid, entry.data_payload_cid, entry.meta_payload_cid
