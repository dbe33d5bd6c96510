"""``contents/keys.pgp``: keys that travel, former keys, digests (docs/spec/13-index.md §5)."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Final

from hygieia.errors import IntegrityError, InvalidInput, NoteRefused
from hygieia.limits import MAX_KEYS_FILE_BYTES
from hygieia.openpgp.notes import Note, read_note, require_valid
from hygieia.openpgp.signing import sign_note
from hygieia.openpgp.strict_json import dumps, loads_object
from hygieia.vault import words
from hygieia.vault.fields import Fields, unknown
from hygieia.vault.ipns import IpnsKey
from hygieia.vault.people import MAX_FORMER_KEYS, FormerKey, read_former_keys
from hygieia.vault.report_meta import is_sha256
from hygieia.vault.subjects import MAX_SUBJECTS, Subject

if TYPE_CHECKING:
    from hygieia.openpgp.certificates import Certificate
    from hygieia.openpgp.keys import UnlockedKey

KEY_CONTEXT: Final = "hygieia key 1"
IPNS_PURPOSE: Final = "ipns"
MAX_KEY_NOTES: Final = 4096


@dataclass(frozen=True, slots=True)
class KeysFile:
    """What ``keys.pgp`` holds.

    ``notes`` are the signed notes as they came, ``digests`` SHA-256 of the kit's parts by name:
    with them a server cannot slip a dead recovery seal into a kit written afresh. The notes hold
    secret keys: ``repr`` leaves them out.
    """

    notes: tuple[Mapping[str, str], ...] = field(repr=False)
    former_keys: tuple[FormerKey, ...] = ()
    digests: Mapping[str, str] = field(default_factory=dict)
    subjects: tuple[Subject, ...] = ()
    extra: Mapping[str, Any] = field(default_factory=dict)

    def to_bytes(self) -> bytes:
        """The JSON text that is encrypted."""
        body: dict[str, Any] = {
            "notes": [dict(note) for note in self.notes],
            "former_keys": [former.to_json() for former in self.former_keys],
            "digests": dict(self.digests),
        }
        if self.subjects:
            body["subjects"] = [subject.to_json() for subject in self.subjects]
        return dumps(body | dict(self.extra)).encode()

    @classmethod
    def from_bytes(cls, data: bytes) -> KeysFile:
        """Read the JSON text. Raises ``IntegrityError``."""
        try:
            body = loads_object(data, max_bytes=MAX_KEYS_FILE_BYTES)
        except InvalidInput as error:
            raise IntegrityError("The index's keys cannot be read.") from error
        fields = Fields(body, IntegrityError, "The index's keys file")
        notes = fields.list("notes", MAX_KEY_NOTES)
        if not all(_is_note(note) for note in notes):
            raise fields.refused("notes")
        digests = fields.object("digests")
        if not all(isinstance(value, str) and is_sha256(value) for value in digests.values()):
            raise fields.refused("digests")
        return cls(
            notes=tuple(notes),
            former_keys=read_former_keys(fields),
            digests=digests,
            subjects=_read_subjects(fields) if "subjects" in body else (),
            extra=unknown(body, _KNOWN),
        )

    def ipns_key(self, owner: Certificate) -> IpnsKey:
        """The account's IPNS key, out of a note that ``owner`` signed (threat MS-09).

        Raises ``NoteRefused`` if there is none, or one that somebody else signed.
        """
        found = [_open(note, owner) for note in self.notes]
        keys = [note.body for note in found if note.body.get("purpose") == IPNS_PURPOSE]
        if not keys:
            raise NoteRefused("The index holds no key for its IPNS name.")
        secret = keys[-1].get("key")
        if not isinstance(secret, str) or not is_sha256(secret):
            raise NoteRefused("The index's IPNS key is malformed.")
        return IpnsKey(bytes.fromhex(secret))

    def with_digests(self, parts: Mapping[str, str]) -> KeysFile:
        """The same with the digests of a kit's ``parts`` (name and text) in place of old ones."""
        new = {name: digest_of(text) for name, text in parts.items()}
        return replace(self, digests=dict(self.digests) | new)

    def with_former_key(self, former: FormerKey) -> KeysFile:
        """The same with a former key entered. Raises ``InvalidInput`` above 64 of them."""
        if any(each.key == former.key for each in self.former_keys):
            return self
        if len(self.former_keys) >= MAX_FORMER_KEYS:
            raise InvalidInput(f"A vault remembers at most {MAX_FORMER_KEYS} former keys.")
        return replace(self, former_keys=(*self.former_keys, former))

    def with_subject(self, subject: Subject) -> KeysFile:
        """The same with ``subject`` entered, or renamed.

        Raises ``InvalidInput`` above 1,000 of them.
        """
        others = [each for each in self.subjects if each.id != subject.id]
        if len(others) >= MAX_SUBJECTS:
            raise InvalidInput(f"A vault has at most {MAX_SUBJECTS} people without an account.")
        if len(others) == len(self.subjects):
            return replace(self, subjects=(*others, subject))
        changed = (subject if each.id == subject.id else each for each in self.subjects)
        return replace(self, subjects=tuple(changed))


_KNOWN: Final = frozenset({"notes", "former_keys", "digests", "subjects"})


def digest_of(text: str) -> str:
    """SHA-256 of a kit's part, 64 hex digits."""
    return hashlib.sha256(text.encode()).hexdigest()


def make_keys_file(key: UnlockedKey, ipns: IpnsKey, created: str) -> KeysFile:
    """The first ``keys.pgp`` of an account: its IPNS key in a signed note."""
    body = {"purpose": IPNS_PURPOSE, "key": ipns.secret.hex(), "created": created}
    note: dict[str, str] = json.loads(sign_note(key, KEY_CONTEXT, body))
    return KeysFile(notes=(note,))


def _open(carried: Mapping[str, str], owner: Certificate) -> Note:
    note = read_note(carried["note"], carried["signature"], KEY_CONTEXT)
    require_valid(note, owner)
    if not words.is_slug(str(note.body.get("purpose"))):
        raise NoteRefused("A key of the index has no purpose.")
    return note


def _read_subjects(fields: Fields) -> tuple[Subject, ...]:
    items = fields.list("subjects", MAX_SUBJECTS)
    if not all(isinstance(item, dict) for item in items):
        raise fields.refused("subjects")
    return tuple(Subject.from_json(item) for item in items)


def _is_note(item: object) -> bool:
    return (
        isinstance(item, dict)
        and set(item) == {"note", "signature"}
        and all(isinstance(part, str) for part in item.values())
    )
