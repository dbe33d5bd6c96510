from __future__ import annotations

import asyncio

import pytest

from hygieia.blocks.kubo import pulse as module
from hygieia.blocks.kubo.pulse import Pulse


@pytest.fixture(autouse=True)
def _soon(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "SILENCE_SECONDS", 0.01)
    monkeypatch.setattr(module, "ANSWER_SECONDS", 0.01)


async def silent(_seconds: float) -> None:
    raise TimeoutError


async def waits(pulse: Pulse, until: asyncio.Event) -> str:
    async with pulse.watched():
        await until.wait()
    return "done"


async def test_calls_of_a_silent_node_are_given_up_together() -> None:
    pulse, never = Pulse(silent), asyncio.Event()
    outcomes = await asyncio.wait_for(
        asyncio.gather(*(waits(pulse, never) for _ in range(3)), return_exceptions=True), 30
    )
    assert [type(outcome) for outcome in outcomes] == [TimeoutError] * 3
    await pulse.close()


async def test_a_call_of_a_slow_node_goes_on_for_as_long_as_it_answers() -> None:
    asked, done = 0, asyncio.Event()

    async def answers(_seconds: float) -> None:
        nonlocal asked
        asked += 1
        if asked == 3:
            done.set()

    pulse = Pulse(answers)
    assert await asyncio.wait_for(waits(pulse, done), 30) == "done"
    await pulse.close()


async def test_a_node_that_was_silent_is_found_again() -> None:
    alive, done = asyncio.Event(), asyncio.Event()

    async def answers(_seconds: float) -> None:
        if not alive.is_set():
            raise TimeoutError
        done.set()

    pulse = Pulse(answers)
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(waits(pulse, done), 30)
    alive.set()
    assert await asyncio.wait_for(waits(pulse, done), 30) == "done"
    await pulse.close()


async def test_nobody_is_asked_when_no_call_waits() -> None:
    asked = 0

    async def counts(_seconds: float) -> None:
        nonlocal asked
        asked += 1

    pulse = Pulse(counts)
    async with pulse.watched():
        pass
    await asyncio.sleep(0.2)
    assert asked == 0
    await pulse.close()
