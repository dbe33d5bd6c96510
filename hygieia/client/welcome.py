"""What a client does on its own when a vault is opened (docs/spec/17-delegations.md §4, §5).

It takes in what came by the inbox, has the server's list of who may store follow the index, and
gives the user's delegates what others stored for her. None of it stops an opening: what fails is
tried again at the next one, or, where a person has to do something first, when she says so.
"""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

from hygieia.client.changing import Changer
from hygieia.client.delegates import Delegates
from hygieia.client.delegating import Delegator
from hygieia.client.delegation_inbox import DelegationInbox
from hygieia.client.index_sync import NotGiven
from hygieia.client.to_do import ToDo
from hygieia.errors import HygieiaError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from hygieia.blocks.gateway import GatewayReader
    from hygieia.client.index_sync import IndexSync
    from hygieia.client.session import Session
    from hygieia.vault.report_entry import ReportEntry


async def welcome(
    session: Session, index: IndexSync, source: GatewayReader, entered: Sequence[ReportEntry]
) -> None:
    """Take in messages; add delegates to those of ``entered`` that somebody else stored.

    ``index.not_given`` tells then what became of the delegates.
    """
    # Once more: another opening on this device may have had an index without them, and let them go.
    stored = remember_stored(session, index, entered)
    waiting = ToDo(session).read()
    if waiting["permissions"]:
        with contextlib.suppress(HygieiaError):
            await Delegator(session, index, source).settle()
    if waiting["ends"]:
        with contextlib.suppress(HygieiaError):
            await Delegator(session, index, source).tell_ends()
    if index.inbox_waits:
        with contextlib.suppress(HygieiaError):
            await _take_in(session, index, source)
    if not stored and not waiting["reports"]:
        return
    delegates = Delegates(Changer(session, index, source))
    with contextlib.suppress(HygieiaError):
        applied = await delegates.apply_to_new()
        index.not_given = NotGiven(applied.left_out, tuple(applied.failed))


def remember_stored(
    session: Session, index: IndexSync, entries: Sequence[ReportEntry]
) -> list[str]:
    """Keep in mind, and answer, the ids of those of ``entries`` that somebody else stored for her.

    Before they are entered: of one that the index has, nothing tells again that her delegates are
    to be given it. One that never comes to be entered is let go, and found again by the next repair.
    """
    people = index.state.people(session.key.certificate)
    stored = [
        each.id for each in entries if people.is_me(each.owner) and not people.is_me(each.author)
    ]
    if stored:
        with contextlib.suppress(HygieiaError):
            ToDo(session).add(reports=stored)
    return stored


async def _take_in(session: Session, index: IndexSync, source: GatewayReader) -> None:
    to_do = ToDo(session)
    looked_at = to_do.read()["messages"]
    inbox = DelegationInbox(Delegator(session, index, source))
    done = await inbox.take_in(looked_at, shown=False)
    if done.kept:
        to_do.add(messages=done.kept)
