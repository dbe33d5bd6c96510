"""Keeps the vault's index: every change, against a second device, after a crash (docs/spec/13).

One ``IndexSync`` is one device's view. A change uploads the few new blocks and then asks the
server to move from the root it was based on to the new one, with the IPNS record in the same
request. Whoever loses that race reads the winner's index and applies the change again, by report
id. No server can make a device go back: what was acknowledged once is its floor.
"""

from __future__ import annotations

import asyncio
import base64
from collections.abc import Callable, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from hygieia.blocks.gateway import GatewayReader
from hygieia.client.batches import BatchSender
from hygieia.client.commits import upload_for
from hygieia.client.read_back import read_back
from hygieia.client.state import IndexFloor, ProfileStore
from hygieia.client.trail import newer_head
from hygieia.client.transport import Transport
from hygieia.errors import (
    ActivityAltered,
    Conflict,
    HygieiaError,
    InvalidInput,
    NotFound,
    Rollback,
    StaleRevision,
)
from hygieia.ipld.cid import CID
from hygieia.openpgp.keys import UnlockedKey
from hygieia.openpgp.times import format_time, now
from hygieia.recovery.driving import BlockSource, read_from
from hygieia.recovery.search import KnownIndex, find_newest, open_index_from
from hygieia.vault.index import (
    Change,
    Floor,
    IndexState,
    IndexUpdate,
    PutReaders,
    SetDigests,
    SetLogHead,
    apply,
    load_all,
    load_for,
    make_keys_file,
    new_index,
    open_index,
    rekey,
)
from hygieia.vault.ipns import IpnsKey
from hygieia.vault.share_note import Readers
from hygieia.vault.sharing import LeftOut

if TYPE_CHECKING:
    from hygieia.client.session import Session

_ATTEMPTS: Final = 8


@dataclass(frozen=True, slots=True)
class ServerIndex:
    """What the server says about the index: believed only once the note is verified."""

    root: CID | None
    rev: int
    sequence: int

    @classmethod
    def of(cls, document: Mapping[str, Any]) -> ServerIndex:
        """Read the server's answer. Raises ``InvalidInput``."""
        root, rev, sequence = document.get("root"), document.get("rev"), document.get("sequence")
        if type(rev) is not int or type(sequence) is not int:
            raise InvalidInput("The server's answer about the index is not understood.")
        return cls(CID.parse(root) if isinstance(root, str) else None, rev, sequence)


@dataclass(frozen=True, slots=True)
class Refused:
    """A report that the server names and that was not entered: shown, closed (threat MS-18)."""

    report: str
    root: str
    error: HygieiaError


@dataclass(frozen=True, slots=True)
class TakenOff:
    """Readers, by key, whom the server's root of a report leaves out, and how many nobody noted.

    Another device of hers took them off and never came to its index; or the server shows an old
    header. Only she can tell: whoever shows it has to name them.
    """

    report: str
    readers: tuple[str, ...]
    unnamed: int


@dataclass(frozen=True, slots=True)
class NotGiven:
    """What others stored for the user and her delegates were not all given at this opening.

    ``left_out`` are the delegates who cannot be encrypted to now, ``failed`` ids of reports whose
    readers could not be changed.
    """

    left_out: tuple[LeftOut, ...] = ()
    failed: tuple[str, ...] = ()


