"""``Idempotency-Key`` on every unsafe request (docs/spec/11-http-api.md §11.2)."""

from __future__ import annotations

import asyncio
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from hygieia.domain.login_hashing import LoginHasher
from hygieia.errors import Conflict, HygieiaError, StorageFull, Unavailable
from hygieia.openpgp.times import now
from hygieia.server import idempotency
from hygieia.server.idempotency import COLLECTION, Asked, Finished, Idempotency
from hygieia.server.routes import ALL_ROUTES
from tests.factories.dags import new_report
from tests.factories.servers import Api, Member, Reply, new_id, running_api, settings_in
from tests.people import ADA, login_secret

KEY = {"Idempotency-Key": "one-key"}


async def kept(api: Api) -> list[Any]:
    page = await api.services.stores.documents.scan(COLLECTION, after=None, limit=100)
    return list(page.items)


def is_repeated(first: Reply, again: Reply) -> bool:
    return (
        (again.status, again.body, again.headers.get("ETag"))
        == (first.status, first.body, first.headers.get("ETag"))
        and "Idempotent-Replayed" not in first.headers
        and again.headers.get("Idempotent-Replayed") == "true"
    )


def test_every_unsafe_route_honours_the_key_or_does_no_harm() -> None:
    harmless = {route.operation for route in ALL_ROUTES if route.unsafe and not route.keeps_answers}
    assert harmless <= {
        "ask_missing",
        "put_blocks",
        "sign_in_parameters",
        "start_reset",
        "find_person",
    }


async def test_a_commit_done_in_part_is_done_again(ada: Member) -> None:
    dag, later = new_report(), new_report()
    upload = await ada.start_upload()
    await ada.put(upload, dag.blocks)
    reports = [{"id": new_id(), "root": str(one.root)} for one in (dag, later)]
    body = {"upload": upload, "reports": reports}
    first = await ada.call("POST", "/api/v1/reports", body, headers=KEY)
    assert first.status == 207
    await ada.put(upload, later.blocks)
    again = await ada.call("POST", "/api/v1/reports", body, headers=KEY)
    outcomes = [(item["error"] or {}).get("code") for item in again.json["reports"]]
    assert outcomes == ["duplicate", None]


async def test_a_refused_request_may_be_tried_again(ada: Member) -> None:
    path = f"/api/v1/reports/{(await ada.upload(new_report()))[0]['id']}"
    assert (await ada.call("DELETE", f"{path}/purge", headers=KEY)).status == 409
    assert (await ada.call("DELETE", path)).status == 200
    first = await ada.call("DELETE", f"{path}/purge", headers=KEY)
    assert first.status == 204
    assert is_repeated(first, await ada.call("DELETE", f"{path}/purge", headers=KEY))


async def test_another_request_under_the_key_is_a_conflict(ada: Member) -> None:
    report = (await ada.upload(new_report()))[0]
    await ada.call("POST", "/api/v1/uploads", {}, headers=KEY)
    for method, path in (
        ("DELETE", f"/api/v1/reports/{report['id']}"),
        ("DELETE", f"/api/v1/reports/{new_id()}"),
        ("DELETE", "/api/v1/sessions"),
    ):
        reply = await ada.call(method, path, headers=KEY)
        assert (reply.status, reply.code) == (409, "conflict")
    assert (await ada.call("GET", f"/api/v1/reports/{report['id']}")).json == report


async def test_keys_of_two_accounts_have_nothing_to_do_with_each_other(
    ada: Member, bob: Member
) -> None:
    first = await ada.call("POST", "/api/v1/uploads", {}, headers=KEY)
    second = await bob.call("POST", "/api/v1/uploads", {}, headers=KEY)
    assert (second.status, "Idempotent-Replayed" in second.headers) == (201, False)
    assert first.json["upload"] != second.json["upload"]


