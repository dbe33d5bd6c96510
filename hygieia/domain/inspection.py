"""Running inspections: generators that ask for facts of blocks and end with a verdict.

A shape is checked without I/O by a generator (``report_shape``, ``index_shape``). Here many are run
together: in a thread as far as remembered facts carry them, then on with what the store tells,
a few at a time, so that neither the event loop nor memory feels how many there are.
"""

from __future__ import annotations

import asyncio
from collections.abc import Generator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Generic, TypeVar

from hygieia.domain.block_facts import BlockFacts, Facts, Wanted
from hygieia.errors import BlockMissing, DagRefused, HygieiaError

if TYPE_CHECKING:
    from collections.abc import Sequence

T = TypeVar("T")
Inspection = Generator[Wanted, Facts, T]

_TOGETHER: Final = 16
MAX_MISSING_NAMED: Final = 4096


@dataclass(slots=True)
class _Run(Generic[T]):
    """One inspection under way: what it waits for, or how it ended."""

    inspection: Inspection[T]
    wanted: Wanted | None = None
    result: T | HygieiaError | None = None

    def resume(self, facts: Facts) -> None:
        """Give it facts; it asks for the next or ends."""
        try:
            self.wanted = self.inspection.send(facts)
        except StopIteration as end:
            self.wanted, self.result = None, end.value
        except HygieiaError as error:
            self.wanted, self.result = None, error

    def start(self) -> None:
        """Let it ask for its first facts."""
        self.wanted = next(self.inspection)

    def answer(self, wanted: Wanted, found: Facts) -> None:
        """Give it what the store told, or end it for what the store does not have."""
        missing = [str(cid) for cid in wanted if cid not in found]
        if missing:
            self._end(BlockMissing("Blocks are missing.", missing=missing[:MAX_MISSING_NAMED]))
        elif any(not found[cid].is_whole for cid in wanted.whole):
            self._end(DagRefused("A node is too large."))
        else:
            self.resume(found)

    def _end(self, error: HygieiaError) -> None:
        self.inspection.close()
        self.wanted, self.result = None, error


async def inspect_all(
    inspections: Sequence[Inspection[T]], facts: BlockFacts
) -> list[T | HygieiaError]:
    """Run inspections to their ends; each ends with its result or its own refusal, in order."""
    runs = [_Run(inspection) for inspection in inspections]
    for run in runs:
        run.start()
    await asyncio.to_thread(_go_on, runs, facts)
    for start in range(0, len(runs), _TOGETHER):
        await _finish(runs[start : start + _TOGETHER], facts)
    return [
        DagRefused("An inspection came to no end.") if run.result is None else run.result
        for run in runs
    ]


async def inspect(inspection: Inspection[T], facts: BlockFacts) -> T:
    """Run one inspection; raises its refusal."""
    result = (await inspect_all([inspection], facts))[0]
    if isinstance(result, HygieiaError):
        raise result
    return result


def _go_on(runs: Sequence[_Run[T]], facts: BlockFacts) -> None:
    """Run each as far as remembered facts carry it."""
    for run in runs:
        while run.wanted is not None:
            known = facts.known(run.wanted)
            if known is None:
                break
            run.resume(known)


async def _finish(runs: Sequence[_Run[T]], facts: BlockFacts) -> None:
    while waiting := [(run, run.wanted) for run in runs if run.wanted is not None]:
        found = await facts.ask([wanted for _, wanted in waiting])
        await asyncio.to_thread(_answer, waiting, found)
        await asyncio.to_thread(_go_on, [run for run, _ in waiting], facts)


def _answer(waiting: Sequence[tuple[_Run[T], Wanted]], found: Facts) -> None:
    for run, wanted in waiting:
        run.answer(wanted, found)
