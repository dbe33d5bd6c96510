"""What every document store can hold: the checks and the encodings adapters share.

A body is stricter than JSON. Numbers are whole and within 2^53 - 1, so that no store rounds them;
keys are not empty, do not begin with ``$``, hold neither ``.`` nor U+0000, because MongoDB reads
those as operators and paths; strings are valid UTF-8 without U+0000. Nothing here repairs a value:
what does not fit is refused, since a body that comes back changed would break what was signed.
"""

from __future__ import annotations

import base64
import binascii
import json
import re
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Final, cast

from hygieia.documents.port import (
    JSON,
    MAX_BODY_BYTES,
    MAX_COLLECTION_CHARACTERS,
    MAX_ID_CHARACTERS,
    MAX_PAGE_ITEMS,
    MAX_SORT_CHARACTERS,
    MAX_UNIQUE_CHARACTERS,
    Body,
)
from hygieia.errors import InvalidInput
from hygieia.limits import MAX_INTEGER, MAX_JSON_DEPTH

if TYPE_CHECKING:
    from collections.abc import Mapping

_ENCODER: Final = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"))
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MILLISECOND: Final = timedelta(milliseconds=1)
_COLLECTION: Final = re.compile(rf"[a-z0-9-]{{1,{MAX_COLLECTION_CHARACTERS}}}")
_ID: Final = re.compile(rf"[!-~]{{1,{MAX_ID_CHARACTERS}}}")
_SORT: Final = re.compile(rf"[!-~]{{0,{MAX_SORT_CHARACTERS}}}")


def check_collection(name: str) -> str:
    """Returns the name, or raises InvalidInput."""
    if not _COLLECTION.fullmatch(name):
        raise InvalidInput("A collection's name is 1 to 40 of a-z, 0-9 and dashes.")
    return name


def check_id(text: str) -> str:
    """Returns an id or a scope, or raises InvalidInput."""
    if not _ID.fullmatch(text):
        raise InvalidInput("An id is 1 to 128 printable ASCII characters without spaces.")
    return text


def check_scope(text: str | None) -> str | None:
    """Returns the scope, or raises InvalidInput."""
    return text if text is None else check_id(text)


def check_sort(text: str) -> str:
    """Returns the place within a scope, or raises InvalidInput."""
    if not _SORT.fullmatch(text):
        raise InvalidInput("A sort key is at most 48 printable ASCII characters without spaces.")
    return text


def check_unique(text: str | None) -> str | None:
    """Returns the unique key, or raises InvalidInput."""
    if text is not None:
        _check_string(text)
        if not 1 <= len(text) <= MAX_UNIQUE_CHARACTERS:
            raise InvalidInput("A unique key has 1 to 512 characters.")
    return text


def check_limit(limit: int) -> int:
    """Returns the page's limit, or raises InvalidInput."""
    if not 1 <= limit <= MAX_PAGE_ITEMS:
        raise InvalidInput("A page holds 1 to 1,000 items.")
    return limit


def encode_body(body: Mapping[str, JSON]) -> str:
    """Checks a body and writes it as JSON text. Raises InvalidInput."""
    fields = dict(body)
    _check(fields, MAX_JSON_DEPTH)
    text = _ENCODER.encode(fields)
    if len(text) > MAX_BODY_BYTES // 4 and len(text.encode()) > MAX_BODY_BYTES:
        raise InvalidInput("The document is too large.")
    return text


def decode_body(text: str) -> Body:
    """Reads a body that :func:`encode_body` wrote."""
    return cast("Body", json.loads(text))


def _check(value: JSON, depth: int) -> None:
    if isinstance(value, str):
        _check_string(value)
    elif value is None or isinstance(value, bool):
        return
    elif isinstance(value, int):
        if not -MAX_INTEGER <= value <= MAX_INTEGER:
            raise InvalidInput("A number in the document is beyond 2^53 - 1.")
    elif depth == 0:
        raise InvalidInput("The document is nested too deeply.")
    elif isinstance(value, dict):
        for key, item in value.items():
            _check_key(key)
            _check(item, depth - 1)
    elif isinstance(value, list):
        for item in value:
            _check(item, depth - 1)
    else:
        raise InvalidInput("The document holds something that is not text, whole number or list.")


def _check_string(text: str) -> None:
    if "\0" in text:
        raise InvalidInput("A text in the document holds U+0000.")
    if not text.isascii():
        try:
            text.encode()
        except UnicodeEncodeError:
            raise InvalidInput("A text in the document is not valid Unicode.") from None


def _check_key(key: str) -> None:
    if not key or key[0] == "$" or "." in key:
        raise InvalidInput("A field's name is empty, begins with $ or holds a dot.")
    _check_string(key)


def milliseconds(time: datetime) -> int:
    """Milliseconds since 1970, rounded down. ``time`` carries its zone, else InvalidInput."""
    if time.tzinfo is None:
        raise InvalidInput("A time must say its zone.")
    return (time - _EPOCH) // _MILLISECOND


def from_milliseconds(count: int) -> datetime:
    """The time in UTC, the reverse of :func:`milliseconds`."""
    return _EPOCH + count * _MILLISECOND


def encode_cursor(sort: str, document_id: str) -> str:
    """Writes a place in a list as an opaque word for URLs, at most 239 characters."""
    return base64.urlsafe_b64encode(f"{sort} {document_id}".encode()).decode().rstrip("=")


def decode_cursor(cursor: str) -> tuple[str, str]:
    """Reads (sort, id) from a cursor. Raises InvalidInput: cursors come back through users."""
    try:
        padded = cursor + "=" * (-len(cursor) % 4)
        text = base64.b64decode(padded, b"-_", validate=True).decode()
    except (binascii.Error, ValueError):
        raise InvalidInput("This is not a cursor of a list.") from None
    sort, space, document_id = text.partition(" ")
    if not space or not _ID.fullmatch(document_id) or not _SORT.fullmatch(sort):
        raise InvalidInput("This is not a cursor of a list.")
    return sort, document_id
