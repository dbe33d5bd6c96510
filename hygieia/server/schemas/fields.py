"""Words that several models share."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import Field, StringConstraints

from hygieia.limits import (
    DEFAULT_PAGE_ITEMS,
    KDF_LANES,
    KDF_MEMORY_KIB,
    KDF_TIME,
    MAX_CERTIFICATE_BYTES,
    MAX_CURSOR_BYTES,
    MAX_EMAIL_BYTES,
    MAX_INTEGER,
    MAX_KDF_LANES,
    MAX_KDF_MEMORY_KIB,
    MAX_KDF_TIME,
    MAX_PAGE_ITEMS,
    MAX_SEALED_KEY_BYTES,
    MIN_KDF_LANES,
    MIN_KDF_MEMORY_KIB,
    MIN_KDF_TIME,
)
from hygieia.server.api import Model, Parameters

Id = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{32}$")]
Hex64 = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")]
Email = Annotated[str, StringConstraints(min_length=3, max_length=MAX_EMAIL_BYTES + 64)]
CidText = Annotated[str, StringConstraints(pattern=r"^b[a-z2-7]{50,100}$")]
IpnsName = Annotated[str, StringConstraints(pattern=r"^[a-z0-9]{50,70}$")]
Armored = Annotated[str, StringConstraints(min_length=1, max_length=MAX_SEALED_KEY_BYTES)]
ArmoredCertificate = Annotated[
    str, StringConstraints(min_length=1, max_length=MAX_CERTIFICATE_BYTES)
]
Base64 = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9+/]*={0,2}$", max_length=14_000)]
Cursor = Annotated[str, StringConstraints(pattern=r"^[!-~]+$", max_length=MAX_CURSOR_BYTES)]
Time = Annotated[
    str, StringConstraints(pattern=r"^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}Z$")
]
Bytes = Annotated[int, Field(ge=0, le=MAX_INTEGER)]
Rev = Annotated[int, Field(ge=0, le=MAX_INTEGER)]
Sequence = Annotated[int, Field(ge=1, le=MAX_INTEGER)]


class Nothing(Model):
    """An empty object: nothing needs to be said yet, more may be one day."""


class Kdf(Model):
    """Argon2id parameters of docs/spec/02: memory in KiB, passes, lanes."""

    m: int = Field(ge=MIN_KDF_MEMORY_KIB, le=MAX_KDF_MEMORY_KIB, examples=[KDF_MEMORY_KIB])
    t: int = Field(ge=MIN_KDF_TIME, le=MAX_KDF_TIME, examples=[KDF_TIME])
    p: int = Field(ge=MIN_KDF_LANES, le=MAX_KDF_LANES, examples=[KDF_LANES])


class PageQuery(Parameters):
    """A piece of a list: at most ``limit`` items after the cursor ``after``."""

    limit: int = Field(default=DEFAULT_PAGE_ITEMS, ge=1, le=MAX_PAGE_ITEMS)
    after: Cursor | None = None


class Problem(Model):
    """A problem document (RFC 9457). ``code`` is a stable word, the same on the command line."""

    type: str
    title: str
    status: int
    detail: str
    code: str
    request_id: str
    hint: str | None = None
    retry_after: int | None = Field(
        default=None, description="Seconds to wait before trying again."
    )
    missing: list[str] | None = Field(default=None, description="CIDs that were never uploaded.")
    fields: list[dict[str, Any]] | None = Field(
        default=None, description="Fields that break their schema: field, rule, message."
    )
