"""CL-10, G13: whatever is sent to whatever route, the answer is a problem that says nothing of it."""

from __future__ import annotations

import asyncio
import json
import re
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest

from hygieia.server.api import Route
from hygieia.server.connections import Patience
from hygieia.server.routes import ALL_ROUTES
from tests.factories.servers import CAR, Api, Member, running_api, settings_in

CANARY = "canary-7f3a"
HUGE = 10**400

BODIES: dict[str, bytes] = {
    "nothing": b"",
    "no JSON": CANARY.encode(),
    "cut short": b'{"email": "' + CANARY.encode(),
    "invalid UTF-8": b'{"email": "' + CANARY.encode() + b'\xff\xfe"}',
    "a byte order mark": b"\xef\xbb\xbf{}",
    "UTF-16": json.dumps({"email": CANARY}).encode("utf-16"),
    "NULs": b"\0" * 1000,
    "an escaped NUL": json.dumps({"email": f"{CANARY}\0@example.org"}).encode(),
    "a lone surrogate": b'{"email": "\\ud800' + CANARY.encode() + b'"}',
    "a list": b"[]",
    "a number": b"1e999999",
    "null": b"null",
    "NaN": b'{"rev": NaN}',
    "deep lists": b"[" * 100_000,
    "deep objects": b'{"a":' * 50_000,
    "a deep field": json.dumps({"kdf": 0}).replace("0", "[" * 2000 + "]" * 2000).encode(),
    "a huge number": json.dumps({"sequence": HUGE, "kdf": {"m": HUGE, "t": -HUGE}}).encode(),
    "a key twice": b'{"upload": "a", "upload": "b"}',
    "an unknown key": json.dumps({CANARY: CANARY}).encode(),
    "a long key": json.dumps({"k" * 500_000: 1}).encode(),
}

VALUES: tuple[Any, ...] = (
    None,
    True,
    -1,
    HUGE,
    1.5,
    "",
    f"{CANARY}\r\nSet-Cookie: a=b",
    "\0",
    "é" * 300,
    "\u202e" + CANARY,
    [],
    [[CANARY]],
    {},
    {"$ne": None},
)

PATH_VALUES = (
    CANARY,
    "0" * 32,
    "%00",
    "%ff%fe",
    "..%2f..%2fetc%2fpasswd",
    "%0d%0aSet-Cookie:%20a=b",
    "a" * 4000,
    "🜁".encode().decode("latin-1"),
)


def path_of(route: Route, value: str) -> str:
    return re.sub(r"\{[a-z]+\}", value, route.path)


def headers_of(route: Route) -> dict[str, str]:
    media_type = CAR if route.says.body_media_type else "application/json"
    return {"Content-Type": media_type, "If-Match": '"1"'}


async def answer(
    member: Member, route: Route, path: str, data: bytes | None, **headers: str
) -> None:
    """Send it; the answer must be right for a client's mistake (or for no mistake at all)."""
    given = headers_of(route) | {name.replace("_", "-"): value for name, value in headers.items()}
    if route.path.endswith("/current") or route.path == "/api/v1/sessions":
        member = await _stranger(member)  # these would end the session
    reply = await member.call(route.method, path, headers=given, data=data)
    where = f"{route.method} {path[:80]}: {reply.status} {reply.body[:300]!r}"
    assert reply.status < 500, where
    assert CANARY not in reply.body.decode(), where
    assert CANARY not in str(reply.headers), where
    assert "Set-Cookie" not in reply.headers or reply.status < 300, where
    if reply.status >= 400:
        assert reply.headers["Content-Type"].startswith("application/problem+json"), where
        assert reply.json["request_id"], where


async def _stranger(member: Member) -> Member:
    return Member(member.api, member.person, token="A" * 43)


def sample(schema: dict[str, Any], definitions: dict[str, Any]) -> Any:  # noqa: ANN401  (whatever JSON or arguments it is)
    """Something of the right types, if not of the right sense."""
    if "$ref" in schema:
        return sample(definitions[schema["$ref"].rpartition("/")[2]], definitions)
    if "anyOf" in schema:
        return sample(schema["anyOf"][0], definitions)
    if "enum" in schema or "const" in schema:
        return schema.get("const", schema.get("enum", [None])[0])
    match schema.get("type"):
        case "object":
            properties = schema.get("properties", {})
            return {name: sample(inner, definitions) for name, inner in properties.items()}
        case "array":
            return [sample(schema["items"], definitions)]
        case "integer":
            return schema.get("minimum", 1)
        case "boolean":
            return False
    length = re.search(r"\{(\d+)", schema.get("pattern", ""))
    return "b" + "a" * (int(length[1]) - 1) if length else "a" * schema.get("minLength", 1)


