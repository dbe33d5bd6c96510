"""The people a user shares with: found at the server, pinned in her own index (15.1).

Every answer of a server is held against the pins: a known key is merged, another key makes the
contact *changed* and is never used. What is believed stands in the signed index and nowhere else.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import TYPE_CHECKING

from hygieia.client import answers
from hygieia.client.index_sync import IndexSync
from hygieia.client.session import Session
from hygieia.errors import CertificateChanged, InvalidInput, NotFound
from hygieia.openpgp.certificates import Certificate
from hygieia.openpgp.parameters import normalise_email
from hygieia.vault.contacts import accepted, check_new_key, find_contact, meet, verified
from hygieia.vault.index import PutContact
from hygieia.vault.people import Contact, ContactState
from hygieia.vault.safety_number import (
    is_code,
    safety_code,
    safety_number,
    same_code,
    same_number,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from hygieia.client.transport import Answer


@dataclass(frozen=True, slots=True)
class Seen:
    """A contact as it stands after asking the server.

    ``offered`` is the certificate that the server shows now: of another key than the contact's
    where that has changed, None where the server shows none.
    """

    contact: Contact
    offered: Certificate | None

    @property
    def number_key(self) -> str:
        """The key whose safety number is to be compared: the offered one of a changed contact."""
        if self.contact.state is ContactState.CHANGED and self.offered is not None:
            return self.offered.key_id
        return self.contact.key


@dataclass(slots=True)
class Contacts:
    """The contacts of an open vault."""

    session: Session
    index: IndexSync

    def list(self) -> Sequence[Contact]:
        """The contacts, in the order in which they were met."""
        return list(self.index.state.contacts())

    async def look_up(self, email: str) -> Seen:
        """Ask the server for ``email`` and hold the answer against the pin.

        A person met for the first time is pinned, unverified.

        Raises:
            InvalidInput: no email address, or one's own.
            NotFound: nobody with this email has a vault there, and nobody is pinned.
            CertificateRefused: what the server shows is no usable certificate, or another contact's.
        """
        email = normalise_email(email)
        if email == self.session.profile.email:
            raise InvalidInput("This is your own email address.")
        # Another device may have decided about this person since the index was read.
        await self.index.refresh()
        known = find_contact(self.index.state.contacts(), email)
        try:
            answer = (await self._find(email)).document
        except NotFound:
            if known is None:
                raise
            return Seen(known, None)
        armored, name = answers.text(answer, "certificate"), answers.text(answer, "name")
        offered = await asyncio.to_thread(Certificate.parse, armored)
        if offered.key_id == self.session.key.key_id:
            raise InvalidInput("The server shows your own key for somebody else's email address.")
        check_new_key(self.index.state.contacts(), offered, email)
        met = await asyncio.to_thread(meet, known, offered, email=email, name=name)
        if met != known:
            await self.index.change([PutContact(met)])
        return Seen(met, offered)

    async def safety_number(self, seen: Seen) -> str:
        """The number to compare with this person, by voice or face to face."""
        return await asyncio.to_thread(safety_number, self.session.key.key_id, seen.number_key)

    def safety_code(self, seen: Seen) -> str:
        """What the QR code holds: the same on both screens."""
        return safety_code(self.session.key.key_id, seen.number_key)

    async def is_same(self, seen: Seen, typed: str) -> bool:
        """Whether ``typed``, a number read out or a code scanned, is the one of this person.

        Raises ``InvalidInput`` when it is neither.
        """
        if is_code(typed):
            return same_code(self.safety_code(seen), typed)
        return same_number(await self.safety_number(seen), typed)

    async def verify(self, email: str, number: str) -> Contact:
        """Enter that both have compared ``number``, which the other one read out.

        Raises:
            InvalidInput: it is no safety number.
            CertificateChanged: the numbers differ, or the key changed and was not accepted.
        """
        seen = await self.look_up(email)
        if not await self.is_same(seen, number):
            raise CertificateChanged(
                "The numbers do not match. Someone may be pretending to be "
                f"{seen.contact.email}. Nothing was changed.",
                hint="Reach them another way and compare again. Share nothing until it matches.",
            )
        contact = verified(seen.contact, seen.number_key)
        if contact != seen.contact:
            await self.index.change([PutContact(contact)])
        return contact

    async def accept(self, email: str) -> Contact:
        """Take the new key of a contact whose key has changed: unverified until compared.

        Raises:
            InvalidInput: it has not changed.
            NotFound: nobody is known under this email, or the server shows no key.
        """
        seen = await self.look_up(email)
        if seen.offered is None:
            raise NotFound("The server shows no key for this person now.")
        contact = accepted(seen.contact, seen.offered)
        await self.index.change([PutContact(contact, instead_of=seen.contact.key)])
        return contact

    async def _find(self, email: str) -> Answer:
        try:
            return await self.session.transport.call(
                "POST", "/people/find", body={"email": email}, repeatable=True
            )
        except NotFound as error:
            hint = "Ask them to sign up, or check the spelling."
            raise NotFound(str(error), hint=hint) from None
