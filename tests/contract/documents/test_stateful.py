"""Random calls on a store and on a dictionary: no order of calls tells them apart."""

from __future__ import annotations

import asyncio
import tempfile
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, rule, run_state_machine_as_test

from hygieia.documents.port import KEPT, Document, DocumentStore, Kept
from hygieia.errors import Duplicate, HygieiaError, NotFound, StaleRevision

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

T = TypeVar("T")


class Clock(Protocol):
    now: datetime

    def forward(self, seconds: float) -> None: ...


IDS = st.sampled_from(["a", "A", "b", "~"])
SCOPES = st.sampled_from([None, "p", "q"])
SORTS = st.sampled_from(["", "0", "00", "a"])
UNIQUES = st.sampled_from([None, "u", "v"])
LIFETIMES = st.sampled_from([None, 10, 100])
REVS = st.integers(1, 3)
NAMES = st.text(st.characters(exclude_categories=["Cs"], exclude_characters=".$\0"), min_size=1)
VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**53) + 1, 2**53 - 1)
    | st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=6),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(NAMES, inner, max_size=2),
    max_leaves=4,
)
BODIES = st.dictionaries(NAMES, VALUES, max_size=3)


@dataclass
class Model:
    """What the port's docstrings say, over a dictionary."""

    clock: Clock
    documents: dict[str, Document]

    def live(self, document_id: str) -> Document | None:
        found = self.documents.get(document_id)
        if found is None or (found.expires is not None and found.expires <= self.clock.now):
            return None
        return found

    def find(self, unique: str) -> Document | None:
        held = [d for d in map(self.live, self.documents) if d is not None and d.unique == unique]
        return held[0] if held else None

    def put(self, document: Document) -> Document:
        holder = None if document.unique is None else self.find(document.unique)
        if holder is not None and holder.id != document.id:
            raise Duplicate("")
        self.documents[document.id] = document
        return document

    def insert(self, document: Document) -> Document:
        if self.live(document.id) is not None:
            raise Duplicate("")
        return self.put(document)

    def replace(self, document_id: str, rev: int, changes: dict[str, Any]) -> Document:
        found = self.live(document_id)
        if found is None:
            raise NotFound("")
        if found.rev != rev:
            raise StaleRevision("")
        kept = {name: value for name, value in changes.items() if value is not KEPT}
        return self.put(replace(found, rev=rev + 1, **kept))

    def delete(self, document_id: str, rev: int | None) -> bool:
        found = self.live(document_id)
        if found is not None and rev not in (None, found.rev):
            raise StaleRevision("")
        self.documents.pop(document_id, None)
        return found is not None

    def ordered(self, scope: str) -> list[Document]:
        listed = [d for d in map(self.live, self.documents) if d is not None and d.scope == scope]
        return sorted(listed, key=lambda document: (document.sort, document.id))


class Machine(RuleBasedStateMachine):
    open: Callable[[Path], Awaitable[DocumentStore]]
    clock: Clock

    def __init__(self) -> None:
        super().__init__()
        self.runner = asyncio.Runner()
        self.folder = tempfile.TemporaryDirectory()
        self.store: DocumentStore = self.run(type(self).open(Path(self.folder.name)))
        self.model = Model(self.clock, {})

    def run(self, call: Awaitable[T]) -> T:
        async def awaited() -> T:
            return await call

        return self.runner.run(awaited())

    def agree(self, call: Awaitable[Any], expected: Callable[[], Any]) -> None:
        """Both return the same, or both raise the same."""
        try:
            wanted = expected()
        except HygieiaError as error:
            with pytest.raises(type(error)):
                self.run(call)
        else:
            assert self.run(call) == wanted

    def until(self, seconds: int | None) -> datetime | None:
        return None if seconds is None else self.clock.now + timedelta(seconds=seconds)

    @rule(name=IDS, body=BODIES, scope=SCOPES, sort=SORTS, unique=UNIQUES, seconds=LIFETIMES)
    def insert(
        self,
        name: str,
        body: dict[str, Any],
        scope: str | None,
        sort: str,
        unique: str | None,
        seconds: int | None,
    ) -> None:
        until = self.until(seconds)
        self.agree(
            self.store.insert(
                "things", name, body, scope=scope, sort=sort, unique=unique, expires=until
            ),
            lambda: self.model.insert(Document(name, 1, body, scope, sort, unique, until)),
        )

    @rule(
        name=IDS,
        rev=REVS,
        body=BODIES,
        scope=SCOPES | st.just(KEPT),
        sort=SORTS | st.just(KEPT),
        unique=UNIQUES | st.just(KEPT),
        seconds=LIFETIMES | st.just(KEPT),
    )
    def replace(
        self,
        name: str,
        rev: int,
        body: dict[str, Any],
        scope: str | Kept | None,
        sort: str | Kept,
        unique: str | Kept | None,
        seconds: int | Kept | None,
    ) -> None:
        until = KEPT if isinstance(seconds, Kept) else self.until(seconds)
        changes = {"scope": scope, "sort": sort, "unique": unique, "expires": until}
        self.agree(
            self.store.replace(
                "things", name, rev, body, scope=scope, sort=sort, unique=unique, expires=until
            ),
            lambda: self.model.replace(name, rev, {"body": body, **changes}),
        )

    @rule(name=IDS, rev=st.none() | REVS)
    def delete(self, name: str, rev: int | None) -> None:
        self.agree(self.store.delete("things", name, rev=rev), lambda: self.model.delete(name, rev))

    @rule(name=IDS)
    def get(self, name: str) -> None:
        self.agree(self.store.get("things", name), lambda: self.model.live(name))

    @rule(unique=st.sampled_from(["u", "v"]))
    def find(self, unique: str) -> None:
        self.agree(self.store.find("things", unique), lambda: self.model.find(unique))

    @rule(scope=st.sampled_from(["p", "q"]), limit=st.integers(1, 3), newest=st.booleans())
    def page_through(self, scope: str, limit: int, newest: bool) -> None:
        listed: list[Document] = []
        after: str | None = None
        while True:
            page = self.run(
                self.store.page("things", scope, after=after, limit=limit, newest_first=newest)
            )
            listed += page.items
            after = page.next
            if after is None:
                break
        assert listed == self.model.ordered(scope)[:: -1 if newest else 1]

    @rule(seconds=st.sampled_from([1, 10, 100]))
    def wait(self, seconds: int) -> None:
        self.clock.forward(seconds)

    @rule(limit=st.integers(1, 3))
    def purge(self, limit: int) -> None:
        self.run(self.store.purge_expired(self.clock.now, limit))

    @rule()
    def open_again(self) -> None:
        self.run(self.store.close())
        self.store = self.run(type(self).open(Path(self.folder.name)))

    def teardown(self) -> None:
        self.run(self.store.close())
        self.runner.close()
        self.folder.cleanup()


@pytest.mark.slow
def test_a_store_cannot_be_told_from_a_dictionary(
    open_store: Callable[[Path], Awaitable[DocumentStore]], clock: Clock
) -> None:
    class OfThisAdapter(Machine):
        pass

    OfThisAdapter.open = staticmethod(open_store)
    OfThisAdapter.clock = clock
    run_state_machine_as_test(
        OfThisAdapter,
        settings=settings(max_examples=40, stateful_step_count=30, deadline=None),
    )
