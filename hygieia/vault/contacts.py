"""Contacts: pinned on first use, verified by the safety number, never changed silently.

docs/spec/15-people.md §1. Pure rules: what a server answers is a ``Certificate`` somebody claims
belongs to an email; what is believed stands in the person's own index.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from hygieia.errors import CertificateChanged, CertificateRefused, Forbidden, InvalidInput
from hygieia.openpgp.certificates import Certificate
from hygieia.vault.people import Contact, ContactState, FormerKey

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence


def find_contact(contacts: Iterable[Contact], email: str) -> Contact | None:
    """The contact with this normalised email, if one is pinned."""
    return next((contact for contact in contacts if contact.email == email), None)


def check_new_key(contacts: Iterable[Contact], found: Certificate, email: str) -> None:
    """A key is one person's: another contact's, of now or before, is not entered under ``email``.

    Otherwise a server could answer for anybody with a pinned key, and so move the pin to that
    email; the person whose it was would be met anew, under whatever key it shows (MS-11).
    Raises ``CertificateRefused``.
    """
    for contact in contacts:
        former = {each.key for each in (*contact.former_keys, *contact.superseded)}
        if contact.email != email and found.key_id in {contact.key, *former}:
            raise CertificateRefused(
                f"The server shows for {email} a key of {contact.email}. Nothing was changed.",
                hint=f"Ask them. To share with {contact.email}, name that email.",
            )


def meet(known: Contact | None, found: Certificate, *, email: str, name: str = "") -> Contact:
    """What the index says of ``email`` after a server answered with ``found``.

    Nobody known: pinned, unverified. The same key: its certificate merged. Another key: the state
    becomes *changed* and the pinned certificate stays (MS-11). Compare with ``known`` to learn
    whether anything has to be written.

    Raises ``CertificateRefused`` when ``found`` cannot be merged.
    """
    if known is None:
        return Contact(
            key=found.key_id,
            certificate=found.armored,
            state=ContactState.UNVERIFIED,
            name=name or found.name,
            email=email,
        )
    if found.key_id != known.key:
        return replace(known, state=ContactState.CHANGED)
    pinned = Certificate.parse(known.certificate)
    merged = pinned.merge(found)
    return known if merged is pinned else replace(known, certificate=merged.armored)


def verified(contact: Contact, key: str) -> Contact:
    """The contact once both have compared the number of ``key``. Raises ``CertificateChanged``.

    What was pinned before the key that was compared now counts as the same person. A *changed*
    contact whose pinned key is compared is that person after all: the server had shown another.
    """
    if key != contact.key:
        raise _changed(contact)
    return replace(
        contact,
        state=ContactState.VERIFIED,
        former_keys=(*contact.former_keys, *contact.superseded),
        superseded=(),
    )


def accepted(contact: Contact, found: Certificate) -> Contact:
    """The contact with its new key, which the person decided to take: unverified until compared.

    The old key is remembered, but counts as the same person only once the new one is verified.
    Raises ``InvalidInput`` when there is nothing to decide.
    """
    if contact.state is not ContactState.CHANGED or found.key_id == contact.key:
        raise InvalidInput(f"The key of {contact.email} has not changed.")
    old = FormerKey(contact.key, contact.certificate)
    known = {former.key for former in (*contact.former_keys, *contact.superseded)}
    superseded = contact.superseded if old.key in known else (*contact.superseded, old)
    return replace(
        contact,
        key=found.key_id,
        certificate=found.armored,
        state=ContactState.UNVERIFIED,
        superseded=tuple(former for former in superseded if former.key != found.key_id),
    )


def compared(contact: Contact, offered: Certificate) -> Contact:
    """The contact once the number of ``offered`` was compared: accepted, if need be, and verified.

    The one step of the give-back action (docs/spec/19-re-key-and-give-back.md §4).
    """
    if contact.state is ContactState.CHANGED and offered.key_id != contact.key:
        contact = accepted(contact, offered)
    return verified(contact, offered.key_id)


def check_recipients(contacts: Sequence[Contact], reports: int) -> list[Certificate]:
    """The certificates to encrypt ``reports`` reports to.

    Raises:
        CertificateChanged: a contact's key changed and was not compared yet, accepted or not.
        Forbidden: more than one report for somebody whose safety number was not compared.
        CertificateRefused: a certificate is revoked, expired or of no accepted kind.
    """
    certificates = []
    for contact in contacts:
        if contact.state is ContactState.CHANGED:
            raise _changed(contact)
        if not contact.is_confirmed:
            raise CertificateChanged(
                f"The new key of {contact.email} was accepted, but not compared yet. "
                "Nothing was shared.",
                hint=f"Compare safety numbers first: hygieia contacts show {contact.email}",
            )
        if contact.state is ContactState.UNVERIFIED and reports > 1:
            raise Forbidden(
                f"{contact.email} is not verified yet: only one report at a time can be shared.",
                hint=f"Compare safety numbers first: hygieia contacts show {contact.email}",
            )
        certificate = Certificate.parse(contact.certificate)
        certificate.encryption_subkey()
        certificates.append(certificate)
    return certificates


def _changed(contact: Contact) -> CertificateChanged:
    return CertificateChanged(
        f"The key of {contact.email} has changed. It may be a new device, "
        "or someone who pretends to be them. Nothing was shared.",
        hint=f"Call them, then: hygieia contacts show {contact.email}",
    )
