"""Giving delegates what is stored already (docs/spec/17-delegations.md §5-6).

Which delegations and reports are still to be gone through stands sealed on this device, so an
interrupted run goes on with the next one. A report that a delegate reads already is passed over,
so doing anything twice changes nothing.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from hygieia.client.changing import Changer
from hygieia.client.recipients import delegations_of
from hygieia.client.sharing import Shared, Sharer
from hygieia.client.state import write_atomically
from hygieia.errors import CredentialsError
from hygieia.openpgp.times import now
from hygieia.recovery.driving import read_from
from hygieia.vault.delegation import Delegation, Right
from hygieia.vault.index import PutReaders, load_for
from hygieia.vault.report_entry import ReportEntry
from hygieia.vault.share_note import Readers

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from hygieia.client.session import Session
    from hygieia.vault.delegations import Chosen
    from hygieia.vault.report import Report

    Progress = Callable[[int, int | None, str], None]

_CONTEXT: Final = "delegates-to-do 1"
_AT_ONCE: Final = 32
"""Reports between two renewals of the index."""


class ToDo:
    """What is still to be gone through, on this device."""

    def __init__(self, session: Session) -> None:
        self._path = session.store.to_do_file
        self._key = session.unlocked.state_key
        self._store = session.store

    def read(self) -> dict[str, list[str]]:
        """Ids of ``delegations`` and ``reports``, and of ``messages`` that were looked at."""
        empty: dict[str, list[str]] = {"delegations": [], "reports": [], "messages": []}
        try:
            known: dict[str, Any] = self._key.open(_CONTEXT, self._path.read_text("ascii"))
        except (OSError, ValueError, CredentialsError):
            # Sealed under an earlier password: a delegation can be applied again by name.
            return empty
        return empty | {name: list(ids) for name, ids in known.items() if name in empty}

    def add(self, **ids: Iterable[str]) -> None:
        """Remember more. Raises ``Failed`` when the disk is full."""
        with self._store.locked():
            known = self.read()
            for name, more in ids.items():
                known[name] = list(dict.fromkeys([*known[name], *more]))
            self._write(known)

    def drop(self, **ids: Iterable[str]) -> None:
        """Those are done."""
        with self._store.locked():
            known = self.read()
            for name, done in ids.items():
                gone = set(done)
                known[name] = [each for each in known[name] if each not in gone]
            self._write(known)

    def _write(self, known: dict[str, list[str]]) -> None:
        if any(known.values()):
            write_atomically(self._path, self._key.seal(_CONTEXT, known).encode())
        else:
            self._path.unlink(missing_ok=True)


@dataclass(frozen=True, slots=True)
class Applied:
    """What a run did: the reports that more people read now, of those looked at."""

    changed: tuple[ReportEntry, ...] = ()
    looked_at: int = 0


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

        Raises what stopped it; the next call goes on from there.
        """
        wanted = [*delegations]
        if wanted:
            self.to_do.add(delegations=wanted)
        return await self._work_off(self.to_do.read(), progress)

    async def apply_to_new(self) -> Applied:
        """Go through the reports that others stored; delegations left undone stay so."""
        return await self._work_off(self.to_do.read() | {"delegations": []}, None)

    async def _work_off(self, known: dict[str, list[str]], progress: Progress | None) -> Applied:
        entries = await self._not_open_yet(*await asyncio.to_thread(self._matching, known))
        changed: list[ReportEntry] = []
        for start in range(0, len(entries), _AT_ONCE):
            part = entries[start : start + _AT_ONCE]
            done = await self.add_to(part)
            changed += [each.entry for each in done if each.changed]
            self.to_do.drop(reports=[each.id for each in part])
            if progress is not None:
                progress(start + len(part), len(entries), "")
        self.to_do.drop(delegations=known["delegations"], reports=known["reports"])
        return Applied(tuple(changed), len(entries))

    async def add_to(self, entries: Sequence[ReportEntry]) -> list[Shared]:
        """Add to each report those for whom a delegation acts on it and who do not read it yet."""
        session, index = self.changer.session, self.changer.index
        table = await asyncio.to_thread(delegations_of, index.state, session)

        def chosen(report: Report) -> Chosen:
            return table.readers(report.meta, report.meta.profession, now())

        return await Sharer(self.changer).share_with_delegates(entries, chosen)

    def _matching(self, known: dict[str, list[str]]) -> tuple[list[ReportEntry], list[Delegation]]:
        """The user's own reports outside the trash that any of the delegations may act on.

        The index says no profession, so whether it matches shows once the report is read.
        """
        state = self.changer.index.state
        table = delegations_of(state, self.changer.session)
        found = (table.find(one) for one in known["delegations"])
        acting = [each for each in found if each and table.acts(each, now(), Right.READ)]
        reports, people = set(known["reports"]), self.changer.people
        entries = [
            entry
            for entry in state.reports()
            if entry.deleted is None
            and people.is_me(entry.owner)
            and (entry.id in reports or any(table.may_cover(each, entry) for each in acting))
        ]
        return entries, [] if reports else acting

    async def _not_open_yet(
        self, entries: list[ReportEntry], acting: list[Delegation]
    ) -> list[ReportEntry]:
        """Pass over what an earlier run has opened: those whom the index lists for all of them."""
        if not acting:
            return entries
        index, people = self.changer.index, self.changer.people
        loading = load_for(index.state, [PutReaders(Readers(each.id)) for each in entries])
        index.state = state = await read_from(loading, index.source)
        persons = {people.person(each.receiver) for each in acting}
        return [
            entry
            for entry in entries
            if not persons <= {people.person(one.key) for one in state.readers(entry.id).readers}
        ]
