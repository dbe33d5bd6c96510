from __future__ import annotations

import json
from dataclasses import replace
from ipaddress import ip_network
from pathlib import Path

import pytest

from hygieia.server.callers import COOKIE_NAME, client_address
from hygieia.server.problems import STATUS_OF_CODE
from hygieia.server.services import public_origins
from hygieia.server.site import openapi_text
from tests.factories.dags import new_report
from tests.factories.servers import Api, Member, running_api, settings_in

COMMITTED = Path(__file__).parents[2] / "docs" / "api" / "openapi.json"


def test_the_committed_document_is_the_one_served() -> None:
    assert COMMITTED.read_text(encoding="utf-8") == openapi_text(), (
        "the API has changed: write docs/api/openapi.json anew with "
        "hygieia.server.site.openapi_text()"
    )


def test_every_code_of_the_error_tree_has_a_status() -> None:
    from hygieia.errors import HygieiaError

    pending = [HygieiaError]
    while pending:
        error = pending.pop()
        pending += error.__subclasses__()
        if error.__module__ == HygieiaError.__module__:
            assert error.code in STATUS_OF_CODE, error


async def test_the_document_and_the_page_are_served(api: Api) -> None:
    document = await api.call("GET", "/api/openapi.json")
    assert document.json == json.loads(openapi_text())
    page = await api.call("GET", "/api/docs")
    assert page.headers["Content-Type"].startswith("text/html")
    text = page.body.decode()
    assert "<script" not in text
    assert "style=" not in text
    for path, operations in document.json["paths"].items():
        assert path in text
        for operation in operations.values():
            assert f'id="{operation["operationId"]}"' in text
    for code in STATUS_OF_CODE:
        assert f'id="problem-{code}"' in text


async def test_every_answer_carries_the_same_guards(api: Api) -> None:
    for path in ("/", "/api/v1/server", "/nothing", "/healthz", "/api/v1/account"):
        headers = (await api.call("GET", path)).headers
        assert headers["X-Content-Type-Options"] == "nosniff"
        assert headers["Referrer-Policy"] == "no-referrer"
        assert headers["X-Frame-Options"] == "DENY"
        assert headers["Server"] == "hygieia"
        assert headers["X-Request-Id"]


async def test_a_request_id_of_the_clients_is_kept(api: Api) -> None:
    reply = await api.call("GET", "/nothing", headers={"X-Request-Id": "client-id-0001"})
    assert reply.headers["X-Request-Id"] == reply.json["request_id"] == "client-id-0001"


async def test_problems_are_problems(api: Api) -> None:
    for method, path, status, code in (
        ("GET", "/nothing", 404, "not-found"),
        ("PATCH", "/api/v1/server", 405, "method-not-allowed"),
        ("GET", "/api/v1/account", 401, "not-signed-in"),
        ("GET", "/api/v1/server?x=1", 400, "usage"),
    ):
        reply = await api.call(method, path)
        assert reply.headers["Content-Type"].startswith("application/problem+json")
        assert reply.status == reply.json["status"] == status
        assert reply.code == code
        assert reply.json["type"] == f"/api/docs#problem-{code}"
    assert (await api.call("PATCH", "/api/v1/server")).headers["Allow"] == "GET,HEAD"


async def test_a_body_over_its_limit_is_refused_unread(api: Api, ada: Member) -> None:
    headers = {"Content-Type": "application/json"}
    big = b'{"email":"' + b"a" * (1 << 20) + b'"}'
    reply = await api.call("POST", "/api/v1/sessions", data=big, headers=headers)
    assert (reply.status, reply.code) == (413, "too-large")
    upload = await ada.start_upload()
    reply = await ada.put_car(upload, bytes(10 << 20))
    assert (reply.status, reply.code) == (413, "too-large")


async def test_health_readiness_and_metrics(api: Api, ada: Member) -> None:
    await ada.upload(new_report())
    assert (await api.call("GET", "/healthz")).status == 200
    assert (await api.call("GET", "/readyz")).status == 200
    text = (await api.call("GET", "/metrics")).body.decode()
    assert "hygieia_committed_reports_total 1.0" in text
    assert 'route="/api/v1/reports"' in text
    api.services.lifecycle.draining = True
    unready = await api.call("GET", "/readyz")
    assert (unready.status, unready.code) == (503, "unavailable")
    assert (await api.call("GET", "/healthz")).status == 200


async def test_metrics_can_be_switched_off(tmp_path: Path) -> None:
    async with running_api(settings_in(tmp_path, metrics="off")) as api:
        assert (await api.call("GET", "/metrics")).status == 404


async def test_the_gateway_is_shared_with_every_origin_and_serves_a_report(
    api: Api, ada: Member
) -> None:
    dag = new_report()
    await ada.upload(dag)
    reply = await api.call(
        "GET", f"/ipfs/{dag.root}/data.pgp", headers={"Origin": "https://app.example"}
    )
    assert reply.status == 200
    assert reply.headers["Access-Control-Allow-Origin"] == "*"
    assert reply.headers["X-Content-Type-Options"] == "nosniff"


async def test_an_account_is_deleted_with_all_it_had(api: Api, ada: Member) -> None:
    dag = new_report()
    await ada.upload(dag)
    wrong = {"confirm": "bob@example.org", "login_secret": ada.person.seal().login_secret}
    assert (await ada.call("POST", "/api/v1/account/delete", wrong)).status == 400
    body = wrong | {"confirm": ada.person.email}
    assert (await ada.call("POST", "/api/v1/account/delete", body)).status == 204
    assert (await ada.call("GET", "/api/v1/account")).status == 401
    stores = api.services.stores
    await api.until_emptied(ada.person)
    assert not await stores.blocks.is_pinned(dag.root)
    assert (await stores.documents.scan("reports", limit=10)).items == ()
    assert (await stores.documents.scan("usage", limit=10)).items == ()
    again = await api.sign_up()
    assert (await again.call("GET", "/api/v1/reports")).json["items"] == []