@dataclass(slots=True)
class IndexSync:
    """The open index of a signed-in account. ``state`` is the newest that was verified."""

    transport: Transport
    store: ProfileStore
    key: UnlockedKey
    source: BlockSource
    state: IndexState
    ipns_key: IpnsKey
    rev: int | None
    """The server's counter; None while the index is known from gateways only."""
    refused: Sequence[Refused] = ()
    """Reports that the server names and that the last repair left out, with the reason."""
    taken_off: Sequence[TakenOff] = ()
    """Readers whom the last repair found to be off reports, which no index said."""
    not_given: NotGiven = field(default_factory=NotGiven)
    """What the delegates could not be given at the opening; it stays to be done on this device."""
    inbox_waits: bool = False
    """Whether the server said, at the last repair, that something waits in the inbox."""
    warnings: Sequence[str] = ()
    """What was odd when the index was looked for over gateways."""
    trail_error: ActivityAltered | None = None
    """Why the last change did not sign the server's activity trail as it is now (18.4)."""
    _lock: asyncio.Lock = field(default_factory=asyncio.Lock)
    _above: int = 0

    @classmethod
    async def open(
        cls, session: Session, source: BlockSource, *, restored: bool = False
    ) -> IndexSync:
        """Read and verify the account's index.

        ``restored``: the user confirmed that the server was set up again from a backup; an older
        index than this device knows is then taken, and the next change goes above it.

        Raises ``Rollback``, ``Fork``: the server shows an older or another index than this device
        has seen. ``NotFound``: there is none yet. ``IntegrityError``: it does not verify.
        """
        floor = _floor_of(session.store)
        server, state = await _read(
            session.transport, session.key, source, None if restored else floor, None
        )
        sync = cls(
            session.transport,
            session.store,
            session.key,
            source,
            state,
            await asyncio.to_thread(state.keys.ipns_key, session.key.certificate),
            server.rev,
        )
        if restored and floor is not None and floor.sequence >= state.sequence:
            sync._above = floor.sequence
        else:
            sync._remember()
        return sync

    @classmethod
    async def open_by_name(cls, session: Session, gateways: GatewayReader) -> IndexSync:
        """Read and verify the newest index that gateways have, without asking the server.

        The record with the highest sequence names it; the index this device saw last is the floor,
        and the one to fall back on. Raises ``NotFound``, ``Unreachable``, ``IntegrityError``.
        """
        floor = _floor_of(session.store)
        known = None
        if floor is not None and floor.root is not None:
            root = CID.parse(floor.root)
            known = KnownIndex(root, floor.sequence, "the last one that this device saw,")
        name = session.profile.ipns_name
        found = await find_newest(name, known, session.key, gateways)
        key = await asyncio.to_thread(found.state.keys.ipns_key, session.key.certificate)
        sync = cls(
            session.transport,
            session.store,
            session.key,
            gateways,
            found.state,
            key,
            None,
            warnings=found.warnings,
        )
        sync._remember()
        return sync

    @classmethod
    async def create(
        cls,
        session: Session,
        source: BlockSource,
        ipns_key: IpnsKey,
        recovery_parts: Mapping[str, str],
    ) -> IndexSync:
        """Write the first index of an account that has none.

        ``recovery_parts``: ``recovery_key``, ``recovery_mac`` and ``revocation`` as the kit has
        them; the index keeps their digests.
        """
        created = format_time(now())
        keys = make_keys_file(session.key, ipns_key, created).with_digests(recovery_parts)
        update = await asyncio.to_thread(new_index, keys, key=session.key, created=created)
        server = await _server_index(session.transport)
        if server.root is not None:
            raise Conflict("The account has an index already.")
        sync = cls(
            session.transport,
            session.store,
            session.key,
            source,
            update.state,
            ipns_key,
            server.rev,
        )
        await sync._commit(update)
        return sync

    async def change(self, changes: Sequence[Change], upload: str | None = None) -> IndexState:
        """Apply ``changes``, durable on the server when this returns; the new state.

        Coalesce: one call for many reports writes little more than one for each of them.
        ``upload``: one of the caller's to send the new blocks in, while it is open.

        Raises ``Conflict`` when other devices win the race eight times running, ``Rollback``.
        """
        if not changes and not self._above:
            return self.state
        return await self._change(lambda: self._apply(changes), upload)

    async def set_recovery_parts(self, parts: Mapping[str, str]) -> IndexState:
        """Remember the digests of a new kit's recovery parts."""
        return await self.change([SetDigests(parts)])

    async def rotate(self) -> IndexState:
        """Give the index a new session key, as after a change of password: all is written anew."""
        return await self._change(self._rekey)

    async def readers(self, report_id: str) -> Readers:
        """Who else reads a report; that segment of the index is read when it was not yet.

        Raises ``NotFound`` for an unknown report.
        """
        reading = load_for(self.state, [PutReaders(Readers(report_id))])
        self.state = await read_from(reading, self.source)
        return self.state.readers(report_id)

    async def refresh(self) -> IndexState:
        """Read what other devices have changed since.

        Not where the server was restored from a backup and shows less than this device knows: the
        next change goes above that.
        """
        async with self._lock:
            if not self._above:
                await self._read_again()
            return self.state

    async def _change(self, make: Callable[[], Any], upload: str | None = None) -> IndexState:
        async with self._lock:
            if self.rev is None:
                await self._read_again()
            for _ in range(_ATTEMPTS):
                update: IndexUpdate | None = await make()
                if update is None:
                    return self.state
                try:
                    await self._commit(update, upload)
                except StaleRevision:
                    await self._read_again()
                    if self.state.root == update.state.root:
                        # It was our own change that had won: only its answer was lost.
                        return self.state
                except NotFound:
                    if upload is None:
                        raise
                    upload = None  # it ended meanwhile: the next turn begins one of its own
                else:
                    return self.state
        raise Conflict("Other devices are changing the vault's index; try again shortly.")

    async def _apply(self, changes: Sequence[Change]) -> IndexUpdate | None:
        self.state = await read_from(load_for(self.state, changes), self.source)
        head = None
        if not any(isinstance(change, SetLogHead) for change in changes):
            head = await self._newer_head()
        return await asyncio.to_thread(
            apply,
            self.state,
            changes if head is None else [*changes, SetLogHead(head)],
            key=self.key,
            created=format_time(now()),
            above=self._above,
        )

    async def _rekey(self) -> IndexUpdate:
        self.state = await read_from(load_all(self.state), self.source)
        created, head = format_time(now()), await self._newer_head()
        return await asyncio.to_thread(
            rekey, self.state, key=self.key, created=created, log_head=head
        )

    async def _newer_head(self) -> str | None:
        """The activity trail's head, if it went on from the one that this index signs.

        A trail that does not is not signed, and stops no change: the person is told.
        """
        profile = self.store.load()
        if profile is None:
            return None
        try:
            head = await newer_head(self.transport, profile.account, self.state.note.log_head)
        except ActivityAltered as error:
            self.trail_error = error
            return None
        self.trail_error = None
        return head

    async def _commit(self, update: IndexUpdate, begun: str | None = None) -> None:
        """Upload what is new and move the server on to it. Raises ``StaleRevision``."""
        state = update.state
        record = self.ipns_key.sign_record(state.root, state.sequence, now())
        async with nullcontext(begun) if begun else upload_for(self.transport) as upload:
            sender = BatchSender(self.transport, upload)
            await sender.send_all(update.blocks)
            answer = await self.transport.call(
                "PUT",
                "/index",
                if_match=self.rev,
                body={
                    "upload": upload,
                    "root": str(state.root),
                    "sequence": state.sequence,
                    "record": base64.b64encode(record).decode(),
                },
            )
        server = ServerIndex.of(answer.document)
        if server.root != state.root:
            raise Rollback("The server acknowledged another index than the one sent.")
        await read_back(self.source, sender.sample, [state.root])
        self.state, self.rev, self._above = state, server.rev, 0
        self._remember()

    async def _read_again(self) -> None:
        server, state = await _read(
            self.transport, self.key, self.source, _floor_of(self.store), self.state
        )
        self.state, self.rev, self._above = state, server.rev, 0
        self._remember()

    def _remember(self) -> None:
        self.store.raise_floor(IndexFloor(self.state.sequence, str(self.state.root)))


def _floor_of(store: ProfileStore) -> Floor | None:
    profile = store.load()
    floor = profile.index_floor if profile is not None else None
    return None if floor is None else Floor(floor.sequence, floor.root)


async def _server_index(transport: Transport) -> ServerIndex:
    answer = await transport.call("GET", "/index")
    return ServerIndex.of(answer.document)


async def _read(
    transport: Transport,
    key: UnlockedKey,
    source: BlockSource,
    floor: Floor | None,
    known: IndexState | None,
) -> tuple[ServerIndex, IndexState]:
    server = await _server_index(transport)
    if server.root is None:
        if floor is not None:
            raise Rollback("The server shows no index; this device has seen one.")
        raise NotFound("The account has no index yet.")
    if known is None and isinstance(source, GatewayReader):
        return server, await open_index_from(server.root, key, source, floor)
    reading = open_index(server.root, key, floor=floor, known=known)
    return server, await read_from(reading, source)
