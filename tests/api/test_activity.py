"""The activity trail at the server: what is told, to whom, and what is not."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest

from hygieia.domain.activity import COLLECTION, Activity
from hygieia.errors import StorageFull
from hygieia.vault.activity import ActivityEntry, Trail
from tests.factories.dags import report_parts
from tests.factories.servers import Api, Member
from tests.people import BOB, login_secret


async def trail_of(member: Member) -> list[ActivityEntry]:
    """The whole trail, checked as her client does."""
    reply = await member.call("GET", "/api/v1/activity?limit=1000")
    assert reply.status == 200, reply.body
    assert reply.json["next"] is None
    trail = Trail(member.person.account)
    entries = [trail.take(item["entry"]) for item in reply.json["items"]]
    assert [entry.hash for entry in entries] == [item["hash"] for item in reply.json["items"]]
    return entries


async def events_of(member: Member) -> list[str]:
    return [entry.event for entry in await trail_of(member)]


async def sign_in(api: Api, member: Member, password: str, **more: Any) -> Any:  # noqa: ANN401  (whatever JSON it is)
    body = {"email": member.person.email, "login_secret": login_secret(password)}
    return await api.call("POST", "/api/v1/sessions", body | more)


async def test_sessions_are_told_with_device_and_address(api: Api, ada: Member) -> None:
    reply = await sign_in(api, ada, ada.person.password, label="Ada's \x07 phone")
    other = Member(api, ada.person, token=reply.json["token"])
    await other.call("DELETE", "/api/v1/sessions/current")
    await ada.call("DELETE", "/api/v1/sessions")
    entries = await trail_of(ada)
    assert [entry.event for entry in entries] == [
        "signed-up",
        "signed-in",
        "signed-out",
        "session-ended",
    ]
    assert {entry.address for entry in entries} == {"127.0.0.1"}
    assert {entry.by for entry in entries} == {ada.person.key.key_id}
    assert [entry.device for entry in entries][1:3] == ["Ada's  phone"] * 2


async def test_wrong_passwords_are_told_once_an_hour_and_name_nobody(api: Api, ada: Member) -> None:
    for _ in range(2):
        reply = await sign_in(api, ada, "wrong", label="<script>")
        assert reply.status in {401, 429}
    wrong = (await trail_of(ada))[-1]
    assert (wrong.event, wrong.by) == ("wrong-password", None)
    assert (wrong.address, wrong.device) == ("", "")
    assert (await events_of(ada)).count("wrong-password") == 1


async def test_everything_about_a_report_stands_in_its_owners_trail(
    ada: Member, bob: Member
) -> None:
    parts = report_parts()
    (report,) = await ada.upload(parts.dag())
    reply, _ = await ada.share(report, parts, BOB)
    for _ in range(3):
        assert (await bob.call("GET", f"/api/v1/reports/{report['id']}")).status == 200
    reply = await ada.change(reply.json, parts.dag(), "readers")
    assert reply.status == 200, reply.body
    reply = await ada.change(reply.json, (edited := parts.edited()).dag(), "edit")
    reply = await ada.change(reply.json, report_parts().dag(), "update")
    assert reply.status == 200, (reply.body, edited)
    path = f"/api/v1/reports/{report['id']}"
    await ada.call("DELETE", path)
    await ada.call("POST", f"{path}/restore", {})
    await ada.call("DELETE", path)
    await ada.call("DELETE", f"{path}/purge")
    entries = await trail_of(ada)
    assert [entry.event for entry in entries][1:] == [
        *("stored", "shared", "fetched", "unshared", "edited", "updated"),
        *("deleted", "restored", "deleted", "purged"),
    ]
    ada_key, bob_key = ada.person.key.key_id, BOB.key.key_id
    assert {entry.reports for entry in entries[1:]} == {(report["id"],)}
    by = {entry.event: entry.by for entry in entries}
    assert by["fetched"] == bob_key
    assert {key for event, key in by.items() if event != "fetched"} == {ada_key}
    people = {entry.event: entry.people for entry in entries}
    assert (people["shared"], people["unshared"]) == ((bob_key,), (bob_key,))
    assert await events_of(bob) == ["signed-up"]


async def test_a_fetch_is_told_again_for_what_a_re_key_made_new(ada: Member, bob: Member) -> None:
    parts = report_parts()
    (report,) = await ada.upload(parts.dag())
    reply, _ = await ada.share(report, parts, BOB)
    path = f"/api/v1/reports/{report['id']}"
    for _ in range(2):
        await bob.call("GET", path)
    alone = report_parts()
    anew = alone.with_readers(BOB.key.certificate)
    [packet] = set(anew.packets()) - set(alone.packets())
    upload = await ada.start_upload()
    await ada.put(upload, anew.dag().blocks)
    note = ada.share_note(report["id"], BOB, packet)
    body = {"upload": upload, "root": str(anew.dag().root), "change": "rekey", "shares": [note]}
    changed = await ada.call("PUT", path, body, rev=reply.json["rev"])
    assert changed.status == 200, changed.body
    for _ in range(2):
        assert (await bob.call("GET", path)).json["root"] == str(anew.dag().root)
    told = [entry.event for entry in await trail_of(ada)]
    assert told[1:] == ["stored", "shared", "fetched", "re-keyed", "fetched"]


async def test_a_re_share_names_the_one_who_shared(ada: Member, bob: Member, api: Api) -> None:
    cleo = BOB.__class__(email="cleo@example.org", account="c" * 32, password="paper clip")
    await api.sign_up(cleo)
    parts = report_parts()
    (report,) = await ada.upload(parts.dag())
    reply, shared = await ada.share(report, parts, BOB)
    await bob.share(reply.json, shared, cleo)
    last = (await trail_of(ada))[-1]
    assert (last.event, last.by, last.people) == ("shared", BOB.key.key_id, (cleo.key.key_id,))


async def test_a_deleted_account_leaves_no_trail(api: Api, ada: Member) -> None:
    documents = api.services.stores.documents
    body = {"confirm": ada.person.email, "login_secret": login_secret(ada.person.password)}
    assert (await documents.page(COLLECTION, ada.person.account, limit=9)).items
    assert (await ada.call("POST", "/api/v1/account/delete", body)).status == 204
    await api.until_emptied(ada.person)
    assert not (await documents.page(COLLECTION, ada.person.account, limit=9)).items


async def test_the_hosts_reset_is_told_to_whoever_signs_up_anew(api: Api, ada: Member) -> None:
    async def nothing(account_id: str) -> None:
        assert account_id == ada.person.account

    code = await api.services.identity.accounts.vacate(ada.person.email, nothing)
    again = await api.sign_up(replace(ada.person, which_key="second"), invite=code)
    first, freed, second = await trail_of(again)
    assert (first.event, freed.event, second.event) == ("signed-up", "account-freed", "signed-up")
    assert (freed.by, freed.address, freed.device) == (None, "", "")
    assert first.by != second.by == again.person.key.key_id


async def test_many_reports_in_one_request_are_one_entry(ada: Member) -> None:
    reports = await ada.upload(*(report_parts().dag() for _ in range(5)))
    last = (await trail_of(ada))[-1]
    assert (last.event, set(last.reports)) == ("stored", {report["id"] for report in reports})


async def test_what_was_refused_is_not_told(ada: Member, bob: Member) -> None:
    parts = report_parts()
    (report,) = await ada.upload(parts.dag())
    before = await events_of(ada)
    stale, _ = await ada.share({**report, "rev": 7}, parts, BOB)
    assert stale.status == 412
    assert (await bob.call("GET", f"/api/v1/reports/{report['id']}")).status == 404
    assert (await bob.call("DELETE", f"/api/v1/reports/{report['id']}")).status == 404
    assert await events_of(ada) == before


async def test_a_repeated_request_is_told_once(ada: Member) -> None:
    (report,) = await ada.upload(report_parts().dag())
    for _ in range(3):
        reply = await ada.call(
            "DELETE", f"/api/v1/reports/{report['id']}", headers={"Idempotency-Key": "same"}
        )
        assert reply.status == 200
    assert (await events_of(ada)).count("deleted") == 1


async def test_the_trail_is_read_in_pages_from_an_entry_on(ada: Member) -> None:
    for _ in range(4):
        await ada.call("DELETE", "/api/v1/sessions")
    lines = [entry.line for entry in await trail_of(ada)]
    second = (await ada.call("GET", "/api/v1/activity?limit=2")).json["items"][1]["hash"]
    got, path = [], f"/api/v1/activity?limit=2&since={second}"
    while path:
        page = (await ada.call("GET", path)).json
        got += [item["entry"] for item in page["items"]]
        path = f"/api/v1/activity?limit=2&after={page['next']}" if page["next"] else ""
    assert got == lines[2:]
    newest = await ada.call("GET", "/api/v1/activity?newest_first=true&limit=1")
    assert newest.json["items"][0]["entry"] == lines[-1]


@pytest.mark.parametrize(
    ("query", "status"),
    [
        ("since=b" + "a" * 58, 404),
        ("since=nonsense", 400),
        ("since=", 400),
        ("after=nonsense", 400),
        ("limit=0", 400),
        ("newest_first=perhaps", 400),
        ("unknown=1", 400),
    ],
)
async def test_odd_questions_are_refused(ada: Member, query: str, status: int) -> None:
    assert (await ada.call("GET", f"/api/v1/activity?{query}")).status == status


async def test_a_trail_is_its_owners_alone(api: Api, ada: Member, bob: Member) -> None:
    assert (await api.call("GET", "/api/v1/activity")).status == 401
    adas = (await trail_of(ada))[0]
    assert (await bob.call("GET", f"/api/v1/activity?since={adas.hash}")).status == 404


async def test_no_secret_and_no_label_of_a_report_stands_in_it(api: Api, ada: Member) -> None:
    reply = await sign_in(api, ada, ada.person.password)
    text = json.dumps([entry.line for entry in await trail_of(ada)])
    for secret in (
        str(ada.token),
        reply.json["token"],
        reply.json["session"]["id"],
        "ada@example.org",
    ):
        assert secret not in text


async def test_who_reads_goes_on_reading_when_nothing_can_be_recorded(
    ada: Member, monkeypatch: pytest.MonkeyPatch
) -> None:
    (report,) = await ada.upload(report_parts().dag())

    async def full(*_: object, **__: object) -> None:
        raise StorageFull("The disk is full.")

    monkeypatch.setattr(Activity, "append", full)
    assert (await ada.call("GET", f"/api/v1/reports/{report['id']}")).status == 200
    assert (await ada.call("DELETE", f"/api/v1/reports/{report['id']}")).status == 200
