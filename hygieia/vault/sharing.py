"""Changing who reads a report: the header is wrapped anew, nothing else (docs/spec/16-sharing.md).

Both payloads keep their octets and CIDs, so a change of readers writes four small blocks whatever
the content's size: a header leaf, two file nodes and the directory.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import TYPE_CHECKING, Final

from hygieia.errors import (
    CertificateChanged,
    CertificateRefused,
    CredentialsError,
    Forbidden,
    InvalidInput,
    LimitExceeded,
    RecipientRefused,
)
from hygieia.ipld.block import Block
from hygieia.ipld.builder import Built, directory, join, leaf
from hygieia.ipld.shapes import DATA_NAME, META_NAME
from hygieia.openpgp.certificates import Certificate
from hygieia.openpgp.envelope import rewrap
from hygieia.openpgp.packets import pkesk_digest
from hygieia.vault.contacts import check_recipients
from hygieia.vault.people import Contact
from hygieia.vault.report_build import Recipient
from hygieia.vault.report_entry import ReportEntry
from hygieia.vault.share_note import Reader, Readers, Share, sign_share, unnoted_packets

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Sequence

    from hygieia.openpgp.keys import UnlockedKey
    from hygieia.vault.delegations import Chosen
    from hygieia.vault.people import FormerKey, People
    from hygieia.vault.report import Report


MAX_PEOPLE_AT_ONCE: Final = 100


def check_number_of_people(count: int) -> None:
    """Raises ``LimitExceeded`` above 100 people in one step."""
    if count > MAX_PEOPLE_AT_ONCE:
        raise LimitExceeded(
            f"A report is shared with at most {MAX_PEOPLE_AT_ONCE} people at once.",
            hint="Share with some of them first, then with the others.",
        )


@dataclass(frozen=True, slots=True)
class Reshared:
    """A report with other readers. ``blocks`` are the four new ones, the root last.

    ``notes`` are the share notes to hand in with the root, one a packet added, in the order of
    ``added``: the readers as the index lists them.
    """

    root: Built
    blocks: tuple[Block, ...]
    entry: ReportEntry
    notes: tuple[bytes, ...] = field(repr=False)
    added: tuple[Reader, ...] = ()


def add_readers(
    report: Report,
    certificates: Sequence[Certificate],
    *,
    key: UnlockedKey,
    created: str,
    delegations: Mapping[str, str] | None = None,
    former: Mapping[str, FormerKey] | None = None,
) -> Reshared:
    """Give ``report`` to more people. Anyone who can read it may.

    ``delegations`` names, by key id, the delegation that a reader is added for; ``former``, as
    well by key id, the key that a reader had before, to whom the report is given back. Raises
    ``InvalidInput`` for oneself or nobody, ``CertificateRefused`` for a key that may not be
    encrypted to, ``LimitExceeded`` above 1,024 packets.
    """
    people = {certificate.key_id: certificate for certificate in certificates}
    if not people:
        raise InvalidInput("Name someone to share the report with.")
    if key.key_id in people:
        raise InvalidInput("You can read this report already: share it with somebody else.")
    wrapped = rewrap(b"".join(report.packets), report.session_key, add=[*people.values()])
    recipients = map(Recipient, people, wrapped.added)
    added, notes = note_readers(
        report.meta.id,
        recipients,
        key=key,
        created=created,
        delegations=delegations,
        former=former,
    )
    return replace(_with_header(report, wrapped.octets), notes=notes, added=added)


def drop_readers(report: Report, packets: Collection[str], people: People) -> Reshared:
    """Take packets, by digest, off the report's header. Only its owner may, and never her own.

    Whoever could read it keeps what she has: the session key stays the same until a re-key.
    Raises ``Forbidden``, ``InvalidInput`` when there is nothing to drop, and ``RecipientRefused``
    for the packet that the owner's own key opens.
    """
    if not people.is_me(report.meta.owner):
        raise Forbidden("Only the owner of a report can take readers off it.")
    if not packets:
        raise InvalidInput("Nobody is taken off the report: it is not shared with them.")
    if own_packets(report, people) & set(packets):
        raise RecipientRefused("Your own key is not taken off your report.")
    return _with_header(
        report, rewrap(b"".join(report.packets), report.session_key, drop=packets).octets
    )


def note_readers(
    report_id: str,
    recipients: Iterable[Recipient],
    *,
    key: UnlockedKey,
    created: str,
    delegations: Mapping[str, str] | None = None,
    owner: str | None = None,
    former: Mapping[str, FormerKey] | None = None,
) -> tuple[tuple[Reader, ...], tuple[bytes, ...]]:
    """Readers and their notes for the recipients of a new header; the owner's own needs none.

    ``owner`` is her key id, where she is not the signer.
    """
    by_delegation, had = delegations or {}, former or {}
    readers = tuple(
        Reader(each.key, each.pkesk, by_delegation.get(each.key))
        for each in recipients
        if each.key != (owner or key.key_id)
    )
    return readers, tuple(
        sign_share(
            key,
            Share(report_id, each.key, each.pkesk, each.delegation, created, had.get(each.key)),
        )
        for each in readers
    )


class Why(StrEnum):
    """Why a reader does not go on reading under a new session key (docs/spec/19 §1)."""

    REMOVED = "removed"
    STRANGER = "stranger"
    CHANGED = "changed"
    UNUSABLE = "unusable"
    UNVERIFIED = "unverified"
    """A delegation acts, but her safety number is no longer one that was compared."""
    LAPSED = "lapsed"
    """Her delegation is over."""


@dataclass(frozen=True, slots=True)
class LeftOut:
    """A reader left out, for the owner to see; ``contact`` is None for a stranger's key."""

    key: str
    why: Why
    contact: Contact | None = None


