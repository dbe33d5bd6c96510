"""Changes of a report whose answer is lost, or that were made when they are asked for again."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

from hygieia.client.transport import Answer, Transport
from hygieia.domain.report_changes import ReportChanges
from hygieia.errors import Unreachable
from tests.unit.client.conftest import Person
from tests.unit.client.delegating import key
from tests.unit.client.people import meet, share, stored, two_who_share, unshare


def made_meanwhile(monkeypatch: pytest.MonkeyPatch) -> Callable[[], bool]:
    """Let the server make the next change while it is at work on the same one; whether it did."""
    check = ReportChanges._check
    made: list[object] = []

    async def then_made(self: ReportChanges, *asked: Any) -> object:  # noqa: ANN401  (passed on as it came)
        checked = await check(self, *asked)
        if not made:
            made.append(asked)
            caller, upload, _, wanted = asked
            await self.change(caller, upload, wanted)
        return checked

    monkeypatch.setattr(ReportChanges, "_check", then_made)
    return lambda: bool(made)


async def test_what_is_not_answered_is_asked_for_again_under_its_key(
    person: Person, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ana = await person("Ana")
    entry = await stored(ana, tmp_path)
    once = Transport._once
    keys: list[str | None] = []

    async def lost(
        self: Transport,
        method: str,
        path: str,
        data: Any,  # noqa: ANN401  (passed on as it came)
        headers: Mapping[str, str],
        query: Any,  # noqa: ANN401  (passed on as it came)
    ) -> Answer:
        answer = await once(self, method, path, data, headers, query)
        if (method, path) == ("PUT", f"/reports/{entry.id}"):
            keys.append(headers.get("Idempotency-Key"))
            if len(keys) == 1:
                raise Unreachable("The line is cut.")
        return answer

    monkeypatch.setattr(Transport, "_once", lost)
    edited = await ana.edit(entry, title="Blood count")
    again = await ana.edit(edited, title="Blood count, March")
    assert ana.find(entry.id) == again
    first, repeated, another = keys
    assert first is not None
    assert first == repeated
    assert another not in {None, first}


async def test_a_report_is_shared_though_the_same_was_made_meanwhile(
    person: Person, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ana, boris = await person("Ana"), await person("Boris")
    await meet(ana, boris)
    entry = await stored(ana, tmp_path)
    was_made = made_meanwhile(monkeypatch)
    shared = await share(ana, entry, boris)
    assert was_made()
    assert ana.find(entry.id) == shared
    assert [each.key for each in (await ana.index.readers(entry.id)).readers] == [key(boris)]


async def test_a_report_is_edited_though_the_same_was_made_meanwhile(
    person: Person, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ana = await person("Ana")
    entry = await stored(ana, tmp_path)
    was_made = made_meanwhile(monkeypatch)
    edited = await ana.edit(entry, title="Blood count")
    assert was_made()
    assert (ana.find(entry.id), edited.revision) == (edited, entry.revision + 1)


async def test_nobody_is_accused_where_somebody_was_taken_off_meanwhile(
    person: Person, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ana, boris, entry = await two_who_share(person, tmp_path)
    cleo = await person("Cleo")
    await meet(ana, cleo)
    # With one reader left the root is a new one, and not that from before any sharing.
    entry = await share(ana, entry, cleo)
    was_made = made_meanwhile(monkeypatch)
    left = await unshare(ana, entry, boris)
    assert was_made()
    assert ana.find(entry.id) == left
    assert [each.key for each in (await ana.index.readers(entry.id)).readers] == [key(cleo)]
