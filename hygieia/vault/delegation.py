"""Notes ``hygieia delegation 1`` and ``hygieia delegation-end 1`` (docs/spec/17-delegations.md §1).

A delegation says who may read, store or pass on what will be stored from now on. Here stand the
notes' shapes; whether one acts on a report is for ``delegations`` to say.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from typing import TYPE_CHECKING, Any, Final

from hygieia.errors import HygieiaError, InvalidInput, NoteRefused
from hygieia.limits import MAX_DELEGATION_DAYS, MAX_DELEGATION_LIST, MAX_EMAIL_BYTES
from hygieia.openpgp.signing import sign_note
from hygieia.openpgp.times import parse_time
from hygieia.vault import words
from hygieia.vault.fields import Fields, unknown

if TYPE_CHECKING:
    from hygieia.openpgp.keys import UnlockedKey

DELEGATION_CONTEXT: Final = "hygieia delegation 1"
END_CONTEXT: Final = "hygieia delegation-end 1"
ALL: Final = "*"

Words = frozenset[str] | None
"""What a list holds; None is ``"*"``: everything."""


class Right(StrEnum):
    """What a delegation gives."""

    READ = "read"
    REDELEGATE = "redelegate"
    UPLOAD = "upload"


@dataclass(frozen=True, slots=True)
class Scope:
    """Which reports a delegation is about: three lists that all have to hold a report's word."""

    subjects: Words = None
    categories: Words = None
    professions: Words = None

    def within(self, other: Scope) -> bool:
        """Whether this one reaches no further than ``other``."""
        return all(
            wide is None or (narrow is not None and narrow <= wide)
            for narrow, wide in zip(self._lists, other._lists, strict=True)
        )

    def to_json(self) -> dict[str, Any]:
        """The three fields of a note."""
        return {
            "subjects": _list(self.subjects),
            "categories": _list(self.categories),
            "professions": _list(self.professions),
        }

    @property
    def _lists(self) -> tuple[Words, Words, Words]:
        return self.subjects, self.categories, self.professions


@dataclass(frozen=True, slots=True)
class Delegation:
    """What a delegation's note says. ``giver`` and ``receiver`` are its ``from`` and ``to``.

    ``owner`` and ``email`` are those of a re-delegation, which has a ``parent``; else None.
    """

    id: str
    giver: str
    receiver: str
    scope: Scope
    rights: frozenset[Right]
    created: str
    expires: str
    parent: str | None = None
    owner: str | None = None
    email: str | None = None
    extra: Mapping[str, Any] = field(default_factory=dict)

    @property
    def record_of(self) -> str:
        """The key id of whoever owns the record that it is about."""
        return self.owner or self.giver

    def check(self) -> None:
        """Raise ``InvalidInput`` if a field breaks its rule, in words for who typed it."""
        _check(self, InvalidInput)

    def to_body(self) -> dict[str, Any]:
        """The JSON object that is signed."""
        body: dict[str, Any] = {"id": self.id, "from": self.giver, "to": self.receiver}
        body |= self.scope.to_json()
        body |= {
            "rights": [right.value for right in Right if right in self.rights],
            "parent": self.parent,
        }
        if self.parent is not None:
            body |= {"owner": self.owner, "email": self.email}
        return body | {"created": self.created, "expires": self.expires} | dict(self.extra)

    @classmethod
    def from_body(cls, body: Mapping[str, Any]) -> Delegation:
        """Read a note's body. Raises ``NoteRefused``."""
        fields = Fields(body, NoteRefused, "The delegation")
        parent = fields.text_or_none("parent", words.is_report_id)
        passed_on = parent is not None
        if not passed_on and ("owner" in body or "email" in body):
            raise fields.refused("parent")
        delegation = cls(
            id=fields.text("id", words.is_report_id),
            giver=fields.text("from", words.is_key_id),
            receiver=fields.text("to", words.is_key_id),
            scope=Scope(
                _words(fields, body, "subjects", words.is_subject),
                _words(fields, body, "categories", words.is_slug),
                _words(fields, body, "professions", words.is_slug),
            ),
            rights=_rights(fields),
            created=fields.text("created", words.is_time),
            expires=fields.text("expires", words.is_time),
            parent=parent,
            owner=fields.text("owner", words.is_key_id) if passed_on else None,
            email=fields.text("email", _is_email) if passed_on else None,
            extra=unknown(body, _KNOWN),
        )
        _check(delegation, NoteRefused)
        return delegation