@dataclass(frozen=True, slots=True)
class NextReaders:
    """Who is wrapped a new session key: ``certificates``; ``left_out`` are those who are not.

    ``unnamed`` counts packets that no note names and the owner's key does not open (RC-04): they
    end with the session key. ``delegations`` tells who reads it by which, by key id. ``before``
    are the keys of all who read it until now: what they read stays open to them.
    """

    certificates: tuple[Certificate, ...]
    left_out: tuple[LeftOut, ...]
    unnamed: int = 0
    delegations: Mapping[str, str] = field(default_factory=dict)
    before: tuple[str, ...] = ()

    def with_delegates(
        self, chosen: Chosen, readers: Readers, people: People, contacts: Iterable[Contact]
    ) -> NextReaders:
        """The same with those for whom a delegation acts now and who do not read it by hand.

        Whom the owner has taken off is not brought back by a delegation. ``contacts`` name those
        whose delegation acts no more.
        """
        by_hand = {each.key_id for each in self.certificates}
        more = [
            each
            for each in not_removed(chosen.certificates, readers, people)
            if each.key_id not in by_hand
        ]
        by = chosen.delegations or {}
        certificates = (*self.certificates, *more)
        known = [each.key_id for each in certificates] + [each.key for each in self.left_out]
        return replace(
            self,
            certificates=certificates,
            left_out=(
                *self.left_out,
                *delegates_left_out(chosen, readers, people, contacts, known),
            ),
            delegations={each.key_id: by[each.key_id] for each in more},
        )


def delegates_left_out(
    chosen: Chosen,
    readers: Readers,
    people: People,
    contacts: Iterable[Contact],
    known: Iterable[str],
) -> tuple[LeftOut, ...]:
    """The delegates who do not read a report: of ``chosen``, and of ``readers``, each once.

    Without those under ``known`` keys, and whom the owner took off it.
    """
    by_person = {contact.key: contact for contact in contacts}
    ended = [
        LeftOut(each.key, Why.LAPSED, by_person.get(people.person(each.key)))
        for each in readers.readers
        if each.delegation is not None
    ]
    seen = {people.person(key) for key in (*known, *readers.removed, *readers.kept_out)}
    found: dict[str, LeftOut] = {}
    for each in (*chosen.left_out, *chosen.lapsed, *ended):
        person = people.person(each.key)
        if person not in seen and not people.is_me(person):
            found.setdefault(person, each)
    return tuple(found.values())


