"""Whom a report is encrypted to, decided when its header is made (docs/spec/17-delegations.md §3, §5).

Nobody is named by a server: one's own reports are for oneself and for the delegates of one's own
index, what is stored for somebody else is for her and its author.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final, Protocol

from hygieia.client.contacts import Contacts
from hygieia.errors import CertificateChanged, DelegationRefused, LimitExceeded
from hygieia.openpgp.certificates import Certificate
from hygieia.openpgp.times import now
from hygieia.vault.contacts import check_recipients
from hygieia.vault.delegations import Delegations
from hygieia.vault.share_note import Readers
from hygieia.vault.sharing import LeftOut, note_readers

if TYPE_CHECKING:
    from collections.abc import Iterable

    from hygieia.client.index_sync import IndexSync
    from hygieia.client.session import Session
    from hygieia.vault.index import IndexState
    from hygieia.vault.people import Contact
    from hygieia.vault.report_build import Recipient
    from hygieia.vault.report_meta import Draft

MAX_DELEGATES: Final = 512
"""Delegates of one report: their notes travel in one request of at most 1 MiB."""

_FRESH_SECONDS: Final = 30.0


@dataclass(frozen=True, slots=True)
class Sealing:
    """Who will read one report: ``certificates`` with its owner's, whose packet needs no note.

    ``left_out``: delegates who cannot be encrypted to now, or whose delegation just ran out.
    """

    owner: str
    certificates: tuple[Certificate, ...]
    delegations: Mapping[str, str] = field(default_factory=dict)
    left_out: tuple[LeftOut, ...] = ()

    def note(
        self, report_id: str, recipients: Iterable[Recipient], session: Session, created: str
    ) -> tuple[Readers, tuple[bytes, ...]]:
        """The readers that the index lists, and the notes to hand in, of a header just made."""
        added, notes = note_readers(
            report_id,
            recipients,
            key=session.key,
            created=created,
            delegations=self.delegations,
            owner=self.owner,
        )
        return Readers(report_id, added), notes


class Recipients(Protocol):
    """Decides whom reports are encrypted to."""

    @property
    def owner(self) -> str:
        """Key id of whose reports they are."""

    @property
    def owner_email(self) -> str | None:
        """Under which the server knows her, where she is not the caller."""

    async def refresh(self) -> None:
        """Read the index again, unless it was just read: other devices may have ended something."""

    def of(self, draft: Draft) -> Sealing:
        """Who reads a report that is sealed now. Takes milliseconds: call it in a thread."""


class OwnRecipients:
    """The user and her delegates, by her own index."""

    owner_email: str | None = None

    def __init__(self, session: Session, index: IndexSync) -> None:
        self._session = session
        self._index = index
        self._read: float | None = None
        self._table: tuple[IndexState, Delegations] | None = None

    @property
    def owner(self) -> str:
        """The user's own key id."""
        return self._session.key.key_id

    async def refresh(self) -> None:
        """Read the index again, unless it was just read. Raises as ``IndexSync.refresh``."""
        if self._read is None or time.monotonic() - self._read > _FRESH_SECONDS:
            await self._index.refresh()
            self._read = time.monotonic()

    def of(self, draft: Draft) -> Sealing:
        """Who reads a report that is sealed now. Raises ``LimitExceeded`` for too many delegates."""
        me = self._session.key.certificate
        chosen = self._delegations().readers(draft, draft.profession, now())
        if len(chosen.certificates) > MAX_DELEGATES:
            raise LimitExceeded(
                f"A report has at most {MAX_DELEGATES} delegates.",
                hint="End some: hygieia delegations",
            )
        return Sealing(
            me.key_id,
            (me, *chosen.certificates),
            chosen.delegations or {},
            (*chosen.left_out, *chosen.lapsed),
        )

    def _delegations(self) -> Delegations:
        state = self._index.state
        if self._table is None or self._table[0] is not state:
            self._table = (state, delegations_of(state, self._session))
        return self._table[1]


class ForAnother:
    """A person who lets the user store for her, and the user as author."""

    def __init__(self, session: Session, index: IndexSync, contact: Contact, reports: int) -> None:
        """``reports``: how many will be stored. Raises as ``check_recipients``."""
        self._session = session
        self._index = index
        self._contact = contact
        self._reports = reports
        self._read = time.monotonic()
        [self._certificate] = check_recipients([contact], reports)

    @property
    def owner(self) -> str:
        """The other person's key id."""
        return self._certificate.key_id

    @property
    def owner_email(self) -> str | None:
        """Under which the server knows her."""
        return self._contact.email

    async def refresh(self) -> None:
        """Read the index and her certificate again, unless they were just read.

        Her key may have been revoked or have changed while a long file was on its way. Raises as
        ``check_recipients``, ``Contacts.look_up`` and ``IndexSync.refresh``.
        """
        if time.monotonic() - self._read <= _FRESH_SECONDS:
            return
        await self._index.refresh()
        contact = (await Contacts(self._session, self._index).look_up(self._contact.email)).contact
        [certificate] = check_recipients([contact], self._reports)
        if certificate.key_id != self.owner:
            raise CertificateChanged(
                f"The key of {contact.email} changed while this was stored for them. "
                "The rest was not stored.",
                hint="Run the same command again: it goes on with their new key.",
            )
        self._contact, self._certificate, self._read = contact, certificate, time.monotonic()

    def of(self, draft: Draft) -> Sealing:
        """The two of them. Raises ``DelegationRefused`` where she gave no right to store this."""
        held = delegations_of(self._index.state, self._session)
        if held.upload_right(draft, draft.profession, now()) is None:
            raise DelegationRefused(
                f"{self._contact.email} has not given you the right to store this for them.",
                hint="See what you were given: hygieia delegations. Or ask them for: "
                "hygieia delegate YOUR-EMAIL --rights upload",
            )
        return Sealing(self.owner, (self._certificate, self._session.key.certificate))


def delegations_of(state: IndexState, session: Session) -> Delegations:
    """The index's delegations, verified: half a millisecond each."""
    people = state.people(session.key.certificate)
    return Delegations(state.delegations(), people, state.contacts())
