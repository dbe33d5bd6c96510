"""WB-01: a page of another site cannot act with the visitor's cookie."""

from __future__ import annotations

import pytest

from hygieia.server.api import Role
from hygieia.server.routes import ALL_ROUTES
from tests.factories.servers import Api, Reply
from tests.people import ADA, login_secret

OWN = {"Origin": "http://127.0.0.1", "Sec-Fetch-Site": "same-origin"}


async def cookie_of(api: Api) -> str:
    await api.sign_up()
    body = {"email": ADA.email, "login_secret": login_secret(ADA.password), "cookie": True}
    reply = await api.call("POST", "/api/v1/sessions", body, headers=OWN)
    assert reply.status == 201
    assert reply.json["token"] is None
    return str(reply.headers["Set-Cookie"]).partition(";")[0]


async def test_the_cookie_is_for_this_site_and_no_script(api: Api) -> None:
    await api.sign_up()
    body = {"email": ADA.email, "login_secret": login_secret(ADA.password), "cookie": True}
    reply = await api.call("POST", "/api/v1/sessions", body, headers=OWN)
    name, *attributes = reply.headers["Set-Cookie"].split("; ")
    assert name.startswith("__Host-hygieia=")
    assert {"HttpOnly", "Secure", "SameSite=Strict", "Path=/"} <= set(attributes)
    assert not any(attribute.startswith("Domain") for attribute in attributes)


async def start_upload(api: Api, cookie: str, headers: dict[str, str]) -> Reply:
    return await api.call("POST", "/api/v1/uploads", {}, headers={"Cookie": cookie} | headers)


async def test_a_page_of_ours_may(api: Api) -> None:
    cookie = await cookie_of(api)
    for headers in (OWN, {"Origin": OWN["Origin"]}, {"Sec-Fetch-Site": "same-origin"}):
        assert (await start_upload(api, cookie, headers)).status == 201


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"Origin": "https://evil.example"},
        {"Origin": "null"},
        {"Origin": "http://127.0.0.1.evil.example"},
        {"Origin": "http://127.0.0.1:9"},
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
        {"Sec-Fetch-Site": "none"},
        {"Origin": "https://evil.example", "Sec-Fetch-Site": "same-origin"},
        {"Origin": "http://127.0.0.1", "Sec-Fetch-Site": "cross-site"},
    ],
)
async def test_a_foreign_page_may_not(api: Api, headers: dict[str, str]) -> None:
    cookie = await cookie_of(api)
    reply = await start_upload(api, cookie, headers)
    assert (reply.status, reply.code) == (403, "foreign-origin")


@pytest.mark.parametrize(
    "media_type", ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data", ""]
)
async def test_a_form_is_no_request(api: Api, media_type: str) -> None:
    cookie = await cookie_of(api)
    reply = await api.call(
        "POST",
        "/api/v1/uploads",
        data=b"{}",
        headers={"Cookie": cookie, "Content-Type": media_type} | OWN,
    )
    assert (reply.status, reply.code) == (415, "unsupported-media-type")


async def test_every_unsafe_route_refuses_a_foreign_page(api: Api) -> None:
    for route in ALL_ROUTES:
        if route.unsafe:
            path = route.path.replace("{", "").replace("}", "")
            reply = await api.call(route.method, path, headers={"Origin": "https://evil.example"})
            assert (reply.status, reply.code) == (403, "foreign-origin"), route.operation


async def test_the_api_is_shared_with_no_other_origin(api: Api) -> None:
    for route in ALL_ROUTES:
        if route.says.role is Role.PUBLIC and route.method == "GET":
            reply = await api.call("GET", route.path, headers={"Origin": "https://evil.example"})
            assert "Access-Control-Allow-Origin" not in reply.headers
    preflight = await api.call(
        "OPTIONS",
        "/api/v1/reports",
        headers={"Origin": "https://evil.example", "Access-Control-Request-Method": "POST"},
    )
    assert preflight.status == 405
