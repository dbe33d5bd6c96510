"""What a client does on its own when a vault is opened (docs/spec/17-delegations.md §4, §5).

It takes in what came by the inbox, and gives the user's delegates what others stored for her. None
of it stops an opening: what fails is tried again at the next one.
"""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

from hygieia.client.changing import Changer
from hygieia.client.delegates import Delegates, ToDo
from hygieia.client.delegating import Delegator
from hygieia.client.delegation_inbox import DelegationInbox
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
    """Take in messages; add delegates to those of ``entered`` that somebody else stored."""
    if index.inbox_waits:
        with contextlib.suppress(HygieiaError):
            await _take_in(session, index, source)
    people = index.state.people(session.key.certificate)
    stored = [
        each.id for each in entered if people.is_me(each.owner) and not people.is_me(each.author)
    ]
    if not stored:
        return
    delegates = Delegates(Changer(session, index, source))
    with contextlib.suppress(HygieiaError):
        delegates.to_do.add(reports=stored)
        await delegates.apply_to_new()


async def _take_in(session: Session, index: IndexSync, source: GatewayReader) -> None:
    to_do = ToDo(session)
    looked_at = to_do.read()["messages"]
    inbox = DelegationInbox(Delegator(session, index, source))
    done = await inbox.take_in(looked_at, shown=False)
    if done.kept:
        to_do.add(messages=done.kept)
