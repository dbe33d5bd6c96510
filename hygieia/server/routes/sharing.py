"""People and what they share: finding somebody, who reads a report, what is shared with me."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hygieia.domain.access import key_id_of
from hygieia.errors import NotFound, TooManyAttempts
from hygieia.server.api import Call, Repeats, Routes
from hygieia.server.schemas.fields import PageQuery
from hygieia.server.schemas.reports import ReportPath
from hygieia.server.schemas.sharing import (
    FindIn,
    PersonOut,
    SharedOut,
    SharedWithMeOut,
    ShareOut,
    SharesOut,
)

if TYPE_CHECKING:
    from hygieia.domain.directory import Person
    from hygieia.domain.shares import Share

routes = Routes("sharing")


@routes.add(
    "POST",
    "/api/v1/people/find",
    PersonOut,
    repeats=Repeats.HARMLESS,
    problems=(NotFound, TooManyAttempts),
)
async def find_person(call: Call, body: FindIn) -> PersonOut:
    """Find a person by email.

    The answer is a hint: pin the certificate on first use and compare the safety number.
    """
    directory = call.services.identity.directory
    return person_out(await directory.find(call.caller.account_id, body.email))


@routes.add("GET", "/api/v1/reports/{report}/shares", SharesOut, problems=(NotFound,))
async def list_shares(call: Call, path: ReportPath, query: PageQuery) -> SharesOut:
    """List a report's share notes: all of them to its owner, to others those by or for them."""
    caller, stores = call.caller, call.services.stores
    report = await stores.access.report(caller.account, path.report)
    page = await stores.shares.of_report(report.id, after=query.after, limit=query.limit)
    shares = page.items
    if report.account != caller.account_id:
        mine = await key_id_of(caller.account)
        shares = tuple(share for share in shares if mine in (share.reader, share.sharer))
    return SharesOut(items=[_share_out(share) for share in shares], next=page.next)


@routes.add("GET", "/api/v1/shared", SharedWithMeOut)
async def list_shared(call: Call, query: PageQuery) -> SharedWithMeOut:
    """List reports that others share with the caller's key, newest first.

    A hint too: the client opens each report, verifies note and meta, and enters what it accepts
    in its own index.
    """
    caller, services = call.caller, call.services
    mine = await key_id_of(caller.account)
    page = await services.stores.shares.received(mine, after=query.after, limit=query.limit)
    items = []
    for share in page.items:
        report = await services.stores.access.shared_report(share.report)
        if report is None or report.account == caller.account_id:
            continue
        person = await services.identity.directory.of_account(share.account)
        items.append(
            SharedOut(
                share=_share_out(share),
                root=report.root,
                rev=report.rev,
                size_bytes=report.size_bytes,
                sharer=None if person is None else person_out(person),
            )
        )
    return SharedWithMeOut(items=items, next=page.next)


def person_out(person: Person) -> PersonOut:
    """What is said of a person."""
    return PersonOut(email=person.email, name=person.name, certificate=person.certificate)


def _share_out(share: Share) -> ShareOut:
    return ShareOut(
        report=share.report,
        reader=share.reader,
        sharer=share.sharer,
        pkesk=share.pkesk,
        created=share.created,
        note=share.note,
    )
