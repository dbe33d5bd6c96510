"""CL-01: database operators and dotted keys in bodies are refused by schema, nothing is asked."""

from __future__ import annotations

import json

import pytest

from tests.factories.servers import Api, Member

SECRET = "0" * 64


@pytest.mark.parametrize(
    "body",
    [
        {"email": {"$ne": None}, "login_secret": SECRET},
        {"email": "ada@example.org", "login_secret": {"$gt": ""}},
        {"email": ["ada@example.org"], "login_secret": SECRET},
        {"email": "ada@example.org", "login_secret": SECRET, "$where": "1"},
        {"email": "ada@example.org", "login_secret": SECRET, "a.b": 1},
        {"email": None, "login_secret": SECRET},
        ["ada@example.org", SECRET],
        "ada@example.org",
    ],
)
async def test_a_sign_in_of_another_form_is_refused(api: Api, body: object) -> None:
    reply = await api.call("POST", "/api/v1/sessions", body)
    assert (reply.status, reply.code) == (400, "invalid-input")


@pytest.mark.parametrize("text", ["", "{", '{"email":', "\xff", "NaN", "[" * 100_000])
async def test_what_is_no_json_is_refused(api: Api, text: str) -> None:
    reply = await api.call(
        "POST",
        "/api/v1/sessions",
        data=text.encode("latin-1"),
        headers={"Content-Type": "application/json"},
    )
    assert (reply.status, reply.code) == (400, "invalid-input")


@pytest.mark.parametrize("place", ["upload", "reports.0.id", "reports.0.root"])
async def test_operators_in_a_commit_are_refused(ada: Member, place: str) -> None:
    body = {"upload": "0" * 32, "reports": [{"id": "0" * 32, "root": "b" + "a" * 58}]}
    wrong = json.loads(json.dumps(body))
    target = wrong if place == "upload" else wrong["reports"][0]
    target[place.rpartition(".")[2]] = {"$exists": True}
    reply = await ada.call("POST", "/api/v1/reports", wrong)
    assert (reply.status, reply.code) == (400, "invalid-input")
