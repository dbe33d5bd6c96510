"""Inboxes, and the permission to store for somebody else (docs/spec/17-delegations.md §4-5)."""

from __future__ import annotations

from typing import Final

from hygieia.domain.access import key_id_of
from hygieia.domain.activity import Event
from hygieia.domain.inbox import KEEP
from hygieia.errors import (
    InvalidInput,
    LimitExceeded,
    NotFound,
    QuotaExceeded,
    TooManyAttempts,
)
from hygieia.ipld.cid import CID
from hygieia.openpgp.times import now, parse_time
from hygieia.server.activity import record
from hygieia.server.api import Call, Routes
from hygieia.server.routes.reports import SHAPE_PROBLEMS
from hygieia.server.routes.sharing import person_out
from hygieia.server.schemas.delegations import (
    InboxOut,
    MessageIn,
    MessageOut,
    MessagePath,
    ReceivedOut,
    UploaderIn,
    UploaderOut,
    UploaderPath,
    UploadersOut,
)
from hygieia.server.schemas.fields import PageQuery

_EVENTS: Final = {"delegation": Event.DELEGATED, "delegation-end": Event.DELEGATION_ENDED}

routes = Routes("delegations")


@routes.add(
    "POST",
    "/api/v1/inbox",
    MessageOut,
    status=201,
    problems=(*SHAPE_PROBLEMS, NotFound, QuotaExceeded, TooManyAttempts),
)
async def post_message(call: Call, body: MessageIn) -> MessageOut:
    """Commit an encrypted message to somebody's inbox, at the caller's room until it is read.

    The server sees that there is one, and nothing of what it says. The same one again is the first.
    """
    caller, services = call.caller, call.services
    upload = await services.uploads.get(caller.account_id, body.upload)
    recipient = await services.identity.directory.account_of(body.email, asker=caller.account_id)
    if recipient is None:
        raise NotFound("Nobody with this email has a vault here.")
    message = await services.inboxes.post(upload, CID.parse(body.root), recipient.id)
    await record(call, _EVENTS[body.kind], people=[await key_id_of(recipient)])
    return MessageOut(
        id=message.id, root=message.root, created=message.created, size_bytes=message.size_bytes
    )


@routes.add("GET", "/api/v1/inbox", InboxOut)
async def list_inbox(call: Call, query: PageQuery) -> InboxOut:
    """List what waits for the caller, oldest first. The client judges each by its own pins."""
    services = call.services
    page = await services.inboxes.page(call.caller.account_id, after=query.after, limit=query.limit)
    items = []
    for message in page.items:
        person = await services.identity.directory.of_account(message.sender)
        items.append(
            ReceivedOut(
                id=message.id,
                root=message.root,
                created=message.created,
                size_bytes=message.size_bytes,
                sender=None if person is None else person_out(person),
            )
        )
    return InboxOut(items=items, next=page.next)


@routes.add("DELETE", "/api/v1/inbox/{message}", None, problems=(NotFound,))
async def acknowledge_message(call: Call, path: MessagePath) -> None:
    """Acknowledge a message: it is no longer kept, and its sender has the room back."""
    await call.services.inboxes.acknowledge(call.caller.account_id, path.message)


@routes.add("GET", "/api/v1/uploaders", UploadersOut)
async def list_uploaders(call: Call) -> UploadersOut:
    """List whose keys may store for the caller."""
    found = await call.services.uploaders.all_of(call.caller.account_id)
    return UploadersOut(items=[UploaderOut(key=each.key, expires=each.expires) for each in found])


@routes.add("PUT", "/api/v1/uploaders/{key}", UploaderOut, problems=(LimitExceeded,))
async def allow_uploader(call: Call, path: UploaderPath, body: UploaderIn) -> UploaderOut:
    """Let a key store reports for the caller, at her room, until a time.

    Whether what comes in is kept is for the caller's client, by the delegation in her index.
    """
    expires = parse_time(body.expires)
    if not now() < expires <= now() + KEEP:
        raise InvalidInput("The permission ends within 400 days, and not before now.")
    allowed = await call.services.uploaders.allow(call.caller.account_id, path.key, expires)
    return UploaderOut(key=allowed.key, expires=allowed.expires)


@routes.add("DELETE", "/api/v1/uploaders/{key}", None, problems=(NotFound,))
async def forbid_uploader(call: Call, path: UploaderPath) -> None:
    """Take the permission back: from now on nothing of that key is committed for the caller."""
    await call.services.uploaders.forbid(call.caller.account_id, path.key)
