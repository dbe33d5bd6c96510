"""Giving back after a lost key: what is somebody's, and what makes a key one's own again.

docs/spec/19-re-key-and-give-back.md §4 and §5. Pure rules; nothing here believes a server.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from hygieia.errors import CertificateRefused, NoteRefused
from hygieia.openpgp.certificates import Certificate
from hygieia.openpgp.notes import Verdict
from hygieia.openpgp.packets import pkesk_digest
from hygieia.openpgp.session_keys import unwrap_each
from hygieia.vault.people import Contact, ContactState, FormerKey, People
from hygieia.vault.report import Report

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from hygieia.openpgp.keys import UnlockedKey
    from hygieia.vault.report_entry import ReportEntry
    from hygieia.vault.report_meta import ReportMeta
    from hygieia.vault.share_note import VerifiedShare


def keys_before(contact: Contact) -> frozenset[str]:
    """Keys that the contact had before: what is theirs was made with one of these.

    Of a *changed* contact that is the pinned key itself, as long as the new one is not accepted.
    """
    keys = {each.key for each in (*contact.former_keys, *contact.superseded)}
    return frozenset(keys | ({contact.key} if contact.state is ContactState.CHANGED else set()))


def theirs(contact: Contact, entries: Iterable[ReportEntry]) -> list[ReportEntry]:
    """The reports of one's index that the contact owned or wrote with a key she had before."""
    keys = keys_before(contact)
    return [
        entry
        for entry in entries
        if entry.deleted is None and (entry.owner in keys or entry.author in keys)
    ]


def _former_key_of(contact: Contact, meta: ReportMeta) -> FormerKey | None:
    """The key that the contact had before and by which the report is hers, if it is."""
    had = {each.key: each for each in (*contact.former_keys, *contact.superseded)}
    return had.get(meta.owner) or had.get(meta.author)


def former_keys_of(contacts: Iterable[Contact], meta: ReportMeta) -> dict[str, FormerKey]:
    """By the key of now, of those of ``contacts`` who had the key by which the report is theirs."""
    had = ((each.key, _former_key_of(each, meta)) for each in contacts)
    return {key: former for key, former in had if former is not None}


@dataclass(frozen=True, slots=True)
class GivenBack:
    """A report that opens again: ``former`` is the key by which it was hers, as ``giver`` says."""

    report: Report
    former: FormerKey
    giver: Contact


def as_opened_by(report: Report, pkesk: str, key: UnlockedKey) -> Report:
    """``report`` as the packet of this digest opens it: a header may have several for one key.

    Somebody who never knew her former key may have shared it with her too, and which of the two
    packets was tried first is chance. The same report where ``key`` does not open it by that one.
    """
    named = [packet for packet in report.packets if pkesk_digest(packet) == pkesk]
    for unwrapped in unwrap_each(named, key):
        if unwrapped.session_key == report.session_key:
            return replace(report, own_packet=unwrapped.packet)
    return report


def check_given_back(
    report: Report,
    said: VerifiedShare,
    me: Certificate,
    people: People,
    contacts: Sequence[Contact],
) -> GivenBack:
    """What ``said``, the note for the packet that opened ``report``, gives back to ``me``.

    Raises:
        NoteRefused: it gives nothing back, is not by a verified contact, names another packet or
            key, or claims somebody else's key for hers.
        CertificateRefused: the former certificate is none, or not of this email and time.
    """
    former = said.share.former
    if former is None:
        raise NoteRefused("The share note gives nothing back.")
    if said.share.reader != me.key_id or report.own_packet is None:
        raise NoteRefused("The share note is for somebody else.")
    if said.share.pkesk != pkesk_digest(report.own_packet):
        raise NoteRefused("The share note names another packet than the one that opened.")
    giver = _verified(said, people, contacts)
    if former.key not in (report.meta.owner, report.meta.author):
        raise NoteRefused("The share note names a former key that the report does not.")
    others = people.is_known(former.key) and not people.is_me(former.key)
    if former.key == me.key_id or others:
        raise NoteRefused("The share note names somebody else's key as a former one of yours.")
    _check_certificate(former, me)
    if report.meta.author == former.key and report.verdict is not Verdict.VALID:
        raise NoteRefused("The report is not signed by the former key that wrote it.")
    return GivenBack(report, former, giver)


def _verified(said: VerifiedShare, people: People, contacts: Sequence[Contact]) -> Contact:
    person = people.person(said.signer)
    giver = next((each for each in contacts if each.key == person), None)
    if giver is None or giver.state is not ContactState.VERIFIED:
        raise NoteRefused("Only a verified contact can give a report back.")
    if said.verdict is not Verdict.VALID:
        raise NoteRefused(f"The signature of a share note: {said.verdict.value}.")
    return giver


def _check_certificate(former: FormerKey, me: Certificate) -> None:
    certificate = Certificate.parse(former.certificate)
    if certificate.key_id != former.key:
        raise CertificateRefused("A former key's certificate is another key's.")
    if certificate.email != me.email:
        raise CertificateRefused("A former key's certificate does not have your email address.")
    if certificate.created > me.created:
        raise CertificateRefused("A former key's certificate is newer than your own.")