@dataclass(frozen=True, slots=True)
class DelegationEnd:
    """What the note says that ends a delegation."""

    delegation: str
    created: str

    def to_body(self) -> dict[str, Any]:
        """The JSON object that is signed."""
        return {"delegation": self.delegation, "created": self.created}

    @classmethod
    def from_body(cls, body: Mapping[str, Any]) -> DelegationEnd:
        """Read a note's body. Raises ``NoteRefused``."""
        fields = Fields(body, NoteRefused, "The end of a delegation")
        return cls(
            delegation=fields.text("delegation", words.is_report_id),
            created=fields.text("created", words.is_time),
        )


_KNOWN: Final = frozenset(
    {"id", "from", "to", "subjects", "categories", "professions", "rights", "parent"}
    | {"owner", "email", "created", "expires"}
)


def sign_delegation(key: UnlockedKey, delegation: Delegation) -> bytes:
    """The signed note. Raises ``InvalidInput`` for one that breaks a rule of the format."""
    delegation.check()
    return sign_note(key, DELEGATION_CONTEXT, delegation.to_body())


def sign_end(key: UnlockedKey, end: DelegationEnd) -> bytes:
    """The signed note that ends a delegation."""
    return sign_note(key, END_CONTEXT, end.to_body())


def words_of(given: Iterable[str]) -> Words:
    """The list that was typed; nothing, or ``*`` among it, is everything."""
    found = frozenset(given)
    return None if not found or ALL in found else found


def _check(delegation: Delegation, refuse: type[HygieiaError]) -> None:
    """What holds of every delegation, typed here or signed elsewhere."""
    if delegation.giver == delegation.receiver:
        raise refuse("A delegation is to somebody else.")
    if delegation.owner in (delegation.giver, delegation.receiver):
        raise refuse("A delegation that is passed on is about somebody else's record.")
    if not delegation.rights:
        raise refuse("A delegation gives at least one right.")
    for name, found in delegation.scope.to_json().items():
        if found != ALL and not 1 <= len(found) <= MAX_DELEGATION_LIST:
            raise refuse(f"A delegation has 1 to {MAX_DELEGATION_LIST} {name}.")
    created, expires = _time(delegation.created, refuse), _time(delegation.expires, refuse)
    if not timedelta(0) < expires - created <= timedelta(days=MAX_DELEGATION_DAYS):
        raise refuse(f"A delegation ends after it begins, within {MAX_DELEGATION_DAYS} days.")


def _time(text: str, refuse: type[HygieiaError]) -> datetime:
    try:
        return parse_time(text)
    except InvalidInput as error:
        raise refuse(str(error)) from error


def _list(found: Words) -> str | list[str]:
    return ALL if found is None else sorted(found)


def _words(
    fields: Fields, body: Mapping[str, Any], name: str, rule: Callable[[str], bool]
) -> Words:
    if body.get(name) == ALL:
        return None
    found = fields.list(name, MAX_DELEGATION_LIST)
    if not found or not all(isinstance(item, str) and rule(item) for item in found):
        raise fields.refused(name)
    if len(set(found)) != len(found):
        raise fields.refused(name)
    return frozenset(found)


def _rights(fields: Fields) -> frozenset[Right]:
    found = fields.list("rights", len(Right))
    known = [right.value for right in Right]
    if not found or not all(isinstance(item, str) and item in known for item in found):
        raise fields.refused("rights")
    if len(set(found)) != len(found):
        raise fields.refused("rights")
    return frozenset(map(Right, found))


def _is_email(text: str) -> bool:
    return 0 < len(text.encode()) <= MAX_EMAIL_BYTES and text.isprintable() and "@" in text
