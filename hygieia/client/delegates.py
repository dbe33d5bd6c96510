"""Giving delegates what is stored already (docs/spec/17-delegations.md §5-6).

Which delegations and reports are still to be gone through stands sealed on this device, so an
interrupted run goes on with the next one. A report that a delegate reads already is passed over,
so doing anything twice changes nothing.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from hygieia.client.changing import Changer
from hygieia.client.recipients import delegations_of
from hygieia.client.sharing import Shared, Sharer
from hygieia.client.to_do import ToDo
from hygieia.errors import HygieiaError
from hygieia.openpgp.times import now
from hygieia.recovery.driving import read_from
from hygieia.vault.delegation import Delegation, Right
from hygieia.vault.index import PutReaders, load_for
from hygieia.vault.report_entry import ReportEntry
from hygieia.vault.share_note import Readers
from hygieia.vault.sharing import LeftOut

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from hygieia.vault.delegations import Chosen
    from hygieia.vault.report import Report

    Progress = Callable[[int, int | None, str], None]

_AT_ONCE: Final = 32
"""Reports between two renewals of the index."""


@dataclass(frozen=True, slots=True)
class Applied:
    """What a run did: the reports that more people read now, of those looked at.

    ``left_out``: delegates who could not be given some of them, each once. ``failed``: what stands
    in the way, by report id. Both stay to be done: ``Delegates.apply`` tries them again.
    """

    changed: tuple[ReportEntry, ...] = ()
    looked_at: int = 0
    left_out: tuple[LeftOut, ...] = ()
    failed: Mapping[str, HygieiaError] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class _Wanted:
    """``acting`` delegations go to past reports; ``stored`` (ids) go to whomever one acts for."""

    acting: tuple[Delegation, ...]
    stored: frozenset[str]


@dataclass(slots=True)
class _Run:
    """What became of the reports so far, by report id; of each report who was left out, by key."""

    shared: list[Shared] = field(default_factory=list)
    left_out: dict[str, dict[str, LeftOut]] = field(default_factory=dict)
    failed: dict[str, HygieiaError] = field(default_factory=dict)

    def leave_out(self, report: str, person: LeftOut) -> None:
        self.left_out.setdefault(report, {})[person.key] = person

    def applied(self, looked_at: int) -> Applied:
        changed = tuple(each.entry for each in self.shared if each.changed)
        people = {key: each for found in self.left_out.values() for key, each in found.items()}
        return Applied(changed, looked_at, tuple(people.values()), self.failed)


@dataclass(slots=True)
class Delegates:
    """Adds delegates to the user's own reports."""

    changer: Changer
    to_do: ToDo = field(init=False)

    def __post_init__(self) -> None:
        self.to_do = ToDo(self.changer.session)

    async def apply(
        self, delegations: Iterable[str] = (), progress: Progress | None = None
    ) -> Applied:
        """Go through past reports for ``delegations`` (ids) and for what was left undone.

        Raises what stopped it; the next call goes on from there. A delegate who cannot be encrypted
        to, and a report that cannot be changed, stop nothing: they are named, and tried again by
        the next call.
        """
        wanted = [*delegations]
        if wanted:
            self.to_do.add(delegations=wanted)
        return await self._work_off(self.to_do.read(), progress)

    async def apply_to_new(self) -> Applied:
        """Go through the reports that others stored; what else was left undone stays so."""
        return await self._work_off(self.to_do.read() | {"delegations": [], "later": []}, None)

    async def _work_off(self, known: dict[str, list[str]], progress: Progress | None) -> Applied:
        wanted = await asyncio.to_thread(self._wanted, known)
        entries = await self._not_open_yet(wanted)
        run = _Run()
        for start in range(0, len(entries), _AT_ONCE):
            part = entries[start : start + _AT_ONCE]
            await self._add_to(part, wanted, run)
            self._remember(part, wanted, run)
            if progress is not None:
                progress(start + len(part), len(entries), "")
        kept = self._not_done(wanted, run)
        self.to_do.drop(
            delegations=[each for each in known["delegations"] if each not in kept],
            reports=known["reports"],
            later=wanted.stored - run.left_out.keys() - run.failed.keys(),
        )
        return run.applied(len(entries))

    def _wanted(self, known: dict[str, list[str]]) -> _Wanted:
        table = delegations_of(self.changer.index.state, self.changer.session)
        found = (table.find(one) for one in known["delegations"])
        acting = (each for each in found if each and table.acts(each, now(), Right.READ))
        return _Wanted(tuple(acting), frozenset([*known["reports"], *known["later"]]))

    def _remember(self, part: Sequence[ReportEntry], wanted: _Wanted, run: _Run) -> None:
        """Nobody else knows of reports that others stored once their opening is over."""
        waiting = run.left_out.keys() | run.failed.keys()
        ids = {each.id for each in part} & wanted.stored
        self.to_do.add(later=ids & waiting)
        self.to_do.drop(reports=ids)

    def _not_done(self, wanted: _Wanted, run: _Run) -> set[str]:
        """Those of the delegations that did not come to every report."""
        people = self.changer.people
        absent = {people.person(key) for found in run.left_out.values() for key in found}
        return {
            each.id
            for each in wanted.acting
            if run.failed.keys() - wanted.stored or people.person(each.receiver) in absent
        }

    async def _add_to(self, entries: Sequence[ReportEntry], wanted: _Wanted, run: _Run) -> None:
        """Add to each report those for whom it is wanted and who do not read it yet."""
        session, people = self.changer.session, self.changer.people
        table = await asyncio.to_thread(delegations_of, self.changer.index.state, session)

        def chosen(report: Report) -> Chosen:
            meta = report.meta
            found = table.readers(meta, meta.profession, now())
            if meta.id in wanted.stored:
                return found
            # Who was given only what comes from now on is not given the past with somebody else.
            covering = (each for each in wanted.acting if table.covers(each, meta, meta.profession))
            return found.among({people.person(each.receiver) for each in covering}, people)

        sharer = Sharer(self.changer)
        run.shared += await sharer.share_with_delegates(
            entries, chosen, left_out=run.leave_out, failed=run.failed
        )

    async def _not_open_yet(self, wanted: _Wanted) -> list[ReportEntry]:
        """The user's own reports outside the trash that are wanted, but for those that are done.

        Any of the delegations may act on them: the index says no profession, so whether it matches
        shows once the report is read. Done are those that it lists for each of the delegates by
        the key that is hers now: who lost the one before reads nothing by it.
        """
        index, people = self.changer.index, self.changer.people
        table = await asyncio.to_thread(delegations_of, index.state, self.changer.session)
        entries = [
            entry
            for entry in index.state.reports()
            if entry.deleted is None
            and people.is_me(entry.owner)
            and (
                entry.id in wanted.stored
                or any(table.may_cover(each, entry) for each in wanted.acting)
            )
        ]
        loading = load_for(index.state, [PutReaders(Readers(each.id)) for each in entries])
        index.state = state = await read_from(loading, index.source)
        keys = {people.person(each.receiver) for each in wanted.acting}
        return [
            entry
            for entry in entries
            if entry.id in wanted.stored
            or not keys <= {one.key for one in state.readers(entry.id).readers}
        ]
