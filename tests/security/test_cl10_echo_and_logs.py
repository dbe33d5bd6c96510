"""CL-10: nothing that was sent comes back in an error, and nothing secret stands in the logs."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from tests.factories.dags import new_report
from tests.factories.servers import Api, new_id, running_api, settings_in
from tests.people import ADA

CANARY = "canary-7f3a"
EVIL = f"{CANARY}\r\nSet-Cookie: a=b<script>"


@pytest.mark.parametrize(
    "body",
    [
        {"email": EVIL, "login_secret": "0" * 64},
        {"email": "a@example.org", "login_secret": CANARY},
        {"email": "a@example.org", "login_secret": "0" * 64, CANARY: 1},
        {"email": "a@example.org", "login_secret": "0" * 64, "label": [EVIL]},
        {"email": {CANARY: CANARY}, "login_secret": {CANARY: [CANARY]}},
        [CANARY],
    ],
)
async def test_a_refused_body_is_not_echoed(api: Api, body: object) -> None:
    reply = await api.call("POST", "/api/v1/sessions", body)
    assert reply.status in {400, 401}
    assert CANARY.encode() not in reply.body
    assert CANARY not in str(reply.headers)


@pytest.mark.parametrize(
    "path",
    [
        f"/{CANARY}",
        f"/api/v1/reports/{CANARY}",
        f"/api/v1/reports?after={CANARY}%0d%0a",
        f"/api/v1/reports?{CANARY}=1",
        f"/api/v1/reports?limit={CANARY}",
        f"/ipfs/{CANARY}",
        f"/ipns/{CANARY}?format=ipns-record",
    ],
)
async def test_a_refused_address_is_not_echoed(api: Api, path: str) -> None:
    member = await api.sign_up()
    reply = await member.call("GET", path)
    assert 400 <= reply.status < 500
    assert CANARY.encode() not in reply.body


@pytest.mark.parametrize("header", ["If-Match", "Idempotency-Key", "X-Request-Id", "Content-Type"])
async def test_a_refused_header_is_not_echoed(api: Api, header: str) -> None:
    member = await api.sign_up()
    value = f"<{CANARY}> ü"
    reply = await member.call("DELETE", f"/api/v1/reports/{new_id()}", headers={header: value})
    assert reply.status >= 400
    assert CANARY.encode() not in reply.body
    assert CANARY not in str(reply.headers)


@pytest.mark.parametrize("log_format", ["json", "text"])
async def test_logs_hold_no_secret_name_or_content(
    tmp_path: Path, capfd: pytest.CaptureFixture[str], log_format: str
) -> None:
    settings = settings_in(tmp_path, log_format=log_format)
    async with running_api(replace(settings, log_level="debug")) as api:
        member = await api.sign_up()
        await member.upload(new_report())
        wrong = {"email": ADA.email, "login_secret": "1" * 64, "label": CANARY}
        await api.call("POST", "/api/v1/sessions", wrong)
        await api.call("POST", "/api/v1/sessions", {"email": EVIL, CANARY: CANARY})
        await api.call("GET", f"/{CANARY}?q={CANARY}", headers={"X-Evil": CANARY})
        await api.call("GET", f"/api/v1/reports/{CANARY}")
        device = member.signed_up["device"]
        session = member.signed_up["session"]["id"]
    log = capfd.readouterr().err
    assert log.count("request") > 8
    secret = ADA.seal().login_secret
    certificate = ADA.key.certificate.armored.splitlines()[3]
    for canary in (CANARY, member.token, device, session, secret, ADA.email, "Ada", certificate):
        assert str(canary) not in log


async def test_an_unexpected_error_says_nothing_of_what_it_met(
    capfd: pytest.CaptureFixture[str], api: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def fail(*_: object) -> None:
        raise RuntimeError(f"something with {CANARY} in it")

    monkeypatch.setattr(type(api.services.stores.reports), "find", fail)
    member = await api.sign_up()
    reply = await member.call("GET", f"/api/v1/reports/{new_id()}")
    assert (reply.status, reply.code) == (500, "failed")
    assert CANARY.encode() not in reply.body
    log = capfd.readouterr().err
    assert "RuntimeError" in log
    assert CANARY not in log
