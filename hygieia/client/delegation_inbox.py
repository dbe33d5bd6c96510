"""What comes into the inbox: delegations to the user, their ends, requests (17.4).

The server's list is a hint. A note counts once the certificate pinned for who signed it verifies
it; what is asked of the user waits until she decides.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from hygieia.client.delegating import Delegator
from hygieia.client.messages import Message, Messages
from hygieia.errors import (
    DelegationRefused,
    Forbidden,
    HygieiaError,
    IntegrityError,
    InvalidInput,
    NoteRefused,
    NotFound,
)
from hygieia.limits import MAX_NOTE_BYTES
from hygieia.openpgp.notes import Verdict, read_note, verify_note
from hygieia.openpgp.strict_json import loads_object
from hygieia.openpgp.times import now
from hygieia.vault.delegation import (
    DELEGATION_CONTEXT,
    END_CONTEXT,
    Delegation,
    DelegationEnd,
)
from hygieia.vault.delegations import Delegations, open_delegation
from hygieia.vault.index import DelegationNote, PutDelegation
from hygieia.vault.people import ContactState

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from hygieia.vault.people import People

_BEGINS: Final = 0
_ENDS: Final = 1


@dataclass(frozen=True, slots=True)
class Waiting:
    """A message that waits: a re-delegation to be confirmed, or something from a stranger.

    ``delegation`` is None from a stranger: nothing of it is shown.
    """

    message: str
    sender: str | None
    delegation: Delegation | None = None


@dataclass(slots=True)
class TakenIn:
    """What a look into the inbox did."""

    entered: list[Delegation] = field(default_factory=list)
    ended: list[str] = field(default_factory=list)
    waiting: list[Waiting] = field(default_factory=list)
    refused: list[tuple[str | None, HygieiaError]] = field(default_factory=list)
    shown: bool = True
    """Whether a person sees this: what is refused is acknowledged only then."""
    kept: list[str] = field(default_factory=list)
    """Ids of the messages that were not acknowledged."""
    undecided: set[str] = field(default_factory=set)
    """Ids of the delegations that wait, as their notes say them: nobody has verified a stranger's."""
    unread: bool = False
    """Whether messages were there that this look did not open."""

    def may_wait(self, delegation: str) -> bool:
        """Whether this delegation may be among those that wait for the user."""
        return self.unread or delegation in self.undecided


@dataclass(frozen=True, slots=True)
class _Opened:
    """A message that was read: its note as carried, and of which of the two kinds it is."""

    message: Message
    carried: Mapping[str, Any]
    kind: int