async def test_a_sign_in_repeated_is_the_same_session_and_its_token_is_kept_nowhere(
    api: Api, ada: Member
) -> None:
    body = {"email": ADA.email, "login_secret": login_secret(ADA.password)}
    first = await api.call("POST", "/api/v1/sessions", body, headers=KEY)
    again = await api.call("POST", "/api/v1/sessions", body, headers=KEY)
    assert first.status == 201
    assert is_repeated(first, again)
    (document,) = await kept(api)
    for secret in (first.json["token"], first.json["device"], body["login_secret"], ADA.email):
        assert secret not in str(document)
    assert "BEGIN PGP" not in str(document)
    assert len((await ada.call("GET", "/api/v1/sessions")).json["items"]) == 2


async def test_who_is_over_the_limit_claims_no_key(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with running_api(settings_in(tmp_path, sign_in_attempts_account=1)) as api:
        await api.sign_up(ADA)
        right = {"email": ADA.email, "login_secret": login_secret(ADA.password)}
        first = await api.call("POST", "/api/v1/sessions", right, headers=KEY)
        wrong = right | {"login_secret": login_secret("another")}
        assert (await api.call("POST", "/api/v1/sessions", wrong)).status == 401
        documents = api.services.stores.documents
        before = await kept(api)
        written: list[str] = []
        insert = documents.insert

        async def watched(collection: str, *arguments: Any, **fields: Any) -> Any:  # noqa: ANN401  (passed on as it came)
            written.append(collection)
            return await insert(collection, *arguments, **fields)

        monkeypatch.setattr(type(documents), "insert", staticmethod(watched))
        refused = await api.call(
            "POST", "/api/v1/sessions", right, headers={"Idempotency-Key": "other"}
        )
        assert (refused.status, refused.code) == (429, "too-many-attempts")
        assert not {COLLECTION, "attempts"} & set(written)
        # What was answered before is answered still: that is no attempt.
        assert is_repeated(first, await api.call("POST", "/api/v1/sessions", right, headers=KEY))
        assert await kept(api) == before


async def test_a_repetition_of_what_is_under_way_is_no_attempt_of_its_own(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    begun, repeated = asyncio.Event(), asyncio.Event()
    verify = LoginHasher.verify

    async def after_the_repetition(hasher: LoginHasher, *arguments: Any) -> bool:  # noqa: ANN401  (passed on as it came)
        begun.set()
        await repeated.wait()
        return await verify(hasher, *arguments)

    async with running_api(settings_in(tmp_path, sign_in_attempts_account=1)) as api:
        await api.sign_up(ADA)
        documents = api.services.stores.documents
        insert = documents.insert

        async def watched(collection: str, *arguments: Any, **fields: Any) -> Any:  # noqa: ANN401  (passed on as it came)
            if collection == COLLECTION and begun.is_set():
                repeated.set()
            return await insert(collection, *arguments, **fields)

        monkeypatch.setattr(LoginHasher, "verify", after_the_repetition)
        monkeypatch.setattr(documents, "insert", watched)
        body = {"email": ADA.email, "login_secret": login_secret(ADA.password)}
        ask = partial(api.call, "POST", "/api/v1/sessions", body, headers=KEY)
        first = asyncio.create_task(ask())
        await begun.wait()
        again = await ask()
        repeated.set()
        assert again.status == 201, again.body
        assert is_repeated(await first, again)


async def test_a_sign_in_with_a_cookie_sets_it_again(api: Api, ada: Member) -> None:
    body = {"email": ADA.email, "login_secret": login_secret(ADA.password), "cookie": True}
    first = await api.call("POST", "/api/v1/sessions", body, headers=KEY)
    again = await api.call("POST", "/api/v1/sessions", body, headers=KEY)
    assert first.headers["Set-Cookie"] == again.headers["Set-Cookie"]
    assert is_repeated(first, again)


async def test_another_persons_sign_in_under_the_same_key_is_another_request(
    api: Api, ada: Member, bob: Member
) -> None:
    for member in (ada, bob):
        body = {
            "email": member.person.email,
            "login_secret": login_secret(member.person.password),
        }
        reply = await api.call("POST", "/api/v1/sessions", body, headers=KEY)
        assert reply.json["account"]["email"] == member.person.email
        wrong = {**body, "login_secret": login_secret("wrong")}
        assert (await api.call("POST", "/api/v1/sessions", wrong, headers=KEY)).status == 401


async def test_a_sign_up_repeated_opens_one_account(api: Api) -> None:
    body = Member(api, ADA).sign_up_body()
    first = await api.call("POST", "/api/v1/accounts", body, headers=KEY)
    assert first.status == 201
    assert is_repeated(first, await api.call("POST", "/api/v1/accounts", body, headers=KEY))


@pytest.mark.parametrize("what", ["sign-out", "end", "delete"])
async def test_what_ends_its_own_session_may_be_repeated_with_that_token(
    ada: Member, what: str
) -> None:
    session = ada.signed_up["session"]["id"]
    secret = login_secret(ADA.password)
    call: tuple[Any, ...] = {
        "sign-out": ("DELETE", "/api/v1/sessions/current"),
        "end": ("DELETE", f"/api/v1/sessions/{session}"),
        "delete": (
            "POST",
            "/api/v1/account/delete",
            {"confirm": ADA.email, "login_secret": secret},
        ),
    }[what]
    first = await ada.call(*call, headers=KEY)
    assert first.status == 204
    assert is_repeated(first, await ada.call(*call, headers=KEY))
    other = {"Idempotency-Key": "another"}
    assert (await ada.call(*call, headers=other)).status == 401
    ada.token = "x" * 43
    assert (await ada.call(*call, headers=KEY)).status == 401


async def test_a_changed_password_repeated_is_answered_as_first(ada: Member) -> None:
    seal = ADA.seal("new password")
    rev = (await ada.call("GET", "/api/v1/account")).json["rev"]
    body = {
        "current_login_secret": login_secret(ADA.password),
        "kdf": {"m": seal.kdf.m, "t": seal.kdf.t, "p": seal.kdf.p},
        "seal_certificate": seal.certificate,
        "sealed_key": seal.sealed_key,
        "seal_mac": seal.mac,
        "login_secret": seal.login_secret,
    }
    first = await ada.call("PUT", "/api/v1/account/seal", body, rev=rev, headers=KEY)
    assert first.status == 200, first.body
    again = await ada.call("PUT", "/api/v1/account/seal", body, rev=rev, headers=KEY)
    assert is_repeated(first, again)


async def test_two_at_once_do_it_once(ada: Member) -> None:
    replies = await asyncio.gather(
        *(ada.call("POST", "/api/v1/uploads", {}, headers=KEY) for _ in range(8))
    )
    assert {reply.status for reply in replies} == {201}
    assert len({reply.json["upload"] for reply in replies}) == 1
    assert sum("Idempotent-Replayed" not in reply.headers for reply in replies) == 1


async def test_a_key_out_of_bounds_is_refused(ada: Member) -> None:
    for key in ("", "x" * 129, "a b"):
        reply = await ada.call("POST", "/api/v1/uploads", {}, headers={"Idempotency-Key": key})
        assert (reply.status, reply.code) == (400, "invalid-input")


ASKED = Asked("account a", "key", "text")
DONE = Finished(201, "{}", {"ETag": '"1"'}, "token")


def keeper(api: Api, *, wait_seconds: float = 0.2) -> Idempotency:
    return Idempotency(
        api.services.stores.documents, api.services.server_secrets, wait_seconds=wait_seconds
    )


async def test_the_second_does_the_work_when_the_first_fails(api: Api) -> None:
    begun, fail = asyncio.Event(), asyncio.Event()

    async def failing() -> Finished:
        begun.set()
        await fail.wait()
        raise Unavailable("not now")

    async def working() -> Finished:
        return DONE

    once = keeper(api, wait_seconds=30).once
    first = asyncio.create_task(once(ASKED, failing))
    await begun.wait()
    second = asyncio.create_task(once(ASKED, working))
    fail.set()
    with pytest.raises(Unavailable):
        await first
    assert await second == (DONE, False)
    assert await once(ASKED, failing) == (DONE, True)


@pytest.mark.parametrize("error", [StorageFull("No room."), Unavailable("Not now.")])
@pytest.mark.parametrize("at", ["renewal", "keeping", "forgetting"])
async def test_who_asked_is_told_of_the_request_whatever_became_of_its_record(
    api: Api, monkeypatch: pytest.MonkeyPatch, error: HygieiaError, at: str
) -> None:
    tried = asyncio.Event()
    refused = Conflict("not so")

    async def fails(*_: object, **__: object) -> None:
        tried.set()
        raise error

    async def working() -> Finished:
        patch.setattr(api.services.stores.documents, "replace", fails)
        patch.setattr(api.services.stores.documents, "delete", fails)
        if at == "renewal":
            await tried.wait()
        if at == "forgetting":
            raise refused
        return DONE

    # The server, which ends with the test, is to have a store that works.
    with monkeypatch.context() as patch:
        patch.setattr(idempotency, "RENEW_SECONDS", 0.01 if at == "renewal" else 60)
        asked = keeper(api).once(ASKED, working)
        if at == "forgetting":
            with pytest.raises(Conflict) as caught:
                await asked
            assert caught.value is refused
        else:
            assert await asked == (DONE, False)
    assert tried.is_set()


async def test_who_repeats_a_request_under_way_for_long_is_told_to_come_back(api: Api) -> None:
    begun = asyncio.Event()

    async def endless() -> Finished:
        begun.set()
        await asyncio.Event().wait()
        raise AssertionError

    first = asyncio.create_task(keeper(api).once(ASKED, endless))
    await begun.wait()
    with pytest.raises(Unavailable):
        await keeper(api).once(ASKED, endless)
    first.cancel()
    with pytest.raises(asyncio.CancelledError):
        await first
    assert await kept(api) == []


async def test_the_claim_is_renewed_while_the_work_goes_on_and_ends_soon_after_a_kill(
    api: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(idempotency, "RENEW_SECONDS", 0.01)
    revs: list[int] = []
    ends: list[datetime] = []

    async def slow() -> Finished:
        while not revs or revs[-1] < 3:
            (claim,) = await kept(api)
            revs.append(claim.rev)
            ends.append(claim.expires)
            assert claim.expires <= now() + idempotency.UNDER_WAY_FOR + timedelta(seconds=1)
            await asyncio.sleep(0.01)
        return DONE

    assert await keeper(api).once(ASKED, slow) == (DONE, False)
    assert ends == sorted(ends)
    assert await keeper(api).find(ASKED) == DONE


async def test_an_answer_too_long_to_keep_is_given_and_not_kept(api: Api) -> None:
    async def long() -> Finished:
        return Finished(200, "x" * (idempotency.MAX_KEPT_CHARACTERS + 1))

    for _ in range(2):
        assert (await keeper(api).once(ASKED, long))[1] is False
    assert await kept(api) == []


async def test_what_a_killed_server_left_behind_stands_in_the_way_for_seconds_only(
    api: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    begun = asyncio.Event()

    async def killed() -> Finished:
        begun.set()
        await asyncio.Event().wait()
        raise AssertionError

    async def working() -> Finished:
        return DONE

    monkeypatch.setattr(idempotency, "UNDER_WAY_FOR", timedelta(seconds=2))
    first = asyncio.create_task(keeper(api).once(ASKED, killed))  # never renewed, as if dead
    await begun.wait()
    assert await keeper(api, wait_seconds=30).once(ASKED, working) == (DONE, False)
    first.cancel()
    with pytest.raises(asyncio.CancelledError):
        await first
    assert await keeper(api).find(ASKED) == DONE
