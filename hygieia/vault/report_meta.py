"""What a report's signed note says: ``hygieia report-meta 1`` (docs/spec/12-report.md §3)."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from hygieia.errors import InvalidInput, NoteRefused
from hygieia.ipld.cid import is_vault_text
from hygieia.limits import MAX_REPORT_LINKS
from hygieia.vault import words
from hygieia.vault.fields import Fields, unknown

META_CONTEXT: Final = "hygieia report-meta 1"
DEFAULT_KIND: Final = "document"

_SHA256 = re.compile(r"[0-9a-f]{64}\Z", re.ASCII)


def is_cid(text: str) -> bool:
    """Whether ``text`` is a CID of the vault, which ``CID.parse`` takes."""
    return is_vault_text(text)


def is_sha256(text: str) -> bool:
    """Whether ``text`` is 64 lower-case hex digits."""
    return _SHA256.match(text) is not None


def accepts(rule: Callable[[str], str], text: str) -> bool:
    """Whether a ``check_*`` function lets ``text`` pass."""
    try:
        rule(text)
    except InvalidInput:
        return False
    return True


def is_title(text: str) -> bool:
    """Whether ``text`` may stand as a title."""
    return accepts(words.check_title, text)


def is_file_name(text: str) -> bool:
    """Whether ``text`` may stand as a stored file name."""
    return accepts(words.check_file_name, text)


def is_media_type(text: str) -> bool:
    """Whether ``text`` may stand as a media type."""
    return accepts(words.check_media_type, text)


@dataclass(frozen=True, slots=True)
class ReportLink:
    """A report that this one refers to: ``rel`` says how (a slug), ``id`` which."""

    rel: str
    id: str
    extra: Mapping[str, Any] = field(default_factory=dict)

    def to_json(self) -> dict[str, Any]:
        """The object that ``links`` lists."""
        return {"rel": self.rel, "id": self.id} | dict(self.extra)


@dataclass(frozen=True, slots=True)
class Draft:
    """What a person says about a report before it has content.

    ``owner`` and ``author`` are key ids, ``subject`` a key id or ``person:…``; ``profession`` is
    the capacity in which the author wrote, if any.
    """

    title: str
    file_name: str
    media_type: str
    owner: str
    author: str
    subject: str
    category: str = words.DEFAULT_CATEGORY
    profession: str | None = None
    kind: str = DEFAULT_KIND
    links: tuple[ReportLink, ...] = ()
    extra: Mapping[str, Any] = field(default_factory=dict)

    def check(self) -> None:
        """Raise ``InvalidInput`` if a field breaks its rule, in words for who typed it."""
        words.check_title(self.title)
        words.check_file_name(self.file_name)
        words.check_media_type(self.media_type)
        words.check_slug(self.category, "A category")
        words.check_slug(self.kind, "A kind")
        if self.profession is not None:
            words.check_slug(self.profession, "A profession")
        if not (words.is_key_id(self.owner) and words.is_key_id(self.author)):
            raise InvalidInput("Owner and author are key ids.")
        if not words.is_subject(self.subject):
            raise InvalidInput("A subject is a key id or a person id.")
        if len(self.links) > MAX_REPORT_LINKS:
            raise InvalidInput(f"A report has at most {MAX_REPORT_LINKS} links.")


@dataclass(frozen=True, slots=True)
class ReportMeta:
    """One revision of a report, as its author signed it.

    ``previous`` is the payload CID of the meta before (null at revision 1), ``origin`` the note
    that introduced this content when an earlier revision did, verbatim. ``extra`` holds fields
    of later versions of the format.
    """

    id: str
    kind: str
    owner: str
    subject: str
    author: str
    profession: str | None
    revision: int
    previous: str | None
    title: str
    file_name: str
    media_type: str
    size_bytes: int
    sha256: str
    data_payload_cid: str
    category: str
    links: tuple[ReportLink, ...]
    created: str
    origin: Mapping[str, Any] | None = None
    extra: Mapping[str, Any] = field(default_factory=dict)

    def to_body(self) -> dict[str, Any]:
        """The JSON object that is signed, fields in the order of the specification."""
        body: dict[str, Any] = {name: getattr(self, name) for name in _PLAIN_FIELDS}
        body["links"] = [link.to_json() for link in self.links]
        body["created"] = self.created
        if self.origin is not None:
            body["origin"] = dict(self.origin)
        return body | dict(self.extra)

    @classmethod
    def from_body(cls, body: Mapping[str, Any]) -> ReportMeta:
        """Read a note's body, every field checked. Raises ``NoteRefused``."""
        fields = Fields(body, NoteRefused, "The report's note")
        meta = cls(
            id=fields.text("id", words.is_report_id),
            kind=fields.text("kind", words.is_slug),
            owner=fields.text("owner", words.is_key_id),
            subject=fields.text("subject", words.is_subject),
            author=fields.text("author", words.is_key_id),
            profession=fields.text_or_none("profession", words.is_slug),
            revision=fields.integer("revision", 1),
            previous=fields.text_or_none("previous", is_cid),
            title=fields.text("title", is_title),
            file_name=fields.text("file_name", is_file_name),
            media_type=fields.text("media_type", is_media_type),
            size_bytes=fields.integer("size_bytes"),
            sha256=fields.text("sha256", is_sha256),
            data_payload_cid=fields.text("data_payload_cid", is_cid),
            category=fields.text("category", words.is_slug),
            links=_read_links(fields),
            created=fields.text("created", words.is_time),
            origin=fields.object("origin") if "origin" in body else None,
            extra=unknown(body, _KNOWN_FIELDS),
        )
        if (meta.revision == 1) != (meta.previous is None):
            raise fields.refused("previous")
        return meta


_PLAIN_FIELDS: Final = (
    "id",
    "kind",
    "owner",
    "subject",
    "author",
    "profession",
    "revision",
    "previous",
    "title",
    "file_name",
    "media_type",
    "size_bytes",
    "sha256",
    "data_payload_cid",
    "category",
)
_LINK_FIELDS: Final = frozenset({"rel", "id"})
_KNOWN_FIELDS: Final = frozenset(_PLAIN_FIELDS) | {"links", "created", "origin"}


def _read_links(fields: Fields) -> tuple[ReportLink, ...]:
    links = []
    for item in fields.list("links", MAX_REPORT_LINKS):
        if not isinstance(item, dict):
            raise fields.refused("links")
        link = Fields(item, NoteRefused, "A link of the report's note")
        links.append(
            ReportLink(
                link.text("rel", words.is_slug),
                link.text("id", words.is_report_id),
                unknown(item, _LINK_FIELDS),
            )
        )
    return tuple(links)
