"""WB-02: a session is new at each log-in, and nobody is logged in to another's account unawares."""

from __future__ import annotations

from typing import Any

from tests.factories.servers import Api, Member
from tests.people import ADA, login_secret


def sign_in_body(**changes: Any) -> dict[str, Any]:  # noqa: ANN401  (whatever JSON or arguments it is)
    return {"email": ADA.email, "login_secret": login_secret(ADA.password)} | changes


async def test_a_token_brought_along_is_not_taken_over(api: Api, ada: Member) -> None:
    planted = "A" * 43
    headers = {"Cookie": f"__Host-hygieia={planted}", "Origin": "http://127.0.0.1"}
    reply = await api.call("POST", "/api/v1/sessions", sign_in_body(cookie=True), headers=headers)
    assert reply.status == 201
    assert planted not in reply.headers["Set-Cookie"]
    answer = await api.call("GET", "/api/v1/account", headers={"Cookie": headers["Cookie"]})
    assert answer.status == 401


async def test_each_log_in_is_a_session_of_its_own(api: Api, ada: Member) -> None:
    tokens = {
        (await api.call("POST", "/api/v1/sessions", sign_in_body())).json["token"] for _ in range(3)
    }
    assert len(tokens | {ada.token}) == 4


async def test_a_foreign_page_cannot_log_a_visitor_in(api: Api, ada: Member) -> None:
    for headers in ({"Origin": "https://evil.example"}, {"Sec-Fetch-Site": "cross-site"}):
        body = sign_in_body(cookie=True)
        reply = await api.call("POST", "/api/v1/sessions", body, headers=headers)
        assert (reply.status, reply.code) == (403, "foreign-origin")
        assert "Set-Cookie" not in reply.headers


async def test_signing_out_ends_the_session_and_the_cookie(api: Api, ada: Member) -> None:
    reply = await ada.call("DELETE", "/api/v1/sessions/current")
    assert reply.status == 204
    assert "Max-Age=0" in reply.headers["Set-Cookie"]
    assert (await ada.call("GET", "/api/v1/account")).status == 401


async def test_the_account_is_named_in_every_answer_about_it(ada: Member) -> None:
    assert ada.signed_up["account"]["email"] == ADA.email
    assert (await ada.call("GET", "/api/v1/account")).json["email"] == ADA.email
