"""Whom this user knows: herself, her contacts, and the keys each of them had before.

A key counts as a person only after **this** user confirmed it (docs/spec/15 §1, 19 §5): the entries
here come from her own signed index, never from a server.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from enum import StrEnum
from typing import TYPE_CHECKING, Any, Final

from hygieia.errors import CertificateRefused, IntegrityError
from hygieia.limits import (
    CLOCK_SKEW_SECONDS,
    MAX_CERTIFICATE_BYTES,
    MAX_EMAIL_BYTES,
    MAX_NAME_BYTES,
)
from hygieia.openpgp.certificates import Certificate
from hygieia.openpgp.notes import Verdict, verify_note
from hygieia.vault import words
from hygieia.vault.fields import Fields, unknown

if TYPE_CHECKING:
    from hygieia.openpgp.notes import Note

MAX_FORMER_KEYS: Final = 64
_SKEW: Final = timedelta(seconds=CLOCK_SKEW_SECONDS)


class ContactState(StrEnum):
    """How far this user trusts that a contact's key is the contact's."""

    UNVERIFIED = "unverified"
    VERIFIED = "verified"
    CHANGED = "changed"


@dataclass(frozen=True, slots=True)
class FormerKey:
    """A key that a person used before: its signatures still count as theirs."""

    key: str
    certificate: str
    extra: Mapping[str, Any] = field(default_factory=dict)

    def to_json(self) -> dict[str, Any]:
        """The object that ``former_keys`` lists."""
        return {"key": self.key, "certificate": self.certificate} | dict(self.extra)

    @classmethod
    def from_json(cls, body: Mapping[str, Any]) -> FormerKey:
        """Read one item of ``former_keys``. Raises ``IntegrityError``."""
        fields = Fields(body, IntegrityError, "A former key in the index")
        return cls(
            fields.text("key", words.is_key_id),
            fields.text("certificate", is_armored),
            unknown(body, _FORMER_KEY_FIELDS),
        )


@dataclass(frozen=True, slots=True)
class Contact:
    """An entry of the index's table ``contacts`` (docs/spec/13-index.md §4).

    ``superseded`` are keys pinned before whose successor was accepted but not compared yet: what
    they signed still verifies, but they count as nobody else (docs/spec/15-people.md §1).
    """

    key: str
    certificate: str
    state: ContactState
    name: str
    email: str
    former_keys: tuple[FormerKey, ...] = ()
    superseded: tuple[FormerKey, ...] = ()
    extra: Mapping[str, Any] = field(default_factory=dict)

    @property
    def is_confirmed(self) -> bool:
        """Whether its key may be used: not after a change that was not compared (19.4).

        Somebody met for the first time is unverified and confirmed: there was no other key.
        """
        changed = self.state is ContactState.CHANGED
        return not changed and not (self.superseded and self.state is not ContactState.VERIFIED)

    def to_json(self) -> dict[str, Any]:
        """The entry as it stands in a segment."""
        body: dict[str, Any] = {
            "key": self.key,
            "certificate": self.certificate,
            "state": str(self.state),
            "name": self.name,
            "email": self.email,
            "former_keys": [former.to_json() for former in self.former_keys],
        }
        if self.superseded:
            body["superseded"] = [former.to_json() for former in self.superseded]
        return body | dict(self.extra)

    @classmethod
    def from_json(cls, body: Mapping[str, Any]) -> Contact:
        """Read an entry. Raises ``IntegrityError``."""
        fields = Fields(body, IntegrityError, "A contact in the index")
        return cls(
            key=fields.text("key", words.is_key_id),
            certificate=fields.text("certificate", is_armored),
            state=ContactState(fields.text("state", _is_state)),
            name=fields.text("name", lambda text: len(text.encode()) <= MAX_NAME_BYTES),
            email=fields.text("email", lambda text: len(text.encode()) <= MAX_EMAIL_BYTES),
            former_keys=read_former_keys(fields),
            superseded=read_former_keys(fields, "superseded") if "superseded" in body else (),
            extra=unknown(body, _CONTACT_FIELDS),
        )


_STATES: Final = frozenset(state.value for state in ContactState)
_FORMER_KEY_FIELDS: Final = frozenset({"key", "certificate"})
_CONTACT_FIELDS: Final = frozenset(
    {"key", "certificate", "state", "name", "email", "former_keys", "superseded"}
)


def is_armored(text: str) -> bool:
    """Whether ``text`` is short enough to be a certificate; parsing it decides the rest."""
    return 0 < len(text.encode()) <= MAX_CERTIFICATE_BYTES


def read_former_keys(fields: Fields, name: str = "former_keys") -> tuple[FormerKey, ...]:
    """Read a list of former keys."""
    items = fields.list(name, MAX_FORMER_KEYS)
    if not all(isinstance(item, dict) for item in items):
        raise fields.refused(name)
    return tuple(FormerKey.from_json(item) for item in items)


def _is_state(text: str) -> bool:
    return text in _STATES


class People:
    """The pinned certificates of one user: her own, her contacts', and former ones of each.

    Certificates are parsed when first asked for (0.7 ms each).
    """

    def __init__(
        self,
        me: Certificate,
        former_keys: Iterable[FormerKey] = (),
        contacts: Iterable[Contact] = (),
    ) -> None:
        self._me = me
        self._parsed: dict[str, Certificate] = {me.key_id: me}
        self._armored: dict[str, str] = {}
        self._person: dict[str, str] = {me.key_id: me.key_id}
        for contact in contacts:
            # A changed key that was accepted and not compared yet signs as a stranger (19.4); of
            # one that is only "changed", the pinned key stands here, which is the old one.
            if contact.is_confirmed or contact.state is ContactState.CHANGED:
                self._armored.setdefault(contact.key, contact.certificate)
            self._person.setdefault(contact.key, contact.key)
            self._add_former(contact.former_keys, contact.key)
            for former in contact.superseded:
                self._armored.setdefault(former.key, former.certificate)
        self._add_former(former_keys, me.key_id)

    def _add_former(self, former_keys: Iterable[FormerKey], person: str) -> None:
        for former in former_keys:
            self._armored.setdefault(former.key, former.certificate)
            self._person.setdefault(former.key, person)

    @property
    def me(self) -> Certificate:
        """The user's own certificate, derived from the key in hand."""
        return self._me

    def certificate(self, key_id: str) -> Certificate | None:
        """The pinned certificate of ``key_id``, or None for a stranger.

        Raises ``CertificateRefused`` when what stands in the index is not that key.
        """
        if key_id not in self._parsed:
            armored = self._armored.get(key_id)
            if armored is None:
                return None
            certificate = Certificate.parse(armored)
            if certificate.key_id != key_id:
                raise CertificateRefused("A pinned certificate belongs to another key.")
            self._parsed[key_id] = certificate
        return self._parsed[key_id]

    def judge(self, note: Note, signer: str) -> Verdict:
        """What ``signer``'s signature of a note is worth to this user.

        A former key never signs again: a note made after its person's current key was made is of a
        changed key, even where it verifies (docs/spec/19-re-key-and-give-back.md §6).
        """
        certificate = self.certificate(signer)
        if certificate is None:
            return Verdict.UNKNOWN_SIGNER
        verdict = verify_note(note, certificate)
        current = self.certificate(self.person(signer))
        if verdict is not Verdict.VALID or current is None or current.key_id == signer:
            return verdict
        late = note.created > current.created + _SKEW
        return Verdict.CHANGED_KEY if late else verdict

    def is_known(self, key_id: str) -> bool:
        """Whether the key is, or was, the user's own or a contact's."""
        return key_id in self._person or key_id in self._armored

    def is_former(self, key_id: str) -> bool:
        """Whether somebody known has another key instead of this one now."""
        return self.person(key_id) != key_id

    def person(self, key_id: str) -> str:
        """The current key id of whoever has, or confirmedly had, ``key_id``."""
        return self._person.get(key_id, key_id)

    def is_me(self, key_id: str) -> bool:
        """Whether ``key_id`` is, or was, the user's own."""
        return self.person(key_id) == self._me.key_id

    def ids(self, key_id: str) -> frozenset[str]:
        """Every id under which that person, or subject, is known."""
        person = self.person(key_id)
        return frozenset({key_id, person, *(k for k, who in self._person.items() if who == person)})

    def same(self, first: str, second: str) -> bool:
        """Whether both keys are one person's."""
        return self.person(first) == self.person(second)
