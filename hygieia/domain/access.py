"""Who may see a report: its owner, and whoever a live share note names (docs/spec/16-sharing.md)."""

from __future__ import annotations

import asyncio
import functools
from typing import TYPE_CHECKING

from hygieia.domain.reports import Report, Reports, State
from hygieia.errors import NotFound
from hygieia.openpgp.certificates import Certificate

if TYPE_CHECKING:
    from hygieia.domain.account import Account
    from hygieia.domain.shares import Shares


async def key_id_of(account: Account) -> str:
    """The key id of an account's certificate."""
    return await asyncio.to_thread(_key_id, account.certificate)


@functools.lru_cache(maxsize=1024)
def _key_id(armored: str) -> str:
    """Asked for with nearly every request of a reader; the same text is the same key for ever."""
    return Certificate.parse(armored).key_id


class Access:
    """Decides by what is stored now: a reader taken off is a stranger at once."""

    def __init__(self, reports: Reports, shares: Shares) -> None:
        self._reports = reports
        self._shares = shares

    async def shared_report(self, report_id: str) -> Report | None:
        """A report that a live note names, unless it is gone or in the trash."""
        report = await self._reports.find(report_id)
        return report if report is not None and report.state is State.LIVE else None

    async def report(self, caller: Account, report_id: str) -> Report:
        """The report, to its owner in the trash too. ``NotFound`` for everyone else's (CL-02)."""
        report = await self._reports.find(report_id)
        if report is not None and report.is_visible:
            if report.account == caller.id:
                return report
            if report.state is State.LIVE and await self._shares.reads(
                await key_id_of(caller), report_id
            ):
                return report
        raise NotFound("There is no such report.")
