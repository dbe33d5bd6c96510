"""Two devices of one person: what one has taken back, the other does not give again.

A device may have read the index long ago (an SDK in a service, an open page). Whoever was taken off
a report meanwhile kept its session key: nothing new may be sealed under that (G9).
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import pytest

from hygieia.cli.left_out import warn_of_taken_off
from hygieia.client import Device, Vault
from hygieia.client.index_sync import TakenOff
from hygieia.client.reading import ReportFetcher
from tests.factories.servers import Api
from tests.unit.client.conftest import Person
from tests.unit.client.delegating import give, key, opened_again
from tests.unit.client.people import (
    index_lost,
    meet,
    received,
    share,
    stored,
    two_who_share,
    unshare,
)
from tests.unit.client.test_rekeying import opens, session_key_kept_by
from tests.unit.client.vaults import PASSWORD

pytestmark = pytest.mark.timeout(300)

Second = Callable[[], Awaitable[Vault]]


@pytest.fixture
async def second(api: Api, tmp_path: Path) -> AsyncIterator[Second]:
    """Ana's second device, its vault as it is now."""
    async with AsyncExitStack() as stack:

        async def sign_in() -> Vault:
            device = Device(tmp_path / "second")
            await device.sign_in(api.url, email="ana@example.org", password=PASSWORD)
            return await stack.enter_async_context(device.open(PASSWORD))

        yield sign_in


@pytest.mark.parametrize("heard_of", ["the sharing", "nothing"])
async def test_an_edit_elsewhere_is_not_sealed_under_the_key_of_who_was_taken_off(
    heard_of: str, person: Person, second: Second, tmp_path: Path
) -> None:
    ana, boris, cleo = [await person(name) for name in ("Ana", "Boris", "Cleo")]
    await meet(ana, boris)
    await meet(ana, cleo)
    entry = await share(ana, await stored(ana, tmp_path), cleo)
    if heard_of == "the sharing":
        entry = await share(ana, entry, boris)
    other = await second()
    stale = other.find(entry.id)
    await share(ana, entry, boris)
    kept = await session_key_kept_by(boris, await received(boris))
    await unshare(ana, entry, boris)
    newer = await other.edit(stale, title="Heart failure")
    assert not await opens(boris, kept, newer.cid)
    readers = await other.index.readers(entry.id)
    assert ([each.key for each in readers.readers], readers.removed) == ([key(cleo)], ())


async def test_sharing_elsewhere_does_not_forget_who_was_taken_off(
    person: Person, second: Second, tmp_path: Path
) -> None:
    ana, boris, cleo = [await person(name) for name in ("Ana", "Boris", "Cleo")]
    await meet(ana, boris)
    await meet(ana, cleo)
    entry = await stored(ana, tmp_path)
    other = await second()
    stale = other.find(entry.id)
    await share(ana, entry, boris)
    [his] = (await ana.index.readers(entry.id)).readers
    await unshare(ana, entry, boris)
    await share(other, stale, cleo)
    await ana.index.refresh()
    readers = await ana.index.readers(entry.id)
    assert (readers.removed, readers.removed_packets) == ((key(boris),), (his.pkesk,))


async def test_an_unshare_whose_index_never_followed_is_entered_and_named(
    person: Person, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A server that shows an old header looks the same: so she is told whom it leaves out."""
    ana, boris, entry = await two_who_share(person, tmp_path)
    [his] = (await ana.index.readers(entry.id)).readers
    with index_lost(monkeypatch):
        await unshare(ana, entry, boris)
    await opened_again(ana)
    assert ana.index.taken_off == (TakenOff(entry.id, (key(boris),), 0),)
    readers = await ana.index.readers(entry.id)
    assert (readers.readers, readers.removed) == ((), (key(boris),))
    assert readers.removed_packets == (his.pkesk,)
    said: list[str] = []
    warn_of_taken_off(ana, said.append)
    assert "boris@example.org" in said[0]
    await opened_again(ana)
    assert not ana.index.taken_off, "it is said once"


async def test_sharing_again_whose_index_never_followed_is_entered(
    person: Person, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The packet is a new one, none of those that were dropped: no old header."""
    ana, boris, entry = await two_who_share(person, tmp_path)
    await unshare(ana, entry, boris)
    with index_lost(monkeypatch):
        await share(ana, ana.find(entry.id), boris)
    await opened_again(ana)
    assert (ana.index.refused, ana.index.taken_off) == ((), ())
    readers = await ana.index.readers(entry.id)
    assert [each.key for each in readers.readers] == [key(boris)]
    await unshare(ana, ana.find(entry.id), boris)


@pytest.mark.parametrize("how", ["rekey", "edit"])
async def test_a_delegation_that_ends_while_the_content_flows_gets_no_new_key(
    how: str,
    person: Person,
    second: Second,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    ana, boris, cleo = [await person(name) for name in ("Ana", "Boris", "Cleo")]
    await meet(ana, boris)
    await meet(ana, cleo)
    delegation = await give(ana, boris)
    entry = await share(ana, await stored(ana, tmp_path), cleo)
    await unshare(ana, entry, cleo)
    other, stream = await second(), ReportFetcher.stream

    async def ending(self: ReportFetcher, *args: Any, **named: Any) -> None:  # noqa: ANN401  (passed on)
        await other.delegations.end([delegation])
        await stream(self, *args, **named)

    monkeypatch.setattr(ReportFetcher, "stream", ending)
    if how == "rekey":
        await ana.rekeying.rekey(ana.find(entry.id))
    else:
        await ana.edit(ana.find(entry.id), title="Heart failure")
    assert (await ana.index.readers(entry.id)).readers == ()


async def test_a_list_of_changes_that_is_behind_takes_nobody_off(
    person: Person, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The index has come further: what the list names is true, but it is no more."""
    ana, boris, cleo = [await person(name) for name in ("Ana", "Boris", "Cleo")]
    await meet(ana, boris)
    await meet(ana, cleo)
    earlier = await share(ana, await stored(ana, tmp_path), boris)
    entry = await share(ana, earlier, cleo)
    transport = type(ana.session.transport)
    call = transport.call

    async def behind(self: object, method: str, path: str, **given: Any) -> Any:  # noqa: ANN401  (as the transport's)
        answer = await call(self, method, path, **given)  # type: ignore[arg-type]  # as it came
        if path == "/changes":
            for item in answer.document["items"]:
                item["root"] = earlier.cid
        return answer

    with monkeypatch.context() as patched:
        patched.setattr(transport, "call", behind)
        await opened_again(ana)
    assert (ana.index.refused, ana.index.taken_off) == ((), ())
    assert ana.find(entry.id).cid == entry.cid
    readers = await ana.index.readers(entry.id)
    assert [each.key for each in readers.readers] == [key(boris), key(cleo)]
    assert not readers.removed
    await unshare(ana, entry, cleo)
