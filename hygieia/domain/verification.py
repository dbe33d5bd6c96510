"""Verifying all copies: every account's reports and index, on every node, and mending what is short.

One *run* goes through all accounts. Where it has come to is a document, so that whoever goes on
with it, in this process or another, repeats a few reports at most. A lease gives it to one at a
time. What is found stands in ``copies``.
"""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Final

from hygieia.blocks.nodes import CopyKeeper, CopyNode
from hygieia.domain.account import COLLECTION as ACCOUNTS
from hygieia.domain.copies import Copies, CopyBook, Summary, counted
from hygieia.domain.copy_check import CopyCheck, Pace, look_at_peers
from hygieia.domain.index import index_pin_name
from hygieia.domain.reports import COLLECTION as REPORTS
from hygieia.domain.reports import Report, State, read_report
from hygieia.domain.verify_runs import Run, RunBook
from hygieia.errors import BlockMissing
from hygieia.ipld.cid import CID
from hygieia.limits import MAX_PAGE_ITEMS
from hygieia.openpgp.times import format_time, now, parse_time

if TYPE_CHECKING:
    from hygieia.domain.copies import NodeCopy, SubjectKind
    from hygieia.domain.index import Indexes
    from hygieia.domain.leases import Leases
    from hygieia.domain.stores import Stores

LEASE: Final = "verify"
LEASE_SECONDS: Final = 600
_REPORTS_AT_ONCE: Final = 16
_STATES: Final = (State.LIVE, State.TRASH, State.KEPT)


@dataclass(frozen=True, slots=True)
class CopyRules:
    """Where copies should be, the server's own store first, and how fast they may be read."""

    nodes: Sequence[CopyNode]
    wanted: int
    pace: Pace
    keeper: CopyKeeper | None = None


