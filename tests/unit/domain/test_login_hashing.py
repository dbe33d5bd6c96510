from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator

import pytest

from hygieia.domain import login_hashing
from hygieia.domain.login_hashing import LoginHasher
from hygieia.errors import Unavailable

SECRET = "5e" * 32


@pytest.fixture
def hasher() -> Iterator[LoginHasher]:
    made = LoginHasher(threads=2, queue=4)
    yield made
    made.close()


async def test_the_secret_it_was_made_of_matches_and_no_other(hasher: LoginHasher) -> None:
    kept = await hasher.hash(SECRET)
    assert await hasher.verify(kept, SECRET)
    assert not await hasher.verify(kept, "5f" * 32)


async def test_nothing_kept_matches_nothing(hasher: LoginHasher) -> None:
    assert not await hasher.verify(None, SECRET)


@pytest.mark.parametrize("kept", ["x", "$argon2id$v=19$m=8,t=1,p=1$AAAA$AAAA", SECRET])
async def test_what_is_no_hash_matches_nothing(hasher: LoginHasher, kept: str) -> None:
    assert not await hasher.verify(kept, SECRET)


async def test_two_hashes_of_one_secret_differ(hasher: LoginHasher) -> None:
    assert await hasher.hash(SECRET) != await hasher.hash(SECRET)


async def test_beyond_its_queue_it_refuses_at_once_and_then_goes_on(
    hasher: LoginHasher, monkeypatch: pytest.MonkeyPatch
) -> None:
    gate = threading.Event()
    monkeypatch.setattr(login_hashing, "_matches", lambda kept, secret: gate.wait(100))
    waiting = [asyncio.ensure_future(hasher.verify("kept", SECRET)) for _ in range(4)]
    await asyncio.sleep(0)
    with pytest.raises(Unavailable) as refusal:
        await hasher.verify("kept", SECRET)
    assert refusal.value.retry_after_seconds > 0
    gate.set()
    assert await asyncio.gather(*waiting) == [True] * 4
    assert await hasher.verify("kept", SECRET)


async def test_callers_who_stop_waiting_give_their_room_back_when_the_work_is_done(
    hasher: LoginHasher, monkeypatch: pytest.MonkeyPatch
) -> None:
    gate = threading.Event()
    monkeypatch.setattr(login_hashing, "_matches", lambda kept, secret: gate.wait(100))
    for _ in range(3):
        waiting = [asyncio.ensure_future(hasher.verify("kept", SECRET)) for _ in range(4)]
        await asyncio.sleep(0)
        for each in waiting:
            each.cancel()
        await asyncio.gather(*waiting, return_exceptions=True)
        gate.set()
        for _ in range(200):
            if hasher.room == 4:
                break
            await asyncio.sleep(0.01)
        assert hasher.room == 4
        gate.clear()
    gate.set()
