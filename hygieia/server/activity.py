"""Telling an account's trail what a request has done (docs/spec/18-activity.md).

One call, after the work. The trail never fails a request: what was done is done, and whoever only
reads goes on reading when nothing can be written. What could not be recorded is logged.
"""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Final

from hygieia.domain.access import key_id_of
from hygieia.domain.activity import Event, Happening
from hygieia.errors import HygieiaError
from hygieia.server.callers import client_address
from hygieia.server.logs import get_log
from hygieia.server.request_ids import REQUEST_ID

if TYPE_CHECKING:
    from collections.abc import Sequence

    from hygieia.domain.account import Account
    from hygieia.domain.reports import Report
    from hygieia.domain.sign_in import Started
    from hygieia.server.api import Call

FETCHED_AGAIN_AFTER: Final = timedelta(hours=1)


async def record(
    call: Call,
    event: Event,
    *,
    account: str | None = None,
    reports: Sequence[str] = (),
    people: Sequence[str] = (),
) -> None:
    """Enter what the caller did in the trail of ``account``, by default her own.

    ``reports`` are ids, ``people`` the key ids of those whom it was done for or to.
    """
    caller = call.caller
    await _append(
        call,
        account or caller.account_id,
        caller.account,
        event,
        caller.session.label,
        reports,
        people,
    )


async def record_started(call: Call, event: Event, started: Started) -> None:
    """Enter a session that has just begun, where nobody called yet."""
    await _append(call, started.account.id, started.account, event, started.session.label)


async def record_fetched(call: Call, report: Report) -> None:
    """Enter that the caller read of a report: once an hour for each session and revision."""
    caller, label = call.caller, call.caller.session.label
    # What a revision says, and after a re-key the key that opens it, are news to whoever reads it.
    key = f"{caller.session.id} {report.id} {report.meta_payload}"
    try:
        told = await _happening(call, caller.account, Event.FETCHED, label, [report.id])
        await call.services.stores.activity.append_once(
            report.account, told, key=key, within=FETCHED_AGAIN_AFTER
        )
    except HygieiaError as error:
        _log(call, Event.FETCHED, error)


async def _append(
    call: Call,
    account: str,
    actor: Account,
    event: Event,
    device: str,
    reports: Sequence[str] = (),
    people: Sequence[str] = (),
) -> None:
    try:
        told = await _happening(call, actor, event, device, reports, people)
        await call.services.stores.activity.append(account, told)
    except HygieiaError as error:
        _log(call, event, error)


async def _happening(
    call: Call,
    actor: Account,
    event: Event,
    device: str,
    reports: Sequence[str] = (),
    people: Sequence[str] = (),
) -> Happening:
    return Happening(
        event,
        by=await key_id_of(actor),
        address=client_address(call.request, call.services.settings),
        device=device,
        reports=reports,
        people=people,
    )


def _log(call: Call, event: Event, error: HygieiaError) -> None:
    get_log().warning(
        "activity-not-recorded",
        request_id=call.request[REQUEST_ID],
        activity=str(event),
        code=error.code,
    )
