"""People found by email, and who shares what with whom."""

from __future__ import annotations

from pydantic import Field

from hygieia.server.api import Model
from hygieia.server.schemas.fields import Bytes, Email, Hex64, Id, Rev, Time


class FindIn(Model):
    """Whom to look for."""

    email: Email


class PersonOut(Model):
    """What the server says of a person: a hint, until the client has pinned the certificate."""

    email: str
    name: str
    certificate: str


class ShareOut(Model):
    """A share note, and who handed it in (16.1). The client verifies the note."""

    report: Id
    reader: Hex64
    sharer: Hex64
    pkesk: Hex64 = Field(description="SHA-256 of the packet that the note names.")
    created: Time
    note: str


class SharesOut(Model):
    """Share notes, oldest first."""

    items: list[ShareOut]
    next: str | None


class SharedOut(Model):
    """A report that somebody shares with the caller."""

    share: ShareOut
    root: str = Field(description="CID of the report's current root.")
    rev: Rev
    size_bytes: Bytes
    sharer: PersonOut | None = Field(description="Whose account handed the note in.")


class SharedWithMeOut(Model):
    """Reports shared with the caller, newest first."""

    items: list[SharedOut]
    next: str | None
