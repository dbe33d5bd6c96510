"""Share notes as the server keeps them: who reads which report (docs/spec/16-sharing.md).

A note is one document a packet, listed by report. It is written before the root that holds its
packet, as ``pending``; ``settle`` makes it live once that root counts, enters it in the list of
its reader's key for *shared with me*, and ends it once its packet is gone.
``settle`` looks only at the report's current header, so it may be repeated after a crash.

The server believes nothing a note says beyond its signature by the caller: what it is worth, the
reader's client decides by the certificates it has pinned.
"""

from __future__ import annotations

import contextlib
import json
from dataclasses import dataclass, replace
from enum import Enum
from typing import TYPE_CHECKING, Final, cast

from hygieia.errors import Duplicate, NoteRefused, NotFound, RecipientRefused, StaleRevision
from hygieia.limits import MAX_PAGE_ITEMS
from hygieia.openpgp.certificates import CLOCK_SKEW, Certificate
from hygieia.openpgp.notes import Note, Verdict, parse_note, verify_note
from hygieia.openpgp.times import now

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Collection, Iterable, Sequence

    from hygieia.documents.port import Body, Document, DocumentStore

COLLECTION: Final = "shares"
RECEIVED: Final = "shared-with"
CONTEXT: Final = "hygieia share 1"
_TRIES: Final = 20


class ShareState(Enum):
    """Where a note stands. Only ``LIVE`` gives its reader anything."""

    PENDING = "pending"
    LIVE = "live"


@dataclass(frozen=True, slots=True)
class Share:
    """One note: ``reader`` and ``sharer`` are key ids, ``account`` is who handed it in.

    ``rev`` is the report's once the root that holds the packet counts.
    """

    report: str
    reader: str
    pkesk: str
    sharer: str
    account: str
    created: str
    note: str
    rev: int
    state: ShareState = ShareState.PENDING

    @property
    def id(self) -> str:
        """The document's id: one a packet. A packet belongs to one session key, so one report."""
        return f"{self.report}.{self.pkesk}"


@dataclass(frozen=True, slots=True)
class SharePage:
    """A piece of a list of shares."""

    items: tuple[Share, ...]
    next: str | None


@dataclass(frozen=True, slots=True)
class Sharing:
    """What notes are handed in for: a report at its coming ``rev``, by an account and its key."""

    report: str
    rev: int
    account: str
    certificate: str


def read_notes(
    notes: Sequence[str], sharing: Sharing, *, added: Collection[str], unnoted: int
) -> list[Share]:
    """The shares that ``notes`` speak of: one for each packet added, and no more (RC-04).

    ``added`` are the digests of packets in the new header that the current one does not have;
    ``unnoted`` of them need no note: the owner's own, where the session key is new. Blocks about a
    millisecond a note: call it in a thread.

    Raises ``RecipientRefused`` for a note too many or too few, ``NoteRefused`` for one that is
    malformed, of another report, or not signed by the certificate.
    """
    if len(notes) != len(added) - unnoted:
        raise _unmatched()
    if not notes:
        return []
    signer = Certificate.parse(sharing.certificate)
    shares = [_read_note(text, sharing, signer) for text in notes]
    noted = {share.pkesk for share in shares}
    if len(noted) != len(notes) or not noted <= set(added):
        raise _unmatched()
    return shares


def readers_named(notes: Iterable[str]) -> list[str]:
    """The readers that notes name which ``read_notes`` has found sound."""
    bodies = (json.loads(note)["note"].partition("\n")[2] for note in notes)
    return [json.loads(body)["reader"] for body in bodies]


def _unmatched() -> RecipientRefused:
    return RecipientRefused("Each recipient added needs just one share note that names its packet.")


def _read_note(text: str, sharing: Sharing, signer: Certificate) -> Share:
    note: Note = parse_note(text, CONTEXT)
    fields = [note.body.get(name) for name in ("report", "reader", "pkesk", "created")]
    if not all(isinstance(field, str) for field in fields) or fields[0] != sharing.report:
        raise NoteRefused("A share note is for another report.")
    if note.created > now() + CLOCK_SKEW:
        raise NoteRefused(
            "A share note is of a time to come. Set your device's clock and share again."
        )
    if verify_note(note, signer) is not Verdict.VALID:
        raise NoteRefused("A share note is not signed by the key of whoever shares.")
    reader, pkesk = str(fields[1]), str(fields[2])
    if not (_is_hex64(reader) and _is_hex64(pkesk)):
        raise NoteRefused("A share note does not name a key and a packet.")
    return Share(
        report=sharing.report,
        reader=reader,
        pkesk=pkesk,
        sharer=signer.key_id,
        account=sharing.account,
        created=str(fields[3]),
        note=text,
        rev=sharing.rev,
    )


