"""Notes ``hygieia share 1``: who added which PKESK for whom (docs/spec/12-report.md §4).

PKESKs are anonymous, so a note that names the packet's digest is the only way to find a reader's
packet again. Here stand the note's shape and its check; sharing itself is not in this module.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from hygieia.errors import IntegrityError, NoteRefused
from hygieia.limits import MAX_PKESKS
from hygieia.openpgp.notes import Note, Verdict, parse_note
from hygieia.openpgp.packets import pkesk_digest
from hygieia.openpgp.signing import sign_note
from hygieia.vault import words
from hygieia.vault.fields import Fields, unknown
from hygieia.vault.people import FormerKey
from hygieia.vault.report_meta import is_sha256

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from hygieia.openpgp.keys import UnlockedKey
    from hygieia.vault.people import People

SHARE_CONTEXT: Final = "hygieia share 1"


@dataclass(frozen=True, slots=True)
class Share:
    """What a share note says. ``delegation`` is the delegation's id, or None.

    ``former`` stands in a note that gives back: the key that the reader had before, by which the
    report is hers, as whoever gives back had pinned it (docs/spec/19-re-key-and-give-back.md §4).
    """

    report: str
    reader: str
    pkesk: str
    delegation: str | None
    created: str
    former: FormerKey | None = None

    def to_body(self) -> dict[str, Any]:
        """The JSON object that is signed."""
        body = {
            "report": self.report,
            "reader": self.reader,
            "pkesk": self.pkesk,
            "delegation": self.delegation,
            "created": self.created,
        }
        return body if self.former is None else body | {"former": self.former.to_json()}

    @classmethod
    def from_body(cls, body: Mapping[str, Any]) -> Share:
        """Read a note's body. Raises ``NoteRefused``."""
        fields = Fields(body, NoteRefused, "The share note")
        return cls(
            report=fields.text("report", words.is_report_id),
            reader=fields.text("reader", words.is_key_id),
            pkesk=fields.text("pkesk", is_sha256),
            delegation=fields.text_or_none("delegation", words.is_report_id),
            created=fields.text("created", words.is_time),
            former=_read_former(fields) if "former" in body else None,
        )


def _read_former(fields: Fields) -> FormerKey:
    try:
        return FormerKey.from_json(fields.object("former"))
    except IntegrityError as error:
        raise fields.refused("former") from error


@dataclass(frozen=True, slots=True)
class VerifiedShare:
    """A share note whose signer was looked for among the pinned certificates."""

    share: Share
    signer: str
    verdict: Verdict


def sign_share(key: UnlockedKey, share: Share) -> bytes:
    """The signed note for ``share``, by whoever adds the packet."""
    return sign_note(key, SHARE_CONTEXT, share.to_body())


def open_share(data: bytes, *, report: str, signer: str, people: People) -> VerifiedShare:
    """Read a share note for ``report`` that ``signer`` claims to have made.

    Raises ``NoteRefused`` when it is malformed, for another report, or not signed by ``signer``
    where that key is pinned; a stranger's note comes back with the verdict that says so.
    """
    note: Note = parse_note(data, SHARE_CONTEXT)
    share = Share.from_body(note.body)
    if share.report != report:
        raise NoteRefused("The share note is for another report.")
    if people.certificate(signer) is None:
        return VerifiedShare(share, signer, Verdict.UNKNOWN_SIGNER)
    verdict = people.judge(note, signer)
    if verdict in (Verdict.INVALID, Verdict.UNKNOWN_SIGNER):
        raise NoteRefused("The share note is not signed by whoever is said to have made it.")
    return VerifiedShare(share, signer, verdict)


@dataclass(frozen=True, slots=True)
class Reader:
    """One reader in the index: whose packet ``pkesk`` is (its digest), by which delegation."""

    key: str
    pkesk: str
    delegation: str | None = None
    extra: tuple[tuple[str, Any], ...] = ()

    def to_json(self) -> dict[str, Any]:
        """The object that ``readers`` lists."""
        named = {"key": self.key, "pkesk": self.pkesk, "delegation": self.delegation}
        return named | dict(self.extra)


