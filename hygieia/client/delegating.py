"""Giving, passing on and ending delegations (docs/spec/17-delegations.md).

The user's own index is changed first, for it alone decides; then the server is told what it needs
to know, and the note travels to whom it is about.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Final

from hygieia.client.contacts import Contacts
from hygieia.client.index_sync import IndexSync
from hygieia.client.messages import Messages
from hygieia.client.recipients import delegations_of
from hygieia.client.session import Session
from hygieia.client.to_do import ToDo
from hygieia.errors import DelegationRefused, Forbidden, HygieiaError, NotFound
from hygieia.openpgp.times import format_time, now, parse_time
from hygieia.recovery.driving import BlockSource, read_from
from hygieia.vault import words
from hygieia.vault.contacts import check_recipients, find_contact
from hygieia.vault.delegation import (
    Delegation,
    DelegationEnd,
    Right,
    Scope,
    sign_delegation,
    sign_end,
)
from hygieia.vault.index import DelegationNote, PutDelegation, PutReaders, load_for
from hygieia.vault.people import Contact, ContactState
from hygieia.vault.report_entry import ReportEntry
from hygieia.vault.share_note import Readers

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from hygieia.openpgp.certificates import Certificate
    from hygieia.vault.delegations import Delegations

YEAR: Final = timedelta(days=365)
_RENEWED_AFTER: Final = timedelta(days=30)


@dataclass(frozen=True, slots=True)
class Ended:
    """What ended, key ids of who could not be told, and the reports that they can still read.

    ``by`` tells by report id which of them that is, by their keys of now. ``earlier`` are the ids of
    those of which they can read earlier versions alone. ``unsettled``
    are key ids of those whose permission to store the server still has: it is told at the next
    opening of the vault, and what they store meanwhile is not entered.
    """

    delegations: tuple[Delegation, ...]
    untold: tuple[str, ...]
    still_read: tuple[ReportEntry, ...]
    earlier: frozenset[str] = frozenset()
    unsettled: tuple[str, ...] = ()
    by: Mapping[str, frozenset[str]] = field(default_factory=dict)


@dataclass(slots=True)
class Delegator:
    """The delegations of an open vault."""

    session: Session
    index: IndexSync
    source: BlockSource

    def table(self) -> Delegations:
        """The delegations of the index, verified: half a millisecond each."""
        return delegations_of(self.index.state, self.session)

    async def give(
        self,
        email: str,
        scope: Scope,
        rights: frozenset[Right],
        *,
        expires: datetime | None = None,
    ) -> Delegation:
        """Let a verified contact read, store or pass on what will be stored from now on.

        The same that was given just now, or with the same end, is not given twice: its note is sent
        once more. An older one is renewed by a new one beside it.

        Raises:
            Forbidden: the safety number was not compared yet.
            CertificateChanged, CertificateRefused: the key changed, is revoked or expired.
            InvalidInput: to oneself, or beyond a year.
            LimitExceeded: too many people may store for this account already.
        """
        contact, certificate = await self._verified(email)
        delegation = self._new(contact, scope, rights, expires or now() + YEAR)
        delegation.check()
        table = await asyncio.to_thread(self.table)
        known = _same(table.given(), delegation, dated=expires is not None)
        if known is not None:
            return await self._send_again(known, contact, certificate)
        # The server may refuse the permission, which says nothing without the delegation.
        await self.allow(delegation)
        try:
            note = await self._enter(delegation)
        except BaseException:
            await self.take_back(delegation)
            raise
        await self._post(note, [certificate], [contact.email])
        return delegation

    async def pass_on(
        self,
        parent: Delegation,
        email: str,
        scope: Scope,
        rights: frozenset[Right],
        *,
        expires: datetime | None = None,
    ) -> Delegation:
        """Pass on a received delegation: it acts once its owner has confirmed it.

        Raises:
            DelegationRefused: it may not be passed on, or this reaches further.
            Forbidden: the owner, or whoever is to have it, is not among the verified contacts.
        """
        contact, certificate = await self._verified(email)
        owner = self.contact_of(parent.record_of)
        if owner is None:
            raise Forbidden(
                "The owner of the record is none of your contacts.",
                hint="Find them first: hygieia contacts show EMAIL",
            )
        [owners] = await asyncio.to_thread(check_recipients, [owner], 1)
        until = expires or parse_time(parent.expires)
        delegation = replace(
            self._new(contact, scope, rights, until),
            parent=parent.id,
            owner=parent.record_of,
            email=contact.email,
        )
        delegation.check()
        _require_within(delegation, parent)
        note = await self._enter(delegation)
        await self._post(note, [certificate, owners], [contact.email, owner.email])
        return delegation

    async def end(self, delegations: Sequence[Delegation]) -> Ended:
        """End delegations that the user gave or that are about her record, and all below them.

        What was read stays known, and until a re-key old copies open for them: ``still_read``.
        """
        table = await asyncio.to_thread(self.table)
        fallen = list(
            {each.id: each for d in delegations for each in (d, *table.below(d.id))}.values()
        )
        created = format_time(now())
        notes = {
            each.id: sign_end(self.session.key, DelegationEnd(each.id, created)) for each in fallen
        }
        # Before anything can be interrupted: no list of hers names them afterwards.
        self.forbid_later(fallen)
        self._to_do.add(ends=map(_telling, fallen))
        await self.index.change([PutDelegation(_row(note)) for note in notes.values()])
        with contextlib.suppress(HygieiaError):
            await self.forbid(fallen)  # whoever held it hears of the end all the same
        untold = [e for e in fallen if not await self._tell_end(_telling(e), notes[e.id])]
        still, earlier, by = await self._open_to({each.receiver for each in fallen})
        keys = tuple(each.receiver for each in untold)
        left = tuple(self._to_do.read()["permissions"])
        return Ended(tuple(fallen), keys, tuple(still), earlier, left, by)

    async def still_read(self, persons: Iterable[str]) -> list[ReportEntry]:
        """The user's own reports that any of these persons can open, under whichever key.

        Old copies open for whom she has taken off, until the session key is new, and earlier
        versions for who read them, until a re-key (``Ended.earlier`` tells them apart).
        """
        return (await self._open_to(persons))[0]

    async def _open_to(
        self, persons: Iterable[str]
    ) -> tuple[list[ReportEntry], frozenset[str], Mapping[str, frozenset[str]]]:
        """Those reports; ids of those whose present version is open to none of them; who, by id."""
        state = self.index.state
        people = state.people(self.session.key.certificate)
        wanted = {people.person(each) for each in persons}
        own = [each for each in state.reports() if people.is_me(each.owner)]
        loading = load_for(state, [PutReaders(Readers(each.id)) for each in own])
        self.index.state = state = await read_from(loading, self.source)

        def among(keys: Iterable[str]) -> frozenset[str]:
            return frozenset(people.person(key) for key in keys) & wanted

        readers = {each.id: state.readers(each.id) for each in own}
        present = {each.id for each in own if among(_holders(readers[each.id]))}
        by = {
            report: found
            for report, each in readers.items()
            if (found := among((*_holders(each), *each.earlier)))
        }
        return [each for each in own if each.id in by], frozenset(by.keys() - present), by

    def contact_of(self, key: str) -> Contact | None:
        """The contact who has, or had, this key."""
        people = self.index.state.people(self.session.key.certificate)
        person = people.person(key)
        return next((each for each in self.index.state.contacts() if each.key == person), None)

    async def allow(self, delegation: Delegation) -> None:
        """Give the permission at the server that goes with the right to upload."""
        if Right.UPLOAD in delegation.rights:
            table = await asyncio.to_thread(self.table)
            known = _may_upload_until(table, delegation.receiver) or ""
            await self._allow_until(delegation.receiver, max(known, delegation.expires))

    async def _allow_until(self, key: str, expires: str) -> None:
        path, body = f"/uploaders/{key}", {"expires": expires}
        await self.session.transport.call("PUT", path, body=body, repeatable=True)

    async def _verified(self, email: str) -> tuple[Contact, Certificate]:
        seen = await Contacts(self.session, self.index).look_up(email)
        contact = seen.contact
        if contact.state is ContactState.UNVERIFIED:
            raise Forbidden(
                f"{contact.email} is not verified yet: nothing can be delegated to them.",
                hint=f"Compare safety numbers first: hygieia contacts show {contact.email}",
            )
        [certificate] = await asyncio.to_thread(check_recipients, [contact], 1)
        return contact, certificate

    def _new(
        self, contact: Contact, scope: Scope, rights: frozenset[Right], expires: datetime
    ) -> Delegation:
        return Delegation(
            id=words.make_id(),
            giver=self.session.key.key_id,
            receiver=contact.key,
            scope=scope,
            rights=rights,
            created=format_time(now()),
            expires=format_time(expires),
        )

    async def _enter(self, delegation: Delegation) -> bytes:
        note = sign_delegation(self.session.key, delegation)
        await self.index.change([PutDelegation(_row(note))])
        return note

    async def take_back(self, delegation: Delegation) -> None:
        """Take the permission back, unless the delegation was entered after all."""
        with contextlib.suppress(HygieiaError):
            await self.index.refresh()
            if all(each.id != delegation.id for each in self.index.state.delegations()):
                await self.forbid([delegation])

    async def _send_again(
        self, known: Delegation, contact: Contact, certificate: Certificate
    ) -> Delegation:
        [row] = [each for each in self.index.state.delegations() if each.id == known.id]
        await self.allow(known)
        await self._post(json.dumps(dict(row.note)).encode(), [certificate], [contact.email])
        return known

    async def _post(
        self,
        note: bytes,
        certificates: Sequence[Certificate],
        emails: Sequence[str],
        kind: str = "delegation",
    ) -> None:
        mine = self.session.key.certificate
        await Messages(self.session, self.source).post(note, [mine, *certificates], emails, kind)

    async def forbid(self, fallen: Iterable[Delegation]) -> None:
        """Take back what of the permission at the server no delegation gives any more.

        What fails is tried again at the next opening of the vault.
        """
        self.forbid_later(fallen)
        await self.settle()

    async def settle(self) -> None:
        """Have the server's list of who may store follow the index, where that is to be done yet."""
        table = await asyncio.to_thread(self.table)
        for key in self._to_do.read()["permissions"]:
            until = _may_upload_until(table, key)
            if until is not None:
                await self._allow_until(key, until)
            else:
                with contextlib.suppress(NotFound):
                    await self.session.transport.call("DELETE", f"/uploaders/{key}")
            self._to_do.drop(permissions=[key])

    def forbid_later(self, fallen: Iterable[Delegation]) -> None:
        """Remember that ``settle`` is to be done for those who held these."""
        people = self.index.state.people(self.session.key.certificate)
        storing = (
            each for each in fallen if Right.UPLOAD in each.rights and people.is_me(each.record_of)
        )
        keys = [each.receiver for each in storing]
        if keys:
            self._to_do.add(permissions=keys)

    @property
    def _to_do(self) -> ToDo:
        return ToDo(self.session)

    async def tell_ends(self) -> None:
        """Tell of ends that an interruption left untold."""
        rows = {row.id: row.note for row in self.index.state.delegations() if row.is_end}
        for telling in self._to_do.read()["ends"]:
            note = rows.get(telling.split()[0])
            if note is None:  # interrupted before the index had it: nothing has ended
                self._to_do.drop(ends=[telling])
            else:
                await self._tell_end(telling, json.dumps(dict(note)).encode())

    async def _tell_end(self, telling: str, note: bytes) -> bool:
        """Whether whoever held it could be told. That it ended does not depend on it."""
        own = self.session.key.key_id
        # What was passed on acts by its owner's index: she has to hear of it too.
        contacts = [self.contact_of(key) for key in {*telling.split()[1:]} if key != own]
        told = [each for each in contacts if each is not None]
        try:
            certificates = check_recipients(told, 1)
            if certificates:
                emails = [each.email for each in told]
                await self._post(note, certificates, emails, "delegation-end")
            is_told = len(told) == len(contacts)
        except HygieiaError:
            is_told = False
        self._to_do.drop(ends=[telling])
        return is_told


