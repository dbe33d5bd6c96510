"""Encrypting and sending one content, and going on where it was interrupted (docs/spec/10)."""

from __future__ import annotations

import hashlib
import io
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import cast

import pytest

from hygieia.client.batches import BatchSender
from hygieia.client.content import upload_content
from hygieia.client.journal import Journal, Pending, Source
from hygieia.client.state import StateKey
from hygieia.errors import ContentChanged, Unreachable
from hygieia.ipld.block import Block
from hygieia.openpgp.session_keys import SessionKey
from hygieia.vault.report_build import ReportSecrets, SealedData

KEY = StateKey("a" * 64)
CONTENT = hashlib.shake_256(b"content").digest(21 << 20)


class Sender:
    """Stands for the way to the server; breaks after so many calls."""

    def __init__(self, breaks_after: int | None = None) -> None:
        self.sent: list[Block] = []
        self.asked: list[Block] = []
        self._left = breaks_after
        self.recycle: Callable[[Block], None] | None = None

    async def add(self, blocks: Sequence[Block], *, maybe_there: bool = False) -> None:
        if self._left is not None:
            if self._left == 0:
                raise Unreachable("gone")
            self._left -= 1
        self.sent += blocks
        if maybe_there:
            self.asked += blocks


def begin(journal: Journal) -> Pending:
    made = ReportSecrets.make()
    source = Source("/home/ana/scan.bin", len(CONTENT), 1)
    pending = Pending(source, "0" * 32, made.session_key.octets, made.salt, "2026-11-21T10:00:00Z")
    journal.begin(pending)
    return pending


async def upload(
    content: bytes, journal: Journal | None, pending: Pending | None, sender: Sender
) -> SealedData:
    made = (
        ReportSecrets(SessionKey(pending.session_key), pending.salt)
        if pending is not None
        else ReportSecrets.make()
    )
    return await upload_content(
        io.BytesIO(content), made, cast("BatchSender", sender), journal=journal, pending=pending
    )


@pytest.mark.parametrize("size", [0, 1, 1 << 20, (4 << 20) + 5])
async def test_the_meta_tells_size_and_digest_of_what_was_read(size: int) -> None:
    sender, content = Sender(), CONTENT[:size]
    sealed = await upload(content, None, None, sender)
    assert sealed.size_bytes == size
    assert sealed.sha256 == hashlib.sha256(content).hexdigest()
    assert sealed.payload.cid in {block.cid for block in sender.sent}
    assert all(content not in block.data for block in sender.sent if len(content) > 16)


@pytest.mark.parametrize("calls", [0, 1, 2, 4])
async def test_resumed_it_comes_out_the_same_and_what_was_sent_is_asked_for(
    tmp_path: Path, calls: int
) -> None:
    with Journal(tmp_path, "job", KEY) as journal:
        pending = begin(journal)
        broken = Sender(breaks_after=calls)
        with pytest.raises(Unreachable):
            await upload(CONTENT, journal, pending, broken)
    with Journal(tmp_path, "job", KEY) as journal:
        [pending] = journal.pending.values()
        recorded = list(pending.leaves)
        assert len(recorded) >= len(broken.sent)
        again = Sender()
        sealed = await upload(CONTENT, journal, pending, again)
    cids = [block.cid.encode() for block in again.sent]
    assert cids[: len(recorded)] == recorded
    assert {block.cid.encode() for block in again.asked} >= set(recorded)
    assert len(set(cids)) == len(cids)
    assert sealed.sha256 == hashlib.sha256(CONTENT).hexdigest()


@pytest.mark.parametrize(
    "changed",
    [
        b"X" + CONTENT[1:],
        CONTENT[:9_000_000] + b"X" + CONTENT[9_000_001:],
        CONTENT[: 3 << 20],
        CONTENT[: (3 << 20) + 7],
        b"",
    ],
    ids=["first byte", "a later byte", "cut at a leaf", "cut in a leaf", "emptied"],
)
async def test_a_changed_content_is_found_before_anything_new_is_sent(
    tmp_path: Path, changed: bytes
) -> None:
    """GCM forgives no second plaintext under a nonce."""
    with Journal(tmp_path, "job", KEY) as journal:
        pending = begin(journal)
        with pytest.raises(Unreachable):
            await upload(CONTENT, journal, pending, Sender(breaks_after=4))
    with Journal(tmp_path, "job", KEY) as journal:
        [pending] = journal.pending.values()
        recorded = set(pending.leaves)
        again = Sender()
        with pytest.raises(ContentChanged):
            await upload(changed, journal, pending, again)
        assert {block.cid.encode() for block in again.sent} <= recorded
        assert set(pending.leaves) == recorded


async def test_no_leaf_is_sent_before_it_is_on_disk(tmp_path: Path) -> None:
    class Watching(Sender):
        async def add(self, blocks: Sequence[Block], *, maybe_there: bool = False) -> None:
            await super().add(blocks, maybe_there=maybe_there)
            with (tmp_path / "job.journal").open("rb") as file:
                lines = file.read().splitlines()
            records = [KEY.open("upload-journal 1", line.decode()) for line in lines]
            packed = "".join(r["cids"] for r in records if r["kind"] == "leaves")
            assert len(packed) >= len(self.sent) * 48

    with Journal(tmp_path, "job", KEY) as journal:
        await upload(CONTENT[: 9 << 20], journal, begin(journal), Watching())


async def test_octets_given_back_are_written_anew_and_what_is_sent_stays_the_same() -> None:
    class GivingBack(Sender):
        def __init__(self) -> None:
            super().__init__()
            self.buffers: set[int] = set()

        async def add(self, blocks: Sequence[Block], *, maybe_there: bool = False) -> None:
            for block in blocks:
                self.buffers.add(id(block.data))
                self.sent.append(Block.of(block.cid.codec, bytes(block.data)))
                assert self.sent[-1].cid == block.cid
                if self.recycle is not None:
                    self.recycle(block)

    made, giving, keeping = ReportSecrets.make(), GivingBack(), Sender()
    # Eight pieces, of which no more than four are ever under way before the first comes back.
    for sender in (giving, keeping):
        await upload_content(io.BytesIO(CONTENT * 3), made, cast("BatchSender", sender))
    assert [block.cid for block in giving.sent] == [block.cid for block in keeping.sent]
    assert len(giving.buffers) < len(giving.sent) - 4


async def test_octets_that_somebody_still_looks_into_are_not_written_anew() -> None:
    class Looking(Sender):
        async def add(self, blocks: Sequence[Block], *, maybe_there: bool = False) -> None:
            for block in blocks:
                self.sent.append(block)
                views.append(memoryview(block.data))
                if self.recycle is not None:
                    self.recycle(block)

    views: list[memoryview] = []
    sender = Looking()
    await upload_content(io.BytesIO(CONTENT), ReportSecrets.make(), cast("BatchSender", sender))
    assert all(Block.of(b.cid.codec, bytes(b.data)).cid == b.cid for b in sender.sent)
