"""How a document lies in MongoDB: one record, and the filters and changes that name it.

    {_id, rev, body, place, scope?, unique?, expires?}

``place`` is ``SORT ID``. A space comes before every character of a sort key, so that records in
the order of their places are in the order of (sort, id), and a page is one range of one index.
A field that is ``None`` is absent, because a unique index would take ``null`` for a value.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final, cast

from hygieia.documents import body as rules
from hygieia.documents.port import KEPT, Body, Document, Kept
from hygieia.errors import InvalidInput

if TYPE_CHECKING:
    from collections.abc import Mapping

Record = dict[str, Any]

FIRST: Final = " "
LAST: Final = "\x7f"
"""Places before and after every other."""


def is_collection(name: str) -> bool:
    """Whether a collection of the database is one of the port's."""
    try:
        rules.check_collection(name)
    except InvalidInput:
        return False
    return True


def make_record(document: Document) -> Record:
    """The record of a document, its fields checked and its body copied. Raises InvalidInput."""
    document_id = rules.check_id(document.id)
    record: Record = {
        "_id": document_id,
        "rev": document.rev,
        "body": rules.decode_body(rules.encode_body(document.body)),
        "place": _place(rules.check_sort(document.sort), document_id),
    }
    optional = {
        "scope": rules.check_scope(document.scope),
        "unique": rules.check_unique(document.unique),
        "expires": None if document.expires is None else stored_time(document.expires),
    }
    return record | {name: value for name, value in optional.items() if value is not None}


def read_record(record: Mapping[str, Any]) -> Document:
    """The document that a record holds."""
    expires: datetime | None = record.get("expires")
    return Document(
        record["_id"],
        record["rev"],
        cast("Body", record["body"]),
        record.get("scope"),
        record["place"].partition(" ")[0],
        record.get("unique"),
        None if expires is None else expires.astimezone(UTC),
    )


def make_changes(
    document_id: str,
    body: Body,
    scope: str | Kept | None,
    sort: str | Kept,
    unique: str | Kept | None,
    expires: datetime | Kept | None,
) -> Record:
    """The update that raises the rev and sets or clears what is given."""
    fields: Record = {"body": body}
    if sort is not KEPT:
        fields["place"] = _place(sort, document_id)
    for name, value in (("scope", scope), ("unique", unique), ("expires", expires)):
        if value is not KEPT:
            fields[name] = stored_time(value) if isinstance(value, datetime) else value
    update: Record = {
        "$inc": {"rev": 1},
        "$set": {name: value for name, value in fields.items() if value is not None},
    }
    cleared = {name: "" for name, value in fields.items() if value is None}
    return update | {"$unset": cleared} if cleared else update


def live(now: datetime, **fields: object) -> Record:
    """The filter for records with these fields that have not expired."""
    return {**fields, "expires": {"$not": {"$lte": now}}}


def expired(now: datetime, **fields: object) -> Record:
    """The filter for records with these fields that have expired."""
    return {**fields, "expires": {"$lte": now}}


def place_of_cursor(cursor: str) -> str:
    """The place that a cursor of a page names. Raises InvalidInput."""
    return _place(*rules.decode_cursor(cursor))


def stored_time(time: datetime) -> datetime:
    """The time as MongoDB keeps it, rounded down. Raises InvalidInput where the zone is missing."""
    return rules.from_milliseconds(rules.milliseconds(time))


def _place(sort: str, document_id: str) -> str:
    return f"{sort} {document_id}"
