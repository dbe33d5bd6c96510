"""Which delegations act on a report, by the user's own index (docs/spec/17-delegations.md §2).

Nothing here asks a server: a delegation acts because its note stands in the signed index, the
certificate pinned there verifies it, and no end stands in its place (threats MS-19, MS-20, RC-07).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Final, Protocol

from hygieia.errors import (
    CertificateRefused,
    CredentialsError,
    DelegationRefused,
    NoteRefused,
    RecipientRefused,
)
from hygieia.limits import CLOCK_SKEW_SECONDS
from hygieia.openpgp.certificates import Certificate
from hygieia.openpgp.notes import Verdict, read_note
from hygieia.openpgp.times import parse_time
from hygieia.vault.contacts import check_recipients
from hygieia.vault.delegation import (
    DELEGATION_CONTEXT,
    END_CONTEXT,
    Delegation,
    DelegationEnd,
    Right,
    Words,
)
from hygieia.vault.sharing import LeftOut, Why, why_not

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator

    from hygieia.vault.index import DelegationNote
    from hygieia.vault.people import Contact, People
    from hygieia.vault.share_note import Readers

MAX_CHAIN: Final = 8
_SKEW: Final = timedelta(seconds=CLOCK_SKEW_SECONDS)
_MORE_THAN_ONE: Final = 2
_NAMED_WHEN_LAPSED: Final = timedelta(days=30)


class Facts(Protocol):
    """What a delegation is held against: a draft, a meta, an entry of the index."""

    @property
    def owner(self) -> str:
        """Key id of whose report it is."""

    @property
    def subject(self) -> str:
        """Whose record it is."""

    @property
    def category(self) -> str:
        """A slug."""


@dataclass(frozen=True, slots=True)
class Chosen:
    """Who reads a report besides its owner, by delegation.

    ``delegations`` tells, by key id of the certificate, which delegation it is by. ``left_out``
    are those for whom a delegation acts and who cannot be encrypted to now, ``lapsed`` those whose
    delegation ran out less than 30 days ago.
    """

    certificates: tuple[Certificate, ...] = ()
    delegations: Mapping[str, str] | None = None
    left_out: tuple[LeftOut, ...] = ()
    lapsed: tuple[LeftOut, ...] = ()

    def is_outgrown_by(self, listed: Readers) -> bool:
        """Whether somebody reads a report by a delegation of whom none acts on it any more."""
        acting = self.delegations or {}
        return any(
            each.delegation is not None and each.key not in acting for each in listed.readers
        )

    def among(self, persons: Collection[str], people: People) -> Chosen:
        """Those of them, by the keys of now, who are among ``persons``."""
        kept = [each for each in self.certificates if people.person(each.key_id) in persons]
        by = self.delegations or {}
        return Chosen(
            tuple(kept),
            {each.key_id: by[each.key_id] for each in kept},
            tuple(each for each in self.left_out if people.person(each.key) in persons),
            tuple(each for each in self.lapsed if people.person(each.key) in persons),
        )


class Delegations:
    """The delegations of one index, given and received, each verified once.

    Building one takes half a millisecond a note: build it in a thread.
    """

    def __init__(
        self, notes: Iterable[DelegationNote], people: People, contacts: Iterable[Contact]
    ) -> None:
        self._people = people
        self._contacts = {contact.key: contact for contact in contacts}
        self._live: dict[str, Delegation] = {}
        self.ended: dict[str, DelegationEnd] = {}
        self.refused: dict[str, str] = {}
        for row in notes:
            self._take(row)

    def _take(self, row: DelegationNote) -> None:
        try:
            if row.is_end:
                note = read_note(row.note["note"], row.note["signature"], END_CONTEXT)
                self.ended[row.id] = DelegationEnd.from_body(note.body)
            else:
                self._live[row.id] = open_delegation(row.note, self._people)
        except (NoteRefused, DelegationRefused, CertificateRefused, KeyError) as error:
            self.refused[row.id] = str(error)

    def __iter__(self) -> Iterator[Delegation]:
        return iter(self._live.values())

    def find(self, delegation_id: str) -> Delegation | None:
        """A delegation that has not ended and whose note verifies."""
        return self._live.get(delegation_id)

    def given(self) -> list[Delegation]:
        """Those about the user's own record: by her, or passed on and confirmed by her."""
        return [each for each in self._live.values() if self._people.is_me(each.record_of)]

    def received(self) -> list[Delegation]:
        """Those to the user."""
        return [each for each in self._live.values() if self._people.is_me(each.receiver)]

    def below(self, delegation_id: str) -> list[Delegation]:
        """What was passed on from a delegation, however far."""
        found: list[Delegation] = []
        parents = {delegation_id}
        while parents:
            children = [each for each in self._live.values() if each.parent in parents]
            children = [each for each in children if each not in found]
            found += children
            parents = {each.id for each in children}
        return found

    def acts(self, delegation: Delegation, at: datetime, right: Right) -> bool:
        """Whether it is in force at ``at`` with ``right``, whatever the report (17.2, 1-3 and 5)."""
        try:
            self._require_chain(delegation, at)
        except DelegationRefused:
            return False
        return right in delegation.rights

    def acting(
        self, facts: Facts, profession: str | None, at: datetime, right: Right
    ) -> list[Delegation]:
        """Those that act on a report of the user's own, the one that counts first for each person."""
        if not self._people.is_me(facts.owner):
            return []
        found = [
            each
            for each in self.given()
            if self.covers(each, facts, profession) and self.acts(each, at, right)
        ]
        return sorted(found, key=lambda each: (_reversed(each.expires), each.id))

    def may_cover(self, delegation: Delegation, facts: Facts) -> bool:
        """Whether it is about the report as far as an index tells, which says no profession."""
        scope = delegation.scope
        return self._has_subject(scope.subjects, facts.subject) and (
            scope.categories is None or facts.category in scope.categories
        )

    def covers(self, delegation: Delegation, facts: Facts, profession: str | None) -> bool:
        """Whether the report is among those that a delegation is about."""
        professions = delegation.scope.professions
        return self.may_cover(delegation, facts) and (
            professions is None or profession in professions
        )

    def readers(self, facts: Facts, profession: str | None, at: datetime) -> Chosen:
        """Whom a report that is sealed at ``at`` is encrypted to besides its owner."""
        certificates: dict[str, Certificate] = {}
        by: dict[str, str] = {}
        left_out: list[LeftOut] = []
        seen: set[str] = set()
        for delegation in self.acting(facts, profession, at, Right.READ):
            person = self._people.person(delegation.receiver)
            if person in seen or self._people.is_me(person):
                continue
            seen.add(person)
            contact = self._contacts.get(person)
            try:
                [certificate] = check_recipients([contact] if contact else [], _MORE_THAN_ONE)
            except (ValueError, CredentialsError, CertificateRefused) as error:
                left_out.append(LeftOut(person, why_not(contact, error), contact))
            else:
                certificates[certificate.key_id] = certificate
                by[certificate.key_id] = delegation.id
        lapsed = self._lapsed(facts, profession, at, seen)
        return Chosen(tuple(certificates.values()), by, tuple(left_out), tuple(lapsed))

    def _lapsed(
        self, facts: Facts, profession: str | None, at: datetime, seen: Collection[str]
    ) -> list[LeftOut]:
        """Whose delegation acted on such a report until it ran out, a while ago."""
        if not self._people.is_me(facts.owner):
            return []
        persons = dict.fromkeys(
            self._people.person(each.receiver)
            for each in self.given()
            if _SKEW < at - parse_time(each.expires) <= _NAMED_WHEN_LAPSED
            and self.covers(each, facts, profession)
            and self.acts(each, parse_time(each.expires), Right.READ)
        )
        return [
            LeftOut(person, Why.LAPSED, self._contacts.get(person))
            for person in persons
            if person not in seen and not self._people.is_me(person)
        ]

    def may_upload(
        self, author: str, facts: Facts, profession: str | None, times: Collection[datetime]
    ) -> bool:
        """Whether ``author`` may have stored a report for the user, at each of ``times``."""
        return all(
            any(
                self._people.same(each.receiver, author)
                for each in self.acting(facts, profession, at, Right.UPLOAD)
            )
            for at in times
        )

    def upload_right(self, facts: Facts, profession: str | None, at: datetime) -> Delegation | None:
        """The received delegation by which the user may store a report for its owner."""
        for each in self.received():
            hers = self._people.same(each.record_of, facts.owner)
            if (
                hers
                and Right.UPLOAD in each.rights
                and _within(each, at)
                and self.covers(each, facts, profession)
            ):
                return each
        return None

    def check_passed_on(self, delegation: Delegation, at: datetime) -> None:
        """Whether the user could confirm a re-delegation: it reaches no further than its parent.

        Raises ``DelegationRefused`` where the parent is unknown, ended, not hers, or exceeded.
        """
        self._require_chain(delegation, at)

    def _require_chain(self, delegation: Delegation, at: datetime) -> None:
        child = delegation
        for _ in range(MAX_CHAIN):
            if child.id in self.ended or not _within(child, at):
                raise DelegationRefused("The delegation is over, or has not begun.")
            if child.parent is None:
                if not self._people.is_me(child.giver):
                    raise DelegationRefused("The delegation is not yours to give.")
                return
            parent = self._live.get(child.parent)
            if parent is None:
                raise DelegationRefused("What the delegation passes on has ended or is unknown.")
            self._require_subset(child, parent)
            child = parent
        raise DelegationRefused(f"A delegation is passed on at most {MAX_CHAIN} times.")

    def _require_subset(self, child: Delegation, parent: Delegation) -> None:
        if not self._people.same(child.giver, parent.receiver):
            raise DelegationRefused("The delegation is passed on by somebody who does not hold it.")
        if not self._people.is_me(child.record_of):
            raise DelegationRefused("The delegation is about somebody else's record.")
        if Right.REDELEGATE not in parent.rights:
            raise DelegationRefused("The delegation may not be passed on.")
        if not (
            child.rights <= parent.rights
            and child.scope.within(parent.scope)
            and child.expires <= parent.expires
        ):
            raise DelegationRefused("The delegation reaches further than the one it passes on.")

    def _has_subject(self, subjects: Words, subject: str) -> bool:
        if subjects is None or subject in subjects:
            return True
        return any(self._people.same(each, subject) for each in subjects)


def open_delegation(carried: Mapping[str, str], people: People) -> Delegation:
    """Read a delegation's note and verify it by the certificate pinned for its ``from``.

    Raises ``NoteRefused`` when it is malformed, ``DelegationRefused`` when nobody pinned signed it.
    """
    note = read_note(carried["note"], carried["signature"], DELEGATION_CONTEXT)
    delegation = Delegation.from_body(note.body)
    verdict = people.judge(note, delegation.giver)
    if verdict is not Verdict.VALID:
        raise DelegationRefused(f"The signature of a delegation: {verdict.value}.")
    return delegation


def require_counted(sealed: int, counted: int) -> None:
    """Raise ``RecipientRefused`` when a server counts other recipients than were sealed (MS-19)."""
    if sealed != counted:
        raise RecipientRefused(
            f"The server names {counted} recipients; this client encrypted to {sealed}.",
            hint="Tell whoever runs the server. Look at the readers: hygieia info REPORT",
        )


def _within(delegation: Delegation, at: datetime) -> bool:
    begins, ends = parse_time(delegation.created), parse_time(delegation.expires)
    return begins - _SKEW <= at <= ends + _SKEW


def _reversed(time: str) -> float:
    """Sorts later times first."""
    return -parse_time(time).timestamp()