async def test_a_password_change_ends_the_other_sessions(api: Api, ada: Member) -> None:
    seal = ada.person.seal("another password")
    sign_in = {"email": ada.person.email, "login_secret": ada.person.seal().login_secret}
    other = (await api.call("POST", "/api/v1/sessions", sign_in)).json["token"]
    body = {
        "current_login_secret": ada.person.seal().login_secret,
        "kdf": {"m": 65536, "t": 3, "p": 1},
        "seal_certificate": seal.certificate,
        "sealed_key": seal.sealed_key,
        "seal_mac": seal.mac,
        "login_secret": seal.login_secret,
    }
    rev = (await ada.call("GET", "/api/v1/account")).json["rev"]
    assert (await ada.call("PUT", "/api/v1/account/seal", body, rev=rev)).status == 200
    assert (await ada.call("GET", "/api/v1/account")).status == 200
    ended = await api.call("GET", "/api/v1/account", headers={"Authorization": f"Bearer {other}"})
    assert ended.status == 401


async def test_sessions_are_listed_and_ended(api: Api, ada: Member) -> None:
    sign_in = {
        "email": ada.person.email,
        "login_secret": ada.person.seal().login_secret,
        "label": "phone",
    }
    phone = (await api.call("POST", "/api/v1/sessions", sign_in)).json
    items = (await ada.call("GET", "/api/v1/sessions")).json["items"]
    assert {(item["label"], item["current"]) for item in items} == {("", True), ("phone", False)}
    ended = await ada.call("DELETE", f"/api/v1/sessions/{phone['session']['id']}")
    assert ended.status == 204
    headers = {"Authorization": f"Bearer {phone['token']}"}
    assert (await api.call("GET", "/api/v1/account", headers=headers)).status == 401


async def test_a_cookie_signs_in_as_well(api: Api, ada: Member) -> None:
    headers = {"Cookie": f"{COOKIE_NAME}={ada.token}"}
    assert (await api.call("GET", "/api/v1/account", headers=headers)).status == 200


@pytest.mark.parametrize(
    ("peer", "forwarded", "expected"),
    [
        ("203.0.113.9", "198.51.100.1", "203.0.113.9"),
        ("10.0.0.1", "198.51.100.1", "198.51.100.1"),
        ("10.0.0.1", "6.6.6.6, 198.51.100.1", "198.51.100.1"),
        ("10.0.0.1", "198.51.100.1, 10.0.0.2", "198.51.100.1"),
        ("10.0.0.1", "", "10.0.0.1"),
        ("10.0.0.1", "not an address", "10.0.0.1"),
        ("::ffff:10.0.0.1", "198.51.100.1", "198.51.100.1"),
    ],
)
def test_forwarded_addresses_count_from_trusted_proxies_only(
    tmp_path: Path, peer: str, forwarded: str, expected: str
) -> None:
    from multidict import CIMultiDict

    class Transport:
        def get_extra_info(self, name: str) -> tuple[str, int]:
            assert name == "peername"
            return (peer, 1)

    class Request:
        transport = Transport()
        headers = CIMultiDict({"X-Forwarded-For": forwarded} if forwarded else {})

    settings = settings_in(tmp_path, trusted_proxies=(ip_network("10.0.0.0/8"),))
    assert client_address(Request(), settings) == expected  # type: ignore[arg-type]  # a stand-in for the test


@pytest.mark.parametrize(
    ("public_url", "origins"),
    [
        ("https://vault.example.org", ("https://vault.example.org",)),
        ("https://vault.example.org:443", ("https://vault.example.org",)),
        ("https://Vault.example.org:8443/base", ("https://vault.example.org:8443",)),
        (
            "",
            ("http://localhost:8460", "http://127.0.0.1:8460", "http://[::1]:8460"),
        ),
    ],
)
def test_origins_come_from_the_settings(
    tmp_path: Path, public_url: str, origins: tuple[str, ...]
) -> None:
    settings = replace(settings_in(tmp_path), public_url=public_url, host="localhost", port=8460)
    assert public_origins(settings) == origins


@pytest.mark.parametrize("path", ["/api/v1/sign-in/parameters", "/api/v1/account/reset/start"])
async def test_questions_that_anyone_may_ask_are_limited(api: Api, path: str) -> None:
    body = {"email": "nobody@example.org"}
    reply = await api.call("POST", path, body)
    for _ in range(30):
        if reply.status == 200:
            reply = await api.call("POST", path, body)
    assert (reply.status, reply.code) == (429, "too-many-attempts")
    assert int(reply.headers["Retry-After"]) >= 1
    assert (await api.call("POST", path, {"email": "other@example.org"})).status == 200


async def test_what_can_be_read_can_be_asked_about(ada: Member) -> None:
    read = await ada.call("GET", "/api/v1/account")
    asked = await ada.call("HEAD", "/api/v1/account")
    assert (asked.status, asked.body) == (200, b"")
    for name in ("ETag", "Content-Type", "Content-Length"):
        assert asked.headers[name] == read.headers[name]
    assert (await ada.api.call("HEAD", "/api/v1/account")).status == 401
