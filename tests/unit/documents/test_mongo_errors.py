from __future__ import annotations

import pytest
from bson.errors import InvalidBSON
from pymongo import errors

from hygieia.documents.mongo_errors import is_duplicate, translate
from hygieia.errors import Failed, HygieiaError, StorageFull, Unavailable

PASSING: list[Exception] = [
    errors.ServerSelectionTimeoutError("no servers"),
    errors.AutoReconnect("connection closed"),
    errors.NetworkTimeout("timed out"),
    errors.NotPrimaryError("not primary"),
    errors.WaitQueueTimeoutError("pool"),
    errors.ProtocolError("opcode 7"),
    errors.InvalidOperation("after close"),
    errors.ExecutionTimeout("time", 50),
    errors.WTimeoutError("majority", 64),
    errors.OperationFailure("stepped down", 189),
    errors.OperationFailure("postgres is away", 1),
    errors.OperationFailure("password changed", 18),
    errors.OperationFailure("?", 4711, {"errorLabels": ["RetryableWriteError"]}),
    InvalidBSON("noise"),
    KeyError("cursor"),
]


@pytest.mark.parametrize("error", PASSING, ids=lambda error: type(error).__name__)
def test_what_passes_is_unavailable(error: Exception) -> None:
    translated = translate(error)
    assert isinstance(translated, Unavailable)
    assert translated.retry_after_seconds > 0


def test_a_full_disk_is_said_to_be_full() -> None:
    assert isinstance(translate(errors.OperationFailure("full", 14031)), StorageFull)
    ferretdb = 'could not extend file "base/5/19128": No space left on device'
    assert isinstance(translate(errors.OperationFailure(ferretdb, 1)), StorageFull)
    assert isinstance(translate(errors.WriteError(ferretdb, 4293)), StorageFull)
    bulk = errors.BulkWriteError({"writeErrors": [{"code": 4293, "errmsg": ferretdb}]})
    assert isinstance(translate(bulk), StorageFull)


@pytest.mark.parametrize("code", [2, 9, 10334, None])
def test_a_question_the_server_refuses_is_a_failure_of_ours(code: int | None) -> None:
    assert type(translate(errors.OperationFailure("bad value", code))) is Failed


@pytest.mark.parametrize("error", PASSING, ids=lambda error: type(error).__name__)
def test_the_vendors_words_are_not_repeated(error: Exception) -> None:
    translated: HygieiaError = translate(error)
    assert str(error) not in str(translated)


def test_a_taken_key_is_known_from_each_servers_words() -> None:
    assert is_duplicate(errors.DuplicateKeyError("E11000", 11000))
    ferretdb = 'conflicting key value violates exclusion constraint "documents_rum_index_3"'
    assert is_duplicate(errors.OperationFailure(ferretdb, 1))
    assert not is_duplicate(errors.OperationFailure("postgres is away", 1))