class Verifier:
    """Runs verifications over the nodes given, the server's own first."""

    def __init__(
        self,
        stores: Stores,
        indexes: Indexes,
        leases: Leases,
        rules: CopyRules,
        *,
        clock: Callable[[], datetime] = now,
    ) -> None:
        self._stores = stores
        self._indexes = indexes
        self._leases = leases
        self._rules = rules
        self._now = clock
        self._check = CopyCheck(rules.nodes, rules.pace)
        self._runs = RunBook(stores.documents)
        self.book = CopyBook(stores.documents)

    async def close(self) -> None:
        """Let go of the nodes' connections."""
        for node in self._rules.nodes:
            await node.close()

    async def last(self) -> Run | None:
        """The last run over these nodes that came to its end."""
        return await self._runs.last(self._key())

    async def is_due(self, hours: int) -> bool:
        """Whether a run was left unfinished, or the last one began so many hours ago."""
        if await self._runs.unfinished(self._key()) is not None:
            return True
        last = await self.last()
        return last is None or self._now() - parse_time(last.started) >= timedelta(hours=hours)

    async def run(self, on_read: Callable[[int], None] | None = None) -> Run | None:
        """Go on with the run under way, or begin one; None while another does so.

        ``on_read`` is given the bytes read from the server's own store, piece by piece. Raises
        ``Unavailable`` when the server's own stores do not answer: run again to go on.
        """
        async with self._leases.keep(LEASE, LEASE_SECONDS) as ours:
            if not ours:
                return None
            self._check.begin(on_read)
            started = format_time(self._now())
            key = self._key()
            run = await self._runs.unfinished(key) or Run(secrets.token_hex(8), key, started)
            return await self._go_on(run)

    def beside(self) -> Verifier:
        """Another over the same nodes, for looks while a run goes on. Closing is this one's."""
        return Verifier(self._stores, self._indexes, self._leases, self._rules, clock=self._now)

    async def look_at(self, report: Report) -> Copies | None:
        """Look at one report, note and return what was found; None if it was purged meanwhile."""
        self._check.begin(None)
        key = self._key()
        at = format_time(self._now())
        # Under the run that is under way, or the last: so it is not taken for a leftover.
        run = await self._runs.unfinished(key) or await self._runs.last(key) or Run("", key, at)
        await self._report(run, report)
        return await self.book.get("report", report.id)

    async def stored_bytes(self) -> int:
        """How much there is to read on one node, by what reports say of themselves."""
        total, after = 0, None
        while True:
            page = await self._stores.documents.scan(REPORTS, after=after, limit=MAX_PAGE_ITEMS)
            total += sum(read_report(document).size_bytes for document in page.items)
            if page.next is None:
                return total
            after = page.next

    # -- a run -------------------------------------------------------------------------------

    async def _go_on(self, run: Run) -> Run:
        while True:
            page = await self._stores.documents.scan(ACCOUNTS, after=run.accounts_after, limit=1)
            for item in page.items:
                if run.account != item.id:
                    run = replace(run, account=item.id, state=0, after=None, sums=(0, 0, 0))
                run = await self._account(run, item.id)
            if page.next is None:
                run = replace(run, finished=format_time(self._now()))
                await self._runs.finish(run)
                return run
            run = replace(run, account=None, accounts_after=page.next)
            await self._runs.save(run)

    async def _account(self, run: Run, account: str) -> Run:
        while run.state < len(_STATES):
            page = await self._stores.reports.page(
                account, state=_STATES[run.state], after=run.after, limit=_REPORTS_AT_ONCE
            )
            for report in page.items:
                run = await self._report(run, report)
            done = page.next is None
            run = replace(run, after=page.next, state=run.state + 1 if done else run.state)
            await self._runs.save(run)
        run = await self._index(run, account)
        reports, safe, short = run.sums
        at = format_time(self._now())
        await self.book.forget_older(account, run.id)
        await self.book.summarise(
            Summary(account, run.id, at, self._rules.wanted, reports, safe, short)
        )
        return run

    async def _report(self, run: Run, report: Report) -> Run:
        roots = await self._roots(report)
        named = [(CID.parse(root), report.pin_name) for root in roots]
        copies = await self._look(run, "report", report.id, report.account, named)
        current = await self._stores.reports.find(report.id)
        if current is not None and current.state not in _STATES:
            current = None
        # What was purged meanwhile, or ended by a new key, is not to stay pinned by the look.
        kept = await self._roots(current) if current is not None else []
        for cid, name in named:
            if str(cid) not in kept:
                await self._stores.blocks.unpin(cid, name=name)
        if current is None:
            return run
        await self.book.note(copies)
        summary = counted(Summary("", "", "", 0, *run.sums), copies)
        run = replace(run, sums=(summary.reports, summary.safe, summary.short))
        return self._counted(run, copies, reports=1)

    async def _index(self, run: Run, account: str) -> Run:
        index = await self._indexes.get(account)
        roots = [root for root in (index.root, index.previous, index.kit_root) if root is not None]
        if not roots:
            return run
        named = [(CID.parse(root), index_pin_name(account)) for root in dict.fromkeys(roots)]
        copies = await self._look(run, "index", account, account, named)
        kept = (await self._indexes.get(account)).pinned
        for cid, name in named:
            if str(cid) not in kept:
                await self._stores.blocks.unpin(cid, name=name)
        await self.book.note(copies)
        return self._counted(run, copies, indexes=1)

    async def _look(
        self,
        run: Run,
        kind: SubjectKind,
        subject: str,
        account: str,
        roots: Sequence[tuple[CID, str]],
    ) -> Copies:
        at = format_time(self._now())
        nodes: tuple[NodeCopy, ...] = await self._check.look(roots, at)
        for cid, name in roots:
            await self._pin_again(cid, name)
        short = 0
        if self._rules.keeper is not None:
            peers, short = await look_at_peers(self._rules.keeper, *roots[0])
            nodes += peers
        root = str(roots[0][0])
        return Copies(kind, subject, account, root, self._rules.wanted, at, run.id, nodes, short)

    def _counted(self, run: Run, copies: Copies, **more: int) -> Run:
        """The run with what was just read, which begins anew."""
        read = self._check.read
        counts = run.counts.plus(
            blocks=read.blocks,
            size_bytes=read.size_bytes,
            mended=read.mended,
            safe=0 if copies.is_short else 1,
            short=1 if copies.is_short else 0,
            **more,
        )
        read.blocks = read.size_bytes = read.mended = 0
        return replace(run, counts=counts)

    async def _pin_again(self, root: CID, name: str) -> None:
        """See that it is pinned, here and where copies are kept; who purges meanwhile is seen."""
        try:
            await self._stores.blocks.pin(root, name=name)
        except BlockMissing:
            return  # told already, as missing

    async def _roots(self, report: Report) -> list[str]:
        """The current root, then those of earlier versions."""
        return [report.root, *[root async for root in self._older_roots(report)]]

    async def _older_roots(self, report: Report) -> AsyncIterator[str]:
        after: str | None = None
        while True:
            page = await self._stores.reports.versions(report, after=after, limit=MAX_PAGE_ITEMS)
            for version in page.items:
                if version.root != report.root:
                    yield version.root
            if page.next is None:
                return
            after = page.next

    def _key(self) -> str:
        """A word for the nodes that a run is over: with others it is another run."""
        rules = self._rules
        names = sorted(f"{node.kind} {node.name}" for node in rules.nodes)
        names.append(f"wanted {rules.wanted} cluster {rules.keeper is not None}")
        return hashlib.sha256("\n".join(names).encode()).hexdigest()[:32]
