"""Who keeps what in a Kubo, and until when: small documents beside it.

Kubo knows one pin for a CID. The port counts pins by root and name, holds by holder and time; that
is kept here, in the document store that all servers share. A *hold* names a node in Kubo whose
links are the blocks held; its document is written before the node is pinned, so that whatever dies
in between, the next sweep finds the pin.
"""

from __future__ import annotations

import base64
import hashlib
import secrets
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, Final, Protocol

from hygieia.blocks.port import Pin
from hygieia.errors import Conflict, Duplicate, NotFound, StaleRevision
from hygieia.ipld.cid import CID, parse_any

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Mapping, Sequence

PINS: Final = "kubo-pins"
LET_GO: Final = "kubo-let-go"
GAPS: Final = "kubo-gaps"
HOLDERS: Final = "kubo-holders"
HOLDS: Final = "kubo-holds"
RECORDS: Final = "kubo-records"
LEASES: Final = "kubo-leases"
SWEEP: Final = "sweep"
SWEEP_SECONDS: Final = 3600
A_PAGE: Final = 256
_MICRO: Final = 1_000_000


class Entry(Protocol):
    """One document, as far as it is looked at here."""

    @property
    def id(self) -> str:
        """Its id."""
        ...

    @property
    def rev(self) -> int:
        """Its revision."""
        ...

    @property
    def body(self) -> Mapping[str, Any]:
        """Its content."""
        ...


class EntryPage(Protocol):
    """A piece of a list."""

    @property
    def items(self) -> Sequence[Entry]:
        """The documents."""
        ...

    @property
    def next(self) -> str | None:
        """Where the next piece begins."""
        ...


class Documents(Protocol):
    """What of ``hygieia.documents.port.DocumentStore`` is used: its docstrings say what it does."""

    async def insert(
        self,
        collection: str,
        document_id: str,
        body: Mapping[str, Any],
        *,
        scope: str | None = None,
        unique: str | None = None,
        expires: datetime | None = None,
    ) -> Entry:
        """Adds a document."""
        ...

    async def get(self, collection: str, document_id: str) -> Entry | None:
        """Returns a document."""
        ...

    async def find(self, collection: str, unique: str) -> Entry | None:
        """Returns the document with a unique key."""
        ...

    async def replace(
        self, collection: str, document_id: str, rev: int, body: Mapping[str, Any]
    ) -> Entry:
        """Replaces a document."""
        ...

    async def delete(self, collection: str, document_id: str, *, rev: int | None = None) -> bool:
        """Removes a document."""
        ...

    async def page(self, collection: str, scope: str, *, limit: int) -> EntryPage:
        """Lists a scope."""
        ...

    async def scan(self, collection: str, *, after: str | None = None, limit: int) -> EntryPage:
        """Lists a collection in the order of ids."""
        ...


@dataclass(frozen=True, slots=True)
class Hold:
    """A node in Kubo that keeps what it links, as long as its holder lives."""

    id: str
    root: CID
    created: float
    alive: bool


@dataclass(frozen=True, slots=True)
class Gap:
    """A pinned root below which blocks are missing; ``keepers`` are pinned for those that are had."""

    root: CID
    keepers: tuple[CID, ...]


@dataclass(frozen=True, slots=True)
class Loose:
    """A root that some name let go of, at one revision."""

    root: CID
    id: str
    rev: int


