"""Inboxes, and who may store for whom (docs/spec/17-delegations.md §4-5)."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from hygieia.server.api import Model, Parameters
from hygieia.server.schemas.fields import Bytes, CidText, Email, Hex64, Id, Time
from hygieia.server.schemas.sharing import PersonOut


class MessageIn(Model):
    """An uploaded envelope for somebody's inbox. ``kind`` is what the sender's trail will say."""

    upload: Id
    root: CidText
    email: Email
    kind: Literal["delegation", "delegation-end"]


class MessagePath(Parameters):
    """Names a message."""

    message: Id


class MessageOut(Model):
    """A message that was committed."""

    id: Id
    root: str
    created: Time
    size_bytes: Bytes


class ReceivedOut(MessageOut):
    """A message that waits for the caller."""

    sender: PersonOut | None = Field(description="Whose account sent it; null once it is gone.")


class InboxOut(Model):
    """Messages, oldest first."""

    items: list[ReceivedOut]
    next: str | None


class UploaderPath(Parameters):
    """Names a key."""

    key: Hex64


class UploaderIn(Model):
    """Until when a key may store for the caller: at most 400 days from now."""

    expires: Time


class UploaderOut(Model):
    """A key that may store for the caller."""

    key: Hex64
    expires: Time


class UploadersOut(Model):
    """Everybody who may."""

    items: list[UploaderOut]
