"""The list of changes on every document store: no device passes a change over, however slow its write."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

import pytest

from hygieia.documents.port import DocumentStore
from hygieia.domain.changes import LAG, Change, Changes
from tests.contract.documents.conftest import Clock
from tests.people import ADA

SLOW, QUICK = (Change(digit * 32, None, 1, False) for digit in "12")


@dataclass
class Slow:
    """A store whose first write of a kind lets something else happen before it is made."""

    store: DocumentStore
    kind: str
    meanwhile: Callable[[], Awaitable[None]] | None

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401  (whatever the store has there)
        asked = getattr(self.store, name)
        if name != self.kind or self.meanwhile is None:
            return asked
        happens, self.meanwhile = self.meanwhile, None

        async def later(*arguments: Any, **named: Any) -> Any:  # noqa: ANN401  (the store's own)
            await happens()
            return await asked(*arguments, **named)

        return later


@pytest.mark.parametrize("kind", ["insert", "replace"])
@pytest.mark.parametrize("of_lag", [0.4, 1.5, 20], ids=["in time", "late", "very late"])
async def test_a_change_written_slowly_is_told_to_who_has_read_later_ones(
    store: DocumentStore, clock: Clock, kind: str, of_lag: float
) -> None:
    changes = Changes(store, clock=clock)
    if kind == "replace":
        await changes.record(ADA.account, SLOW)
        clock.forward(3600)
    cursors: list[str] = []

    async def meanwhile() -> None:
        await changes.record(ADA.account, QUICK)
        clock.forward(of_lag * LAG.total_seconds())
        page = await changes.page(ADA.account, None, 100)
        assert QUICK in page.items
        cursors.append(page.next)

    slow: Any = Slow(store, kind, meanwhile)
    again = Change(SLOW.report, None, 2, False)
    await Changes(slow, clock=clock).record(ADA.account, again)
    clock.forward(1)
    assert again in (await changes.page(ADA.account, cursors[0], 100)).items