def _is_hex64(text: str) -> bool:
    return len(text) == 64 and all(character in "0123456789abcdef" for character in text)


class Shares:
    """The documents of share notes."""

    def __init__(self, documents: DocumentStore) -> None:
        self._documents = documents

    async def offer(self, shares: Iterable[Share]) -> None:
        """Write notes as pending, before the root that they belong to. May be repeated."""
        for share in shares:
            with contextlib.suppress(Duplicate):  # the same packet, noted before: that note stands
                await self._documents.insert(
                    COLLECTION, share.id, _body(share), scope=share.report, sort=share.created
                )

    async def settle(self, report: str, rev: int, packets: Collection[str]) -> list[Share]:
        """Bring a report's notes in line with ``packets``, the digests of its header at ``rev``.

        Notes of a later ``rev`` are left to whoever commits that. May be repeated, and must be
        after a root was replaced or its commit was taken back. Returns the notes that ended.
        """
        shares = [share async for share in self._all(report) if share.rev <= rev]
        ended = [share for share in shares if share.pkesk not in packets]
        for share in ended:
            await self._drop(share)
        for share in shares:
            if share.pkesk in packets:
                await self._make_live(share)
        return ended

    async def of_report(self, report: str, *, after: str | None, limit: int) -> SharePage:
        """A report's notes, oldest first, pending ones included."""
        page = await self._documents.page(COLLECTION, report, after=after, limit=limit)
        return SharePage(tuple(_read(item) for item in page.items), page.next)

    async def received(self, reader: str, *, after: str | None, limit: int) -> SharePage:
        """The live notes for a key, one a report, newest first."""
        page = await self._documents.page(
            RECEIVED, reader, after=after, limit=limit, newest_first=True
        )
        return SharePage(tuple(_read(item) for item in page.items), page.next)

    async def reads(self, reader: str, report: str) -> bool:
        """Whether a live note names ``reader`` for ``report``."""
        return await self._documents.get(RECEIVED, _received_id(report, reader)) is not None

    async def drop_report(self, report: str) -> None:
        """Forget every note of a report that is gone."""
        async for share in self._all(report):
            await self._drop(share)

    async def _all(self, report: str) -> AsyncIterator[Share]:
        after: str | None = None
        while True:
            page = await self.of_report(report, after=after, limit=MAX_PAGE_ITEMS)
            for share in page.items:
                yield share
            if page.next is None:
                return
            after = page.next

    async def _make_live(self, share: Share) -> None:
        live = replace(share, state=ShareState.LIVE)
        # The reader's list first: a note that stands as live in the report's own was told to her.
        try:
            await self._documents.insert(
                RECEIVED,
                _received_id(share.report, share.reader),
                _body(live),
                scope=share.reader,
                sort=share.created,
            )
        except Duplicate:  # told already, or another packet of hers is named there
            if share.state is ShareState.LIVE:
                return
        document = await self._documents.get(COLLECTION, share.id)
        if document is None:
            await self._untell(share)  # a later settling has overtaken this one, and dropped it
        elif share.state is ShareState.PENDING:
            with contextlib.suppress(StaleRevision, NotFound):  # somebody else settles it too
                await self._documents.replace(COLLECTION, share.id, document.rev, _body(live))

    async def _drop(self, share: Share) -> None:
        # Her list first: after a crash in between, the note still tells whom to untell. And once
        # more: an earlier settling under way may have told her, and found the note still there.
        await self._untell(share)
        await self._documents.delete(COLLECTION, share.id)
        await self._untell(share)

    async def _untell(self, share: Share) -> None:
        received = _received_id(share.report, share.reader)
        document = await self._documents.get(RECEIVED, received)
        if document is not None and document.body["pkesk"] == share.pkesk:
            with contextlib.suppress(StaleRevision):
                await self._documents.delete(RECEIVED, received, rev=document.rev)


def _received_id(report: str, reader: str) -> str:
    return f"{report}.{reader}"


def _body(share: Share) -> Body:
    return {
        "report": share.report,
        "reader": share.reader,
        "pkesk": share.pkesk,
        "sharer": share.sharer,
        "account": share.account,
        "created": share.created,
        "note": share.note,
        "rev": share.rev,
        "state": share.state.value,
    }


def _read(document: Document) -> Share:
    body = document.body
    return Share(
        report=cast("str", body["report"]),
        reader=cast("str", body["reader"]),
        pkesk=cast("str", body["pkesk"]),
        sharer=cast("str", body["sharer"]),
        account=cast("str", body["account"]),
        created=cast("str", body["created"]),
        note=cast("str", body["note"]),
        rev=cast("int", body["rev"]),
        state=ShareState(body["state"]),
    )