@pytest.mark.parametrize("route", ALL_ROUTES, ids=lambda route: route.operation)
async def test_garbage_is_a_clients_mistake(ada: Member, route: Route) -> None:
    absent = path_of(route, "0" * 32)
    for data in BODIES.values():
        await answer(ada, route, absent, data)
    for value in PATH_VALUES:
        await answer(ada, route, path_of(route, value), b"{}")
    for query in ("?limit=99999999999999999999", f"?{CANARY}={CANARY}", "?after=%00&after=%ff"):
        await answer(ada, route, absent + query, None)
    for name, value in (
        ("If_Match", f'"{HUGE}"'[:4000]),
        ("If_Match", f'W/"{CANARY}"'),
        ("Idempotency_Key", CANARY + " "),
        ("Idempotency_Key", "é"),
        ("Content_Type", f"application/json; charset={CANARY}"),
        ("X_Request_Id", "short"),
        ("Cookie", "__Host-hygieia=" + CANARY),
        ("Authorization", "Bearer " + CANARY),
        ("Authorization", "Basic " + CANARY),
        ("X_Forwarded_For", CANARY),
        ("Origin", "null"),
    ):
        await answer(ada, route, absent, b"{}", **{name: value})


@pytest.mark.parametrize(
    "route", [r for r in ALL_ROUTES if "body" in r.models], ids=lambda route: route.operation
)
async def test_a_wrong_value_in_any_field_is_a_clients_mistake(ada: Member, route: Route) -> None:
    schema = route.models["body"].model_json_schema()
    right = sample(schema, schema.get("$defs", {}))
    path = path_of(route, "0" * 32)
    await answer(ada, route, path, json.dumps(right).encode())
    for field in right:
        for value in VALUES:
            await answer(ada, route, path, json.dumps(right | {field: value}).encode())


@pytest.mark.parametrize(
    "text",
    [
        b"\0\1\2\3" * 20 + b"\r\n\r\n",
        b"GET /" + CANARY.encode() + b" HTTP/9.9\r\n\r\n",
        b"GE\0T /" + CANARY.encode() + b" HTTP/1.1\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: x\r\n" + CANARY.encode() + b"\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: x\r\nX: " + CANARY.encode() * 2000 + b"\r\n\r\n",
        b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: -" + CANARY.encode() + b"\r\n\r\n",
        b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n",
        b"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"
        + CANARY.encode()
        + b"\r\n",
        b"GET http://[" + CANARY.encode() + b" HTTP/1.1\r\nHost: x\r\n\r\n",
        b"GET //" + CANARY.encode() + b"@[ HTTP/1.1\r\nHost: x\r\n\r\n",
    ],
)
async def test_what_is_no_http_is_refused_in_our_own_words(tmp_path: Path, text: bytes) -> None:
    hasty = Patience(header_seconds=1, body_window_seconds=1)
    async with running_api(settings_in(tmp_path), patience=hasty) as api:
        host, _, port = api.url.removeprefix("http://").partition(":")
        reader, writer = await asyncio.open_connection(host, int(port))
        writer.write(text)
        try:
            answer = (await reader.read()).lower()
        except ConnectionError:
            answer = b""  # cut off: that says nothing either
        writer.close()
    assert CANARY.encode() not in answer
    assert b"aiohttp" not in answer
    assert b"python" not in answer
    if answer:
        assert answer.startswith((b"http/1.1 4", b"http/1.0 4")), answer
        assert b"application/problem+json" in answer
        assert b"nosniff" in answer


@pytest.mark.parametrize("prefix", ["/ipfs/", "/ipns/"])
@pytest.mark.parametrize("value", [*PATH_VALUES, "", "b" * 300, "bafk", "z" * 46, "%2e%2e"])
async def test_the_gateway_repeats_nothing(api: Api, prefix: str, value: str) -> None:
    for path in (value, f"bafkqaaa/{value}", f"{value}?format={quote(CANARY)}"):
        reply = await api.call("GET", prefix + path, headers={"Range": f"bytes={CANARY}"})
        assert reply.status < 500, (path, reply.body)
        if reply.status >= 400:
            assert CANARY.encode() not in reply.body