@dataclass(frozen=True, slots=True)
class Readers:
    """The entry of the table ``readers`` that runs parallel to a report's.

    ``removed`` lists those who were unshared since the session key was last new: until the next
    one, an edit has to make it new (docs/spec/12-report.md §4). ``removed_packets`` lists the
    digests of the packets dropped for them: no later header has one (docs/spec/16-sharing.md §4).
    ``earlier`` lists, sorted, who had an earlier session key and reads the report no more: earlier
    versions open for them until a re-key (docs/spec/13-index.md §6). ``kept_out`` lists whom the
    owner took off, whatever became of the session key since: no delegation brings them back.
    """

    id: str
    readers: tuple[Reader, ...] = ()
    removed: tuple[str, ...] = ()
    extra: tuple[tuple[str, Any], ...] = ()
    removed_packets: tuple[str, ...] = ()
    earlier: tuple[str, ...] = ()
    kept_out: tuple[str, ...] = ()

    def to_json(self) -> dict[str, Any]:
        """The entry as it stands in a segment."""
        body = {
            "id": self.id,
            "readers": [reader.to_json() for reader in self.readers],
            "removed": list(self.removed),
        }
        if self.removed_packets:
            body["removed_packets"] = list(self.removed_packets)
        if self.earlier:
            body["earlier"] = list(self.earlier)
        if self.kept_out:
            body["kept_out"] = list(self.kept_out)
        return body | dict(self.extra)

    @classmethod
    def from_json(cls, body: Mapping[str, Any]) -> Readers:
        """Read an entry. Raises ``IntegrityError``."""
        fields = Fields(body, IntegrityError, "A readers entry of the index")
        removed = fields.list("removed", MAX_PKESKS)
        if not all(isinstance(key, str) and words.is_key_id(key) for key in removed):
            raise fields.refused("removed")
        return cls(
            id=fields.text("id", words.is_report_id),
            readers=tuple(
                _read_reader(fields, item) for item in fields.list("readers", MAX_PKESKS)
            ),
            removed=tuple(removed),
            extra=tuple(unknown(body, _READERS_FIELDS).items()),
            removed_packets=_read_texts(fields, body, "removed_packets", is_sha256),
            earlier=_read_texts(fields, body, "earlier", words.is_key_id),
            kept_out=_read_texts(fields, body, "kept_out", words.is_key_id),
        )


_READERS_FIELDS: Final = frozenset(
    {"id", "readers", "removed", "removed_packets", "earlier", "kept_out"}
)
_READER_FIELDS: Final = frozenset({"key", "pkesk", "delegation"})


def _read_texts(
    fields: Fields, body: Mapping[str, Any], name: str, is_one: Callable[[str], bool]
) -> tuple[str, ...]:
    """A list that is absent when empty."""
    found = body.get(name, [])
    if not isinstance(found, list) or not all(
        isinstance(each, str) and is_one(each) for each in found
    ):
        raise fields.refused(name)
    return tuple(found)


def _read_reader(fields: Fields, item: object) -> Reader:
    if not isinstance(item, dict):
        raise fields.refused("readers")
    reader = Fields(item, IntegrityError, "A reader in the index")
    return Reader(
        key=reader.text("key", words.is_key_id),
        pkesk=reader.text("pkesk", is_sha256),
        delegation=reader.text_or_none("delegation", words.is_report_id),
        extra=tuple(unknown(item, _READER_FIELDS).items()),
    )


def unnoted_packets(packets: Sequence[bytes], noted: Sequence[Reader], own: bytes) -> list[bytes]:
    """The packets of a header that no note names and the owner's key does not open (RC-04).

    ``own`` is the packet that the owner's key opened. What is left over is shown to the owner as
    "readers differ" and dropped when the report gets a new session key.
    """
    digests = {reader.pkesk for reader in noted}
    return [packet for packet in packets if packet != own and pkesk_digest(packet) not in digests]