class Books:
    """The documents. All times come from ``clock``, in seconds since 1970."""

    def __init__(self, documents: Documents, clock: Callable[[], float]) -> None:
        self._documents = documents
        self._clock = clock
        self._last_micros = 0

    # -- pins --------------------------------------------------------------------------------

    async def add_pin(self, root: CID, name: str) -> bool:
        """Write that ``root`` is kept for ``name``; return False if that stood there."""
        self._last_micros = micros = max(self._last_micros + 1, int(self._clock() * _MICRO))
        body = {"root": str(root), "name": name, "micros": micros}
        # Ids are in the order of time, so that all pins can be listed oldest first.
        pin_id = f"{micros:016x}-{secrets.token_hex(8)}"
        try:
            await self._documents.insert(
                PINS, pin_id, body, scope=_key(root), unique=_named(root, name)
            )
        except Duplicate:
            return False
        return True

    async def has_pin(self, root: CID, name: str | None) -> bool:
        """Whether ``root`` is kept for ``name``, or (None) for any."""
        if name is not None:
            return await self._documents.find(PINS, _named(root, name)) is not None
        return bool((await self._documents.page(PINS, _key(root), limit=1)).items)

    async def remove_pin(self, root: CID, name: str) -> None:
        """Take out that ``root`` is kept for ``name``, and have the next sweep look at it."""
        entry = await self._documents.find(PINS, _named(root, name))
        if entry is None:
            return
        # Before, should we die in between; and after, should a sweep look in between.
        await self._touch(LET_GO, _key(root), {"root": str(root)})
        await self._documents.delete(PINS, entry.id)
        await self._touch(LET_GO, _key(root), {"root": str(root)})

    async def pins(self) -> AsyncIterator[Pin]:
        """All pins, oldest first."""
        async for entry in self._all(PINS):
            created = datetime.fromtimestamp(entry.body["micros"] / _MICRO, UTC)
            yield Pin(parse_any(entry.body["root"]), entry.body["name"], created)

    async def loose(self) -> AsyncIterator[Loose]:
        """The roots that names have let go of and no sweep has looked at since."""
        async for entry in self._all(LET_GO):
            yield Loose(parse_any(entry.body["root"]), entry.id, entry.rev)

    async def settled(self, loose: Loose) -> None:
        """Forget a loose root, unless it was let go of once more meanwhile."""
        try:
            await self._documents.delete(LET_GO, loose.id, rev=loose.rev)
        except StaleRevision:
            return

    # -- pins of DAGs with gaps --------------------------------------------------------------

    async def note_gap(self, gap: Gap) -> None:
        """Write what keeps the blocks of a DAG that is not whole."""
        body = {"root": str(gap.root), "keepers": [str(cid) for cid in gap.keepers]}
        await self._touch(GAPS, _key(gap.root), body)

    async def gap(self, root: CID) -> Gap | None:
        """What was written of this root."""
        entry = await self._documents.get(GAPS, _key(root))
        return None if entry is None else _gap(entry)

    async def gaps(self) -> AsyncIterator[Gap]:
        """All of them."""
        async for entry in self._all(GAPS):
            yield _gap(entry)

    async def forget_gap(self, root: CID) -> None:
        """Take it out: the DAG is whole, or nobody wants it."""
        await self._documents.delete(GAPS, _key(root))

    # -- holds -------------------------------------------------------------------------------

    async def holder(self, name: str, until: datetime | None) -> str:
        """The generation that holds for ``name`` from now on, at least until ``until``."""
        wanted = None if until is None else int(until.timestamp() * _MICRO)
        holder_id = _digest(name.encode())
        while True:
            entry = await self._documents.get(HOLDERS, holder_id)
            try:
                if entry is None:
                    body = {"generation": secrets.token_hex(16), "until": wanted}
                    entry = await self._documents.insert(HOLDERS, holder_id, body)
                elif not self._lives(entry):
                    body = {"generation": secrets.token_hex(16), "until": wanted}
                    entry = await self._documents.replace(HOLDERS, entry.id, entry.rev, body)
                elif _is_later(wanted, entry.body["until"]):
                    body = {**entry.body, "until": wanted}
                    entry = await self._documents.replace(HOLDERS, entry.id, entry.rev, body)
            except (Duplicate, StaleRevision, NotFound):
                continue
            return str(entry.body["generation"])

    async def release(self, name: str) -> None:
        """End a holder; what it held is let go by the next sweep."""
        await self._documents.delete(HOLDERS, _digest(name.encode()))

    async def intend_hold(self, name: str, generation: str, root: CID) -> str:
        """Write that a node is about to be pinned for a holder; return the hold's id."""
        body = {
            "holder": _digest(name.encode()),
            "generation": generation,
            "root": str(root),
            "micros": int(self._clock() * _MICRO),
        }
        hold_id = secrets.token_hex(16)
        await self._documents.insert(HOLDS, hold_id, body)
        return hold_id

    async def is_current(self, name: str, generation: str) -> bool:
        """Whether a holder still lives in this generation."""
        entry = await self._documents.get(HOLDERS, _digest(name.encode()))
        return entry is not None and entry.body["generation"] == generation and self._lives(entry)

    async def holds(self) -> AsyncIterator[Hold]:
        """All holds, each with whether its holder still lives."""
        async for entry in self._all(HOLDS):
            holder = await self._documents.get(HOLDERS, entry.body["holder"])
            alive = (
                holder is not None
                and holder.body["generation"] == entry.body["generation"]
                and self._lives(holder)
            )
            root = parse_any(entry.body["root"])
            yield Hold(entry.id, root, entry.body["micros"] / _MICRO, alive)

    async def forget_hold(self, hold_id: str) -> None:
        """Take a hold out that nothing pins any more."""
        await self._documents.delete(HOLDS, hold_id)

    async def forget_expired_holders(self) -> None:
        """Take out the holders whose time is over."""
        async for entry in self._all(HOLDERS):
            if not self._lives(entry):
                try:
                    await self._documents.delete(HOLDERS, entry.id, rev=entry.rev)
                except StaleRevision:
                    continue

    # -- records and the sweep's lease -------------------------------------------------------

    async def put_record(self, name: str, record: bytes) -> None:
        """Keep an IPNS record: Kubo without routing would keep none."""
        body = {"name": name, "record": base64.b64encode(record).decode("ascii")}
        await self._touch(RECORDS, _digest(name.encode()), body)

    async def get_record(self, name: str) -> bytes | None:
        """The record kept."""
        entry = await self._documents.get(RECORDS, _digest(name.encode()))
        return None if entry is None else base64.b64decode(entry.body["record"])

    async def drop_record(self, name: str) -> None:
        """Forget it."""
        await self._documents.delete(RECORDS, _digest(name.encode()))

    async def records(self) -> AsyncIterator[tuple[str, bytes]]:
        """All of them, with their names."""
        async for entry in self._all(RECORDS):
            yield entry.body["name"], base64.b64decode(entry.body["record"])

    async def claim_sweep(self) -> Entry:
        """Be the one who sweeps. Raises ``Conflict``. One who dies loses the claim by the clock."""
        expires = datetime.now(UTC) + timedelta(seconds=SWEEP_SECONDS)
        try:
            return await self._documents.insert(LEASES, SWEEP, {}, expires=expires)
        except Duplicate:
            raise Conflict("Another sweep is running.") from None

    async def end_sweep(self, claim: Entry) -> None:
        """Let another sweep."""
        await self._documents.delete(LEASES, claim.id)

    # -- documents ---------------------------------------------------------------------------

    async def _touch(self, collection: str, document_id: str, body: Mapping[str, Any]) -> None:
        """Write a document whether it is there or not; its revision always changes."""
        while True:
            entry = await self._documents.get(collection, document_id)
            try:
                if entry is None:
                    await self._documents.insert(collection, document_id, body)
                else:
                    await self._documents.replace(collection, document_id, entry.rev, body)
            except (Duplicate, StaleRevision, NotFound):
                continue
            return

    async def _all(self, collection: str) -> AsyncIterator[Entry]:
        after: str | None = None
        while True:
            page = await self._documents.scan(collection, after=after, limit=A_PAGE)
            for entry in page.items:
                yield entry
            if page.next is None:
                return
            after = page.next

    def _lives(self, entry: Entry) -> bool:
        until = entry.body["until"]
        return until is None or until > self._clock() * _MICRO


def _is_later(wanted: int | None, until: int | None) -> bool:
    return until is not None and (wanted is None or wanted > until)


def _gap(entry: Entry) -> Gap:
    keepers = tuple(parse_any(text) for text in entry.body["keepers"])
    return Gap(parse_any(entry.body["root"]), keepers)


def _digest(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def _key(root: CID) -> str:
    return _digest(root.encode())


def _named(root: CID, name: str) -> str:
    return _digest(root.encode() + b"\n" + name.encode())
