"""What a gateway request asks for, read out of path, query and headers.

Pure functions of text. Specs: Trustless Gateway §2 and §3 (https://specs.ipfs.tech/http-gateways/
trustless-gateway/), IPIP-0402 (dag-scope, entity-bytes), IPIP-0412 (order, dups), RFC 9110 §14.
"""

from __future__ import annotations

import enum
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final
from urllib.parse import quote

from hygieia.errors import InvalidInput

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

MAX_PATH_SEGMENTS: Final = 64
MAX_FILE_NAME_CHARACTERS: Final = 200
RAW_TYPE: Final = "application/vnd.ipld.raw"
CAR_TYPE: Final = "application/vnd.ipld.car"
RECORD_TYPE: Final = "application/vnd.ipfs.ipns-record"

_BYTE_RANGE: Final = re.compile(r"bytes=(\d{0,18})-(\d{0,18})")
_ENTITY_BYTES: Final = re.compile(r"(-?\d{1,16}):(\*|-?\d{1,16})")
_UNSAFE: Final = re.compile(r'[\x00-\x1f\x7f-\x9f/\\"\u2028\u2029\u202a-\u202e\u2066-\u2069]')


class Format(enum.Enum):
    """The kinds of answer that are served."""

    RAW = "raw"
    CAR = "car"
    RECORD = "ipns-record"
    FILE = ""


class Scope(enum.Enum):
    """How much of the DAG below the path's end a CAR holds (IPIP-0402)."""

    BLOCK = "block"
    ENTITY = "entity"
    ALL = "all"


class NotAcceptable(InvalidInput):
    """Another kind of answer is wanted than is served here (HTTP 406)."""

    code = "not-acceptable"


@dataclass(frozen=True, slots=True)
class EntityBytes:
    """A range of a file as asked: negative numbers count from its end, None is its end."""

    first: int
    last: int | None

    def within(self, size_bytes: int) -> tuple[int, int]:
        """First byte, and the one after the last, clipped to a file of that size."""
        first = self.first if self.first >= 0 else max(0, size_bytes + self.first)
        last = size_bytes - 1 if self.last is None else self.last
        if last < 0:
            last += size_bytes
        return first, min(last + 1, size_bytes)


@dataclass(frozen=True, slots=True)
class CarParameters:
    """How a CAR is wanted."""

    scope: Scope
    entity_bytes: EntityBytes | None
    duplicates: bool

    @property
    def media_type(self) -> str:
        """The Content-Type of the answer; blocks always come depth-first."""
        return f"{CAR_TYPE}; version=1; order=dfs; dups={'y' if self.duplicates else 'n'}"


def wanted_format(query: Mapping[str, str], accept: str) -> Format:
    """The kind of answer; the query goes before the header. Raises ``NotAcceptable``."""
    asked = query.get("format")
    if asked is not None:
        if asked in ("raw", "car", "ipns-record"):
            return Format(asked)
        raise NotAcceptable("This gateway serves raw blocks, CARs, IPNS records and files.")
    by_type = {RAW_TYPE: Format.RAW, CAR_TYPE: Format.CAR, RECORD_TYPE: Format.RECORD}
    types = [media_type for media_type, _ in accepted(accept)]
    for media_type in types:
        if media_type in by_type:
            return by_type[media_type]
    if not types or any(t in ("*/*", "application/*", "application/octet-stream") for t in types):
        return Format.FILE
    if all(t.startswith(("application/vnd.ip", "application/x-tar")) for t in types):
        raise NotAcceptable("This gateway serves raw blocks, CARs, IPNS records and files.")
    return Format.FILE


def accepted(header: str) -> Iterator[tuple[str, dict[str, str]]]:
    """The media types of an Accept header with their parameters, in order."""
    for part in header.split(","):
        media_type, *parameters = (piece.strip() for piece in part.split(";"))
        if media_type:
            pairs = (parameter.partition("=") for parameter in parameters)
            yield media_type.lower(), {key.lower(): value for key, _, value in pairs}


def car_parameters(query: Mapping[str, str], accept: str) -> CarParameters:
    """How the CAR is wanted; the query goes before the header. Raises ``InvalidInput``."""
    header = next((p for media_type, p in accepted(accept) if media_type == CAR_TYPE), {})
    if (query.get("car-version") or header.get("version", "1")) != "1":
        raise InvalidInput("Only CARs of version 1 are served.")
    if (query.get("car-order") or header.get("order", "dfs")) not in ("dfs", "unk"):
        raise InvalidInput("The order of a CAR is dfs or unk.")
    duplicates = query.get("car-dups") or header.get("dups", "n")
    if duplicates not in ("y", "n"):
        raise InvalidInput("Whether a CAR repeats blocks is y or n.")
    scope = query.get("dag-scope", "all")
    if scope not in {known.value for known in Scope}:
        raise InvalidInput("The scope of a CAR is block, entity or all.")
    entity_bytes = _entity_bytes(query.get("entity-bytes"))
    if entity_bytes is not None:
        scope = Scope.ENTITY.value
    return CarParameters(Scope(scope), entity_bytes, duplicates == "y")


def _entity_bytes(text: str | None) -> EntityBytes | None:
    if text is None:
        return None
    match = _ENTITY_BYTES.fullmatch(text)
    if match is None:
        raise InvalidInput("The bytes of an entity are asked for as FROM:TO, TO may be *.")
    return EntityBytes(int(match[1]), None if match[2] == "*" else int(match[2]))


def byte_range(header: str | None, size_bytes: int) -> tuple[int, int] | None:
    """First byte of a range request and the one after the last; None: answer with everything.

    One range is served; several, and what is no range, may be ignored (RFC 9110 §14.2). Raises
    ``ValueError`` where nothing can be served (HTTP 416).
    """
    match = _BYTE_RANGE.fullmatch((header or "").strip())
    if match is None or not (match[1] or match[2]):
        return None
    if not match[1]:
        first, last = max(0, size_bytes - int(match[2])), size_bytes - 1
    else:
        first = int(match[1])
        last = min(int(match[2]), size_bytes - 1) if match[2] else size_bytes - 1
        if match[2] and int(match[2]) < first:
            return None  # not a range at all, says the RFC
    if first > last:
        raise ValueError("range")
    return first, last + 1


def matches(header: str | None, etag: str) -> bool:
    """Whether ``If-None-Match`` names the entity tag (weak comparison, RFC 9110 §13.1.2)."""
    if header is None:
        return False
    tags = {tag.strip().removeprefix("W/") for tag in header.split(",")}
    return "*" in tags or etag.removeprefix("W/") in tags


def attachment(name: str) -> str:
    """A Content-Disposition that saves under a name, made harmless (RFC 6266 §4.3, SN-05)."""
    clean = _UNSAFE.sub("_", name)[:MAX_FILE_NAME_CHARACTERS].strip(". ") or "download"
    ascii_name = re.sub(r"[^\x20-\x7e]", "_", clean)
    plain = f'attachment; filename="{ascii_name}"'
    if ascii_name == clean:
        return plain
    encoded = quote(clean.encode("utf-8", "replace"), safe="!#$&+-.^_`|~")
    return f"{plain}; filename*=UTF-8''{encoded}"