@dataclass(slots=True)
class DelegationInbox:
    """The inbox of an open vault."""

    delegator: Delegator

    async def take_in(self, passed_over: Collection[str] = (), *, shown: bool = True) -> TakenIn:
        """Read what waits, enter what counts, and acknowledge what is done with.

        ``passed_over``: ids of messages that were looked at before and wait for the user. What is
        refused stays for her to see, unless this is ``shown`` to her now.
        """
        done = TakenIn(shown=shown)
        opened: list[_Opened] = []
        for message in await self._messages.waiting():
            if message.id in passed_over:
                done.unread = True
                continue
            found = await self._open(message, done)
            opened += [found] if found is not None else []
        # A delegation before its end, whatever the order in which the server lists them.
        for each in sorted(opened, key=lambda found: found.kind):
            try:
                await self._judge(each, done)
            except (IntegrityError, InvalidInput) as error:
                await self._refuse(each.message, error, done)
        done.kept += [each.message for each in done.waiting]
        return done

    async def confirm(self, waiting: Waiting) -> Delegation:
        """Let a re-delegation of the user's own record act.

        Raises:
            DelegationRefused: it reaches further than its parent, which may have ended since; or
                its own end waits already, which is entered too.
            LimitExceeded: too many people may store for this account already.
            Forbidden: the person that it is for is not verified yet.
        """
        delegation = self._requested(waiting)
        table = await asyncio.to_thread(self.delegator.table)
        table.check_passed_on(delegation, now())
        contact = self.delegator.contact_of(delegation.receiver)
        if contact is None or contact.state is not ContactState.VERIFIED:
            raise Forbidden(
                f"{delegation.email} is not verified yet: nothing can be delegated to them.",
                hint=f"Compare safety numbers first: hygieia contacts show {delegation.email}",
            )
        listed = {each.id: each for each in await self._messages.waiting()}
        if waiting.message not in listed:
            raise NotFound("This is asked no more.", hint="See: hygieia delegations")
        opened = await self._open(listed[waiting.message], TakenIn())
        if opened is None or open_delegation(opened.carried, self._people) != delegation:
            raise DelegationRefused("The server shows another delegation than the one confirmed.")
        # The server may refuse the permission, which says nothing without the delegation.
        await self.delegator.allow(delegation)
        try:
            change = PutDelegation(DelegationNote.from_json(opened.carried))
            await self.delegator.index.change([change])
        except BaseException:
            await self.delegator.take_back(delegation)
            raise
        await self._acknowledge(opened.message)
        await self.take_in(shown=False)
        if delegation.id in (await asyncio.to_thread(self.delegator.table)).ended:
            raise DelegationRefused("This was ended meanwhile: it does not act.")
        return delegation

    async def decline(self, waiting: Waiting) -> None:
        """Do not let a re-delegation act, or take nothing from a stranger."""
        await self._messages.acknowledge(waiting.message)

    @property
    def _messages(self) -> Messages:
        return Messages(self.delegator.session, self.delegator.source)

    @property
    def _people(self) -> People:
        return self.delegator.index.state.people(self.delegator.session.key.certificate)

    async def _open(self, message: Message, done: TakenIn) -> _Opened | None:
        try:
            content = await self._messages.read(message)
            carried = _carried(content)
        except NotFound:
            done.unread = True  # its blocks may come yet
            return None
        except (IntegrityError, InvalidInput) as error:
            await self._refuse(message, error, done)
            return None
        context = carried["note"].partition("\n")[0]
        if context not in (DELEGATION_CONTEXT, END_CONTEXT):
            unknown = NoteRefused("A message is of a kind that this version does not know.")
            await self._refuse(message, unknown, done)
            return None
        return _Opened(message, carried, _ENDS if context == END_CONTEXT else _BEGINS)

    async def _judge(self, opened: _Opened, done: TakenIn) -> None:
        table = await asyncio.to_thread(self.delegator.table)
        if opened.kind == _ENDS:
            await self._take_end(opened, table, done)
            return
        said = Delegation.from_body(
            read_note(opened.carried["note"], opened.carried["signature"], DELEGATION_CONTEXT).body
        )
        if self._people.certificate(said.giver) is None:
            done.undecided.add(said.id)
            done.waiting.append(Waiting(opened.message.id, opened.message.sender))
            return
        delegation = open_delegation(opened.carried, self._people)
        if table.find(delegation.id) is not None or delegation.id in table.ended:
            await self._acknowledge(opened.message)
        elif self._people.is_me(delegation.record_of) and delegation.parent is not None:
            table.check_passed_on(delegation, now())
            done.undecided.add(delegation.id)
            done.waiting.append(Waiting(opened.message.id, opened.message.sender, delegation))
        elif self._people.is_me(delegation.receiver):
            change = PutDelegation(DelegationNote.from_json(opened.carried))
            await self.delegator.index.change([change])
            done.entered.append(delegation)
            await self._acknowledge(opened.message)
        else:
            raise DelegationRefused("A delegation came that is about somebody else.")

    async def _take_end(self, opened: _Opened, table: Delegations, done: TakenIn) -> None:
        note = read_note(opened.carried["note"], opened.carried["signature"], END_CONTEXT)
        end = DelegationEnd.from_body(note.body)
        ended = table.find(end.delegation)
        if ended is None and end.delegation not in table.ended and done.may_wait(end.delegation):
            # It has to be there still when the delegation itself counts.
            done.kept.append(opened.message.id)
            return
        if ended is not None:
            signers = [self._people.certificate(each) for each in (ended.giver, ended.record_of)]
            verdicts = [verify_note(note, each) for each in signers if each is not None]
            if Verdict.VALID not in verdicts:
                raise DelegationRefused("An end was not signed by who gave the delegation.")
            change = PutDelegation(DelegationNote.from_json(opened.carried))
            fallen = [ended, *table.below(ended.id)]
            self.delegator.forbid_later(fallen)
            await self.delegator.index.change([change])
            with contextlib.suppress(HygieiaError):  # it stays to be done
                await self.delegator.forbid(fallen)
            done.ended.append(end.delegation)
        await self._acknowledge(opened.message)

    async def _refuse(self, message: Message, error: HygieiaError, done: TakenIn) -> None:
        done.refused.append((message.sender, error))
        if done.shown:
            await self._acknowledge(message)
        else:
            done.kept.append(message.id)

    async def _acknowledge(self, message: Message) -> None:
        with contextlib.suppress(NotFound):
            await self._messages.acknowledge(message.id)

    def _requested(self, waiting: Waiting) -> Delegation:
        if waiting.delegation is None:
            raise NotFound("Nobody asks to pass this on.", hint="See: hygieia delegations")
        return waiting.delegation


def find_waiting(waiting: Sequence[Waiting], name: str) -> Waiting:
    """The request named by 6 or more characters of its delegation's id. Raises ``NotFound``."""
    found = [
        each
        for each in waiting
        if each.delegation is not None
        and len(name) >= 6
        and each.delegation.id.startswith(name.lower())
    ]
    if len(found) != 1:
        raise NotFound("There is no such request.", hint="See: hygieia delegations")
    return found[0]


def _carried(content: bytes) -> Mapping[str, Any]:
    """A note as it is carried: exactly two strings. Raises ``NoteRefused``."""
    try:
        carried = loads_object(content, max_bytes=MAX_NOTE_BYTES)
    except InvalidInput as error:
        raise NoteRefused(f"A note cannot be read: {error}") from error
    if set(carried) != {"note", "signature"} or not all(
        isinstance(part, str) for part in carried.values()
    ):
        raise NoteRefused("A note is an object of exactly two strings, note and signature.")
    return carried