def _holders(readers: Readers) -> Iterable[str]:
    """Keys of those who have, or had, a packet of the session key of now."""
    return (*(each.key for each in readers.readers), *readers.removed)


def find_given(table: Delegations, contacts: Iterable[Contact], name: str) -> list[Delegation]:
    """What ``name`` means: an id, 6 or more characters of one, or the email of a contact.

    Raises ``NotFound``.
    """
    if "@" in name:
        contact = find_contact(contacts, name.strip().lower())
        keys = set() if contact is None else {contact.key, *(k.key for k in contact.former_keys)}
        found = [each for each in table if each.receiver in keys]
    else:
        found = [each for each in table if len(name) >= 6 and each.id.startswith(name.lower())]
    if not found:
        raise NotFound("There is no such delegation.", hint="See: hygieia delegations")
    return found


def _same(given: Iterable[Delegation], wanted: Delegation, *, dated: bool) -> Delegation | None:
    """One that says the same: with the same end, or, where none was named, one of these days."""
    recent = format_time(parse_time(wanted.expires) - _RENEWED_AFTER)
    for each in given:
        expires = wanted.expires if dated else each.expires
        alike = replace(wanted, id=each.id, created=each.created, expires=expires)
        if alike == each and (dated or each.expires >= recent):
            return each
    return None


def _may_upload_until(table: Delegations, key: str) -> str | None:
    """The latest end of what lets ``key`` store, or None."""
    given = [each for each in table.given() if Right.UPLOAD in each.rights and each.receiver == key]
    ends = [each.expires for each in given if parse_time(each.expires) > now()]
    return max(ends, default=None)


def _require_within(delegation: Delegation, parent: Delegation) -> None:
    if Right.REDELEGATE not in parent.rights:
        raise DelegationRefused("You were not given the right to pass this on.")
    if not (
        delegation.rights <= parent.rights
        and delegation.scope.within(parent.scope)
        and delegation.expires <= parent.expires
    ):
        raise DelegationRefused(
            "This reaches further than what you were given.",
            hint="Name categories, rights and a date within it. See: hygieia delegations",
        )


def _telling(ended: Delegation) -> str:
    return f"{ended.id} {ended.receiver} {ended.record_of}"


def _row(note: bytes) -> DelegationNote:
    return DelegationNote.from_json(json.loads(note))
