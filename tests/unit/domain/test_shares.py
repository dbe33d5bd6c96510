"""Share notes at the server: told to their reader once they count, and no longer than that."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from hygieia.documents.port import Body, Document
from hygieia.documents.sqlite import open_sqlite
from hygieia.domain.shares import RECEIVED, Share, Shares, ShareState, Sharing, read_notes
from hygieia.errors import NoteRefused, RecipientRefused
from hygieia.vault.share_note import Share as SaidShare
from hygieia.vault.share_note import sign_share
from tests.unit.vault.factories import NOW, ana, boris, key_of

REPORT, OTHER = "ab" * 16, "cd" * 16


def packet(number: int) -> str:
    return f"{number:064x}"


def note(number: int, report: str = REPORT) -> str:
    said = SaidShare(report, boris().key_id, packet(number), None, NOW)
    return sign_share(ana(), said).decode()


def sharing(rev: int = 2, certificate: str | None = None) -> Sharing:
    return Sharing(REPORT, rev, "a" * 32, certificate or ana().certificate.armored)


def read(notes: list[str], *added: int, unnoted: int = 0, rev: int = 2) -> list[Share]:
    digests = [packet(number) for number in added]
    return read_notes(notes, sharing(rev), added=digests, unnoted=unnoted)


@pytest.fixture
async def shares(tmp_path: Path) -> AsyncIterator[Shares]:
    documents = open_sqlite(tmp_path / "documents.sqlite")
    yield Shares(documents)
    await documents.close()


def test_each_new_packet_has_its_note() -> None:
    [share] = read([note(1)], 1)
    assert (share.report, share.reader, share.sharer) == (REPORT, boris().key_id, ana().key_id)
    assert share.pkesk == packet(1)


def test_where_the_session_key_is_new_the_owners_own_packet_needs_no_note() -> None:
    assert read([], 1, unnoted=1) == []
    [share] = read([note(2)], 1, 2, unnoted=1)
    assert share.pkesk == packet(2)
    for notes, added in (([], (1, 2)), ([note(1), note(2)], (1, 2))):
        with pytest.raises(RecipientRefused):
            read(notes, *added, unnoted=1)


@pytest.mark.parametrize(
    ("notes", "added"),
    [([], (1,)), ([1], ()), ([1], (2,)), ([1, 1], (1,)), ([1, 2], (1,)), ([1], (1, 2))],
)
def test_a_note_too_many_or_too_few_is_refused(notes: list[int], added: tuple[int, ...]) -> None:
    with pytest.raises(RecipientRefused):
        read([note(number) for number in notes], *added)


def test_a_note_for_another_report_by_another_or_spoilt_is_refused() -> None:
    with pytest.raises(NoteRefused):
        read([note(1, OTHER)], 1)
    with pytest.raises(NoteRefused):
        read([note(1).replace(packet(1), packet(2))], 2)
    other = sharing(certificate=key_of("Cleo").certificate.armored)
    with pytest.raises(NoteRefused):
        read_notes([note(1)], other, added=[packet(1)], unnoted=0)
    with pytest.raises(NoteRefused):
        read(["{}"], 1)


async def received(shares: Shares) -> list[Share]:
    return list((await shares.received(boris().key_id, after=None, limit=10)).items)


async def test_a_reader_is_told_once_the_root_counts(shares: Shares) -> None:
    offered = read([note(1)], 1)
    await shares.offer(offered)
    assert await received(shares) == []
    assert not await shares.reads(boris().key_id, REPORT)
    await shares.settle(REPORT, 2, {packet(1)})
    [live] = await received(shares)
    assert (live.id, live.state) == (offered[0].id, ShareState.LIVE)
    assert await shares.reads(boris().key_id, REPORT)
    assert not await shares.reads(ana().key_id, REPORT)


async def test_every_step_may_be_repeated(shares: Shares) -> None:
    for _ in range(3):
        await shares.offer(read([note(1)], 1))
        await shares.settle(REPORT, 2, {packet(1)})
    assert len(await received(shares)) == 1
    page = await shares.of_report(REPORT, after=None, limit=10)
    assert [share.state for share in page.items] == [ShareState.LIVE]


async def test_what_never_came_to_count_leaves_nothing(shares: Shares) -> None:
    await shares.offer(read([note(1)], 1))
    await shares.settle(REPORT, 2, set())
    assert (await shares.of_report(REPORT, after=None, limit=10)).items == ()


async def test_a_reader_with_two_packets_reads_until_both_are_gone(shares: Shares) -> None:
    await shares.offer(read([note(1), note(2)], 1, 2))
    await shares.settle(REPORT, 2, {packet(1), packet(2)})
    for left in (1, 2):
        await shares.settle(REPORT, 2, {packet(left)})
        if left == 1:
            assert [share.pkesk for share in await received(shares)] == [packet(1)]
    assert await received(shares) == [], "the second was dropped before"


async def test_a_report_that_is_gone_is_listed_to_nobody(shares: Shares) -> None:
    await shares.offer(read([note(1)], 1))
    await shares.settle(REPORT, 2, {packet(1)})
    await shares.drop_report(REPORT)
    assert await received(shares) == []
    assert (await shares.of_report(REPORT, after=None, limit=10)).items == ()


async def test_a_late_settling_leaves_the_notes_of_a_later_root(shares: Shares) -> None:
    await shares.offer(read([note(1)], 1, rev=2))
    await shares.offer(read([note(2)], 2, rev=3))
    await shares.settle(REPORT, 3, {packet(1), packet(2)})
    await shares.settle(REPORT, 2, {packet(1)})
    page = await shares.of_report(REPORT, after=None, limit=10)
    assert {share.pkesk for share in page.items} == {packet(1), packet(2)}


async def test_a_settling_that_another_overtakes_tells_nobody_who_was_taken_off(
    shares: Shares, monkeypatch: pytest.MonkeyPatch
) -> None:
    documents = shares._documents
    insert = documents.insert

    async def overtaken(collection: str, name: str, body: Body, scope: str, sort: str) -> Document:
        assert collection == RECEIVED
        await shares.settle(REPORT, 3, set())
        return await insert(collection, name, body, scope=scope, sort=sort)

    await shares.offer(read([note(1)], 1))
    monkeypatch.setattr(documents, "insert", overtaken)
    await shares.settle(REPORT, 2, {packet(1)})
    assert not await shares.reads(boris().key_id, REPORT)
    assert await received(shares) == []