def next_readers(
    readers: Readers, contacts: Iterable[Contact], people: People, report: Report | None = None
) -> NextReaders:
    """Who goes on reading a report whose session key is new (docs/spec/19).

    Left out: whom the owner has taken off, whatever notes are shown for them (G9); who is no pinned
    contact, a contact whose key has changed, and keys that may not be encrypted to now. They are
    named to the owner, who may share with them again. Who reads it by a delegation goes on by
    ``with_delegates`` alone. ``report``, where given, tells of packets that nobody noted.
    """
    by_person = {contact.key: contact for contact in contacts}
    kept: dict[str, Certificate] = {}
    left_out: dict[str, LeftOut] = {}
    for reader in readers.readers:
        # Her own was noted by whoever gave the report back to her: the owner needs no note.
        if reader.delegation is not None or people.is_me(reader.key):
            continue
        contact = by_person.get(people.person(reader.key))
        if any(people.same(reader.key, gone) for gone in readers.removed):
            left_out[reader.key] = LeftOut(reader.key, Why.REMOVED, contact)
            continue
        try:
            [certificate] = check_recipients([contact] if contact else [], 1)
        except (ValueError, CredentialsError, CertificateRefused) as error:
            left_out[reader.key] = LeftOut(reader.key, why_not(contact, error), contact)
        else:
            kept[certificate.key_id] = certificate
    unnamed = 0
    if report is not None:
        own = report.own_packet or b""
        unnamed = len(unnoted_packets(report.packets, readers.readers, own))
    before = tuple(each.key for each in readers.readers)
    return NextReaders(tuple(kept.values()), tuple(left_out.values()), unnamed, before=before)


def why_not(contact: Contact | None, error: Exception) -> Why:
    """Why ``check_recipients`` refused ``contact``."""
    if contact is None:
        return Why.STRANGER
    if isinstance(error, Forbidden):
        return Why.UNVERIFIED
    return Why.CHANGED if isinstance(error, CertificateChanged) else Why.UNUSABLE


def not_removed(
    certificates: Iterable[Certificate], readers: Readers, people: People
) -> list[Certificate]:
    """Those of persons whom the owner has not taken off the report, unless by hand given it again."""
    gone = {people.person(key) for key in (*readers.removed, *readers.kept_out)}
    return [each for each in certificates if people.person(each.key_id) not in gone]


def with_added(readers: Readers, added: Sequence[Reader], people: People) -> Readers:
    """The index's entry once ``added`` read the report too.

    Who is added again is no more removed, under whichever of her keys.
    """
    back = {people.person(reader.key) for reader in added}
    return replace(
        readers,
        readers=(*readers.readers, *added),
        removed=tuple(key for key in readers.removed if people.person(key) not in back),
        kept_out=tuple(key for key in readers.kept_out if people.person(key) not in back),
    )


def own_packets(report: Report, people: People) -> frozenset[str]:
    """Digest of the packet by which the owner opened her own report: no note makes it another's."""
    if report.own_packet is None or not people.is_me(report.meta.owner):
        return frozenset()
    return frozenset({pkesk_digest(report.own_packet)})


def packets_of(readers: Readers, people: People, person: str) -> list[str]:
    """Digests of every packet noted for ``person``, under whichever of her keys."""
    return [reader.pkesk for reader in readers.readers if people.same(reader.key, person)]


def without(readers: Readers, people: People, person: str) -> Readers:
    """The index's entry once ``person`` was unshared: the next change makes the session key new.

    And no delegation brings her back.
    """
    gone = [reader for reader in readers.readers if people.same(reader.key, person)]
    kept = tuple(reader for reader in readers.readers if reader not in gone)
    removed = dict.fromkeys((*readers.removed, *(reader.key for reader in gone)))
    packets = dict.fromkeys((*readers.removed_packets, *(reader.pkesk for reader in gone)))
    kept_out = dict.fromkeys((*readers.kept_out, *(reader.key for reader in gone)))
    return replace(
        readers,
        readers=kept,
        removed=tuple(removed),
        removed_packets=tuple(packets),
        kept_out=tuple(kept_out),
    )


def _with_header(report: Report, header: bytes) -> Reshared:
    encrypted = report.encrypted
    header_block, built = leaf(header)
    data_block, data_file = join(built, encrypted.data)
    meta_block, meta_file = join(built, encrypted.meta)
    root_block, root = directory([(DATA_NAME, data_file), (META_NAME, meta_file)])
    entry = ReportEntry.of(report.meta, cid=str(root.cid), meta_payload_cid=str(encrypted.meta.cid))
    return Reshared(root, (header_block, data_block, meta_block, root_block), entry, ())
