"""A report's line in the index: the table ``reports`` (docs/spec/13-index.md §4)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Final

from hygieia.errors import IntegrityError
from hygieia.limits import MAX_INTEGER
from hygieia.vault.fields import Fields, unknown
from hygieia.vault.report_meta import is_cid

if TYPE_CHECKING:
    from hygieia.vault.report_meta import ReportMeta


@dataclass(frozen=True, slots=True)
class ReportEntry:
    """What the index says about a report; names as in the signed meta.

    ``cid`` is the root that the owner last knew, ``deleted`` the time she put it in the trash.
    """

    id: str
    cid: str
    revision: int
    kind: str
    title: str
    file_name: str
    media_type: str
    size_bytes: int
    category: str
    subject: str
    author: str
    owner: str
    created: str
    deleted: str | None
    data_payload_cid: str
    meta_payload_cid: str
    extra: Mapping[str, Any] = field(default_factory=dict)

    @classmethod
    def of(cls, meta: ReportMeta, *, cid: str, meta_payload_cid: str) -> ReportEntry:
        """The entry for a revision just made or verified."""
        return cls(
            id=meta.id,
            cid=cid,
            revision=meta.revision,
            kind=meta.kind,
            title=meta.title,
            file_name=meta.file_name,
            media_type=meta.media_type,
            size_bytes=meta.size_bytes,
            category=meta.category,
            subject=meta.subject,
            author=meta.author,
            owner=meta.owner,
            created=meta.created,
            deleted=None,
            data_payload_cid=meta.data_payload_cid,
            meta_payload_cid=meta_payload_cid,
        )

    def to_json(self) -> dict[str, Any]:
        """The entry as it stands in a segment."""
        return {name: getattr(self, name) for name in _FIELDS} | dict(self.extra)

    @classmethod
    def from_json(cls, body: Mapping[str, Any]) -> ReportEntry:
        """Read an entry; the owner signed it, so types are checked and little else.

        Raises ``IntegrityError``.
        """
        try:
            values = [body[name] for name in _FIELDS]
        except KeyError as error:
            raise _reader(body).refused(str(error.args[0])) from None
        if [type(value) for value in values] not in _SHAPES:
            raise IntegrityError("A report in the index has a field of the wrong type.")
        if not (is_cid(values[1]) and is_cid(values[14]) and is_cid(values[15])):
            raise _reader(body).refused("cid")
        if not (values[2] >= 1 and 0 <= values[7] <= MAX_INTEGER):
            raise _reader(body).refused("revision")
        values.append(unknown(body, _KNOWN) if len(body) > len(_FIELDS) else _NO_MORE)
        return cls(*values)

    def deleted_at(self, time: str | None) -> ReportEntry:
        """The same entry, in the trash since ``time``, or out of it again with None."""
        return replace(self, deleted=time)


_FIELDS: Final = (
    "id",
    "cid",
    "revision",
    "kind",
    "title",
    "file_name",
    "media_type",
    "size_bytes",
    "category",
    "subject",
    "author",
    "owner",
    "created",
    "deleted",
    "data_payload_cid",
    "meta_payload_cid",
)
_KNOWN: Final = frozenset(_FIELDS)
_NO_MORE: Final[Mapping[str, Any]] = unknown({}, _KNOWN)
_NUMBERS: Final = frozenset({"revision", "size_bytes"})
_LIVE: Final = [int if name in _NUMBERS else str for name in _FIELDS]
_SHAPES: Final = (
    [type(None) if name == "deleted" else kind for name, kind in zip(_FIELDS, _LIVE, strict=True)],
    _LIVE,
)


def _reader(body: Mapping[str, Any]) -> Fields:
    return Fields(body, IntegrityError, "A report in the index")
