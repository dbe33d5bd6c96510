"""Writes that the database undoes to end a deadlock between two of them."""

from __future__ import annotations

from dataclasses import dataclass, field

import pytest
from pymongo import errors

from hygieia.documents.mongo_calls import TRIES, Calls, until_kept
from hygieia.documents.mongo_errors import translate
from hygieia.errors import Failed, Unavailable

pytestmark = pytest.mark.usefixtures("short_pauses")

DEADLOCK = errors.WriteError("deadlock detected", 16908292)
UNDONE = [
    DEADLOCK,
    errors.WriteError("could not serialize access due to concurrent update", 16777220),
    errors.OperationFailure("deadlock detected", 1),
    errors.OperationFailure("Write conflict during plan execution", 112),
    errors.BulkWriteError({"writeErrors": [{"code": 16908292, "errmsg": "deadlock detected"}]}),
]


@pytest.fixture
def short_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("hygieia.documents.mongo_calls.FIRST_PAUSE_SECONDS", 0.001)


@dataclass
class Write:
    """One that ends as told, then succeeds."""

    ends: list[Exception]
    made: int = field(default=0)

    async def __call__(self) -> str:
        self.made += 1
        if self.ends:
            raise self.ends.pop(0)
        return "kept"


@pytest.mark.parametrize("error", UNDONE, ids=str)
async def test_a_write_that_was_undone_is_made_again(error: Exception) -> None:
    write = Write([error, error])
    assert await until_kept(write) == "kept"
    assert write.made == 3


@pytest.mark.parametrize(
    "error",
    [
        errors.DuplicateKeyError("E11000", 11000),
        errors.WTimeoutError("majority", 64),
        errors.AutoReconnect("connection closed"),
        errors.OperationFailure("postgres is away", 1),
        errors.BulkWriteError({"writeErrors": []}),
    ],
    ids=str,
)
async def test_a_write_that_may_have_been_kept_is_made_once(error: Exception) -> None:
    write = Write([error])
    with pytest.raises(type(error)):
        await until_kept(write)
    assert write.made == 1


async def test_a_database_that_undoes_every_write_is_unavailable_after_some() -> None:
    write = Write([DEADLOCK] * 99)
    with pytest.raises(Unavailable) as told:
        async with Calls(driver_seconds=60).begin():
            await until_kept(write)
    assert write.made == TRIES
    assert "deadlock" not in str(told.value)


@pytest.mark.parametrize("error", UNDONE[:4], ids=str)
def test_to_whoever_asked_it_passes(error: Exception) -> None:
    assert isinstance(translate(error), Unavailable)
    assert type(translate(errors.WriteError("bad value", 2))) is Failed
