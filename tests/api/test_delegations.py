"""Inboxes and uploaders at the server: who may send, read, acknowledge, and store for whom."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from hygieia.domain import inbox, uploaders
from hygieia.domain.pins_again import pin_again
from hygieia.domain.soundness import Checker
from hygieia.errors import StaleRevision, TooManyAttempts
from hygieia.openpgp.times import format_time, now
from hygieia.vault.message import SealedMessage, seal_message
from tests.factories.dags import Dag, ReportParts, report_parts
from tests.factories.servers import Api, Member, Reply, new_id
from tests.people import ADA, BOB, Person

CLEO = Person(email="cleo@example.org", account="c" * 32, password="paper clip")


@pytest.fixture
async def cleo(api: Api) -> Member:
    return await api.sign_up(CLEO)


def message(*readers: Person, note: bytes = b'{"note": "", "signature": ""}') -> SealedMessage:
    return seal_message(note, [reader.key.certificate for reader in readers or (ADA, BOB)])


async def post(sender: Member, to: str, sealed: SealedMessage | None = None) -> Reply:
    sealed = sealed or message()
    upload = await sender.start_upload()
    stored = await sender.put(upload, sealed.blocks)
    assert stored.status == 200, stored.body
    body = {"upload": upload, "root": str(sealed.root.cid), "email": to, "kind": "delegation"}
    reply = await sender.call("POST", "/api/v1/inbox", body)
    await sender.call("DELETE", f"/api/v1/uploads/{upload}")
    return reply


async def waiting(member: Member) -> list[Any]:
    reply = await member.call("GET", "/api/v1/inbox")
    assert reply.status == 200, reply.body
    items: list[Any] = reply.json["items"]
    return items


async def used(member: Member) -> int:
    quotas = member.api.services.stores.quotas
    return (await quotas.usage(member.person.account)).report_bytes


async def announced(member: Member) -> bool:
    return bool((await member.call("GET", "/api/v1/changes")).json["inbox"])


async def test_a_message_waits_for_its_reader_and_for_nobody_else(
    ada: Member, bob: Member, cleo: Member
) -> None:
    assert not await announced(bob)
    sealed = message()
    reply = await post(ada, " BOB@example.org ", sealed)
    assert reply.status == 201, reply.body
    assert await announced(bob)
    [item] = await waiting(bob)
    assert (item["id"], item["root"]) == (reply.json["id"], str(sealed.root.cid))
    assert item["sender"]["email"] == "ada@example.org"
    assert await waiting(ada) == []
    assert await waiting(cleo) == []
    got = await ada.api.call("GET", f"/ipfs/{sealed.root.cid}?format=raw")
    assert got.status == 200


async def test_the_sender_pays_until_it_is_acknowledged(ada: Member, bob: Member) -> None:
    sealed = message()
    reply = await post(ada, "bob@example.org", sealed)
    assert await used(ada) == reply.json["size_bytes"] == sealed.root.tsize
    assert await used(bob) == 0
    path = f"/api/v1/inbox/{reply.json['id']}"
    assert (await ada.call("DELETE", path)).status == 404, "only the reader acknowledges"
    assert (await bob.call("DELETE", path)).status == 204
    assert (await bob.call("DELETE", path)).status == 404
    assert await used(ada) == 0
    assert await waiting(bob) == []
    assert not await announced(bob)
    stores = ada.api.services.stores
    assert not await stores.blocks.is_pinned(sealed.root.cid, name=f"inbox:{reply.json['id']}")


async def test_the_same_message_again_is_the_first(ada: Member, bob: Member) -> None:
    sealed = message()
    first, again = [await post(ada, "bob@example.org", sealed) for _ in range(2)]
    assert first.json == again.json
    assert len(await waiting(bob)) == 1
    assert await used(ada) == sealed.root.tsize


async def test_what_is_no_message_is_refused_and_leaves_nothing(ada: Member, bob: Member) -> None:
    alone = message(ADA)
    many = [Person(email=f"p{n}@example.org", account=f"{n:032x}") for n in range(9)]
    report = report_parts().dag()
    wrong = {
        "one recipient": (alone, "limit-exceeded"),
        "nine recipients": (message(*many), "limit-exceeded"),
        "too long": (message(note=bytes(300_000)), "envelope-refused"),
    }
    for what, (sealed, code) in wrong.items():
        reply = await post(ada, "bob@example.org", sealed)
        assert (reply.status, reply.code) == (422, code), what
    upload = await ada.start_upload()
    await ada.put(upload, report.blocks)
    body = {"upload": upload, "email": "bob@example.org", "kind": "delegation"}
    directory = await ada.call("POST", "/api/v1/inbox", body | {"root": str(report.root)})
    assert (directory.status, directory.code) == (422, "dag-refused")
    absent = await ada.call("POST", "/api/v1/inbox", body | {"root": str(message().root.cid)})
    assert (absent.status, absent.code) == (422, "block-missing")
    assert await waiting(bob) == []
    assert await used(ada) == 0


async def test_to_nobody_and_to_oneself(ada: Member) -> None:
    nobody = await post(ada, "nobody@example.org")
    assert (nobody.status, nobody.code) == (404, "not-found")
    oneself = await post(ada, "ada@example.org")
    assert (oneself.status, oneself.code) == (400, "invalid-input")


async def test_nobody_floods_an_inbox(
    ada: Member, bob: Member, cleo: Member, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(inbox, "MAX_WAITING_IN_ONE", 2)
    first = await post(ada, "bob@example.org")
    assert (await post(ada, "bob@example.org")).status == 201
    refused = await post(ada, "bob@example.org")
    assert (refused.status, refused.code) == (429, "too-many-attempts")
    assert (await post(ada, "cleo@example.org", message(ADA, CLEO))).status == 201
    assert (await post(cleo, "bob@example.org", message(CLEO, BOB))).status == 201
    await bob.call("DELETE", f"/api/v1/inbox/{first.json['id']}")
    assert (await post(ada, "bob@example.org")).status == 201


async def test_a_sender_without_room_sends_nothing(ada: Member, bob: Member) -> None:
    quotas, sealed = ada.api.services.stores.quotas, message()
    upload = await ada.start_upload()
    await ada.put(upload, sealed.blocks)
    await quotas.hold(ADA.account, "all of it", await quotas.room(ADA.account) - 100)
    body = {"upload": upload, "root": str(sealed.root.cid), "email": "bob@example.org"}
    refused = await ada.call("POST", "/api/v1/inbox", body | {"kind": "delegation"})
    assert (refused.status, refused.code) == (507, "quota-exceeded")
    assert await waiting(bob) == []


async def test_what_nobody_fetched_goes_after_a_while(
    ada: Member, bob: Member, monkeypatch: pytest.MonkeyPatch
) -> None:
    reply = await post(ada, "bob@example.org")
    services = ada.api.services
    job = await services.stores.jobs.find(inbox.JOB, reply.json["id"])
    assert job is not None
    await services.inboxes.clean_up(job)
    assert len(await waiting(bob)) == 1, "it is not old yet"
    monkeypatch.setattr(inbox, "KEEP", timedelta(0))
    await services.inboxes.clean_up(job)
    assert await waiting(bob) == []
    assert await used(ada) == 0


async def test_after_a_commit_that_died_nothing_stays(ada: Member, bob: Member) -> None:
    services = ada.api.services
    sealed = message()
    upload = await services.uploads.get(ada.person.account, await ada.start_upload())
    await ada.put(upload.id, sealed.blocks)
    reply = await post(ada, "bob@example.org", sealed)
    job = await services.stores.jobs.find(inbox.JOB, reply.json["id"])
    assert job is not None
    # As a crash between the pin and the document leaves it.
    await services.stores.documents.delete(inbox.COLLECTION, reply.json["id"])
    await services.stores.quotas.hold(ada.person.account, f"inbox-{reply.json['id']}", 0)
    await services.inboxes.clean_up(job)
    assert await used(ada) == 0
    pin = f"inbox:{reply.json['id']}"
    assert not await services.stores.blocks.is_pinned(sealed.root.cid, name=pin)


async def test_a_message_is_looked_at_when_everything_is_checked(ada: Member, bob: Member) -> None:
    sealed = message()
    reply = await post(ada, "bob@example.org", sealed)
    stores = ada.api.services.stores
    assert (await Checker(stores).check()).damaged == ()
    pin = f"inbox:{reply.json['id']}"
    await stores.blocks.unpin(sealed.root.cid, name=pin)
    [damaged] = (await Checker(stores).check()).damaged
    assert (damaged.kind, damaged.subject) == ("message", reply.json["id"])
    assert await pin_again(stores) == 1
    assert (await Checker(stores).check()).damaged == ()


async def test_with_its_account_a_message_goes(ada: Member, bob: Member, cleo: Member) -> None:
    await post(ada, "bob@example.org")
    await post(cleo, "bob@example.org", message(CLEO, BOB))
    await ada.api.services.inboxes.drop_account(ada.person.account)
    assert [item["sender"]["email"] for item in await waiting(bob)] == ["cleo@example.org"]
    await ada.api.services.inboxes.drop_account(bob.person.account)
    assert await waiting(bob) == []
    assert await used(cleo) == 0


# -- storing for somebody else ------------------------------------------------------------------


def for_another(author: Person, owner: Person) -> tuple[ReportParts, str]:
    """A report to two people; the author's packet."""
    alone = report_parts()
    shared = alone.with_readers(author.key.certificate)
    [packet] = set(shared.packets()) - set(alone.packets())
    assert owner is ADA, "report_parts are ADA's"
    return shared, packet


async def allow(owner: Member, author: Person, expires: str | None = None) -> Reply:
    path = f"/api/v1/uploaders/{author.key.key_id}"
    later = format_time(now() + timedelta(days=30))
    return await owner.call("PUT", path, {"expires": expires or later})


async def commit_for(
    author: Member, dag: Dag, shares: list[str], report: str, owner: str = "ada@example.org"
) -> Reply:
    upload = await author.start_upload()
    await author.put(upload, dag.blocks)
    reports = [{"id": report, "root": str(dag.root), "shares": shares}]
    body = {"upload": upload, "reports": reports, "owner": owner}
    return await author.call("POST", "/api/v1/reports", body)


async def test_a_doctor_stores_for_a_patient_who_lets_him(ada: Member, bob: Member) -> None:
    parts, packet = for_another(BOB, ADA)
    report = new_id()
    note = bob.share_note(report, BOB, packet)
    refused = await commit_for(bob, parts.dag(), [note], report)
    assert (refused.status, refused.code) == (403, "forbidden")
    nobody = await commit_for(bob, parts.dag(), [note], report, "nobody@example.org")
    assert (nobody.status, nobody.code, nobody.json["detail"]) == (
        403,
        "forbidden",
        refused.json["detail"],
    )
    assert (await allow(ada, BOB)).status == 200
    reply = await commit_for(bob, parts.dag(), [note], report)
    assert reply.status == 201, reply.body
    document = reply.json["reports"][0]["report"]
    assert document["owner"] == ADA.account
    assert await used(ada) == document["size_bytes"]
    assert await used(bob) == 0
    [listed] = (await ada.call("GET", "/api/v1/reports")).json["items"]
    assert listed["id"] == report
    assert (await bob.call("GET", "/api/v1/reports")).json["items"] == []
    [shared] = (await bob.call("GET", "/api/v1/shared")).json["items"]
    assert shared["share"]["report"] == report
    [change] = (await ada.call("GET", "/api/v1/changes")).json["items"]
    assert change["report"] == report


async def test_a_doctor_stores_as_often_as_he_likes(
    ada: Member, bob: Member, monkeypatch: pytest.MonkeyPatch
) -> None:
    await allow(ada, BOB)
    attempts = ada.api.services.identity.directory._attempts

    async def none_left(*_: object) -> None:
        raise TooManyAttempts("no more look-ups", retry_after_seconds=60)

    monkeypatch.setattr(attempts, "count", none_left)
    parts, packet = for_another(BOB, ADA)
    report = new_id()
    reply = await commit_for(bob, parts.dag(), [bob.share_note(report, BOB, packet)], report)
    assert reply.status == 201, "a commit looks nobody up"
    assert (await post(bob, "ada@example.org")).status == 429, "sending to somebody does"


async def test_a_report_for_another_has_two_recipients_and_one_note(
    ada: Member, bob: Member, cleo: Member
) -> None:
    await allow(ada, BOB)
    parts, packet = for_another(BOB, ADA)
    three = parts.with_readers(CLEO.key.certificate)
    [third] = set(three.packets()) - set(parts.packets())
    report = new_id()
    mine = bob.share_note(report, BOB, packet)
    wrong: dict[str, tuple[ReportParts, list[str]]] = {
        "the owner alone": (report_parts(), []),
        "a third": (three, [mine, bob.share_note(report, CLEO, third)]),
        "no note": (parts, []),
        "a note for another": (parts, [bob.share_note(report, CLEO, packet)]),
    }
    for what, (each, notes) in wrong.items():
        reply = await commit_for(bob, each.dag(), notes, report)
        assert reply.status == 207, what
        assert reply.json["reports"][0]["error"]["code"] == "recipient-refused", what
    assert (await ada.call("GET", "/api/v1/reports")).json["items"] == []
    assert await used(ada) == 0


async def test_the_permission_ends(ada: Member, bob: Member) -> None:
    await allow(ada, BOB)
    [listed] = (await ada.call("GET", "/api/v1/uploaders")).json["items"]
    assert listed["key"] == BOB.key.key_id
    path = f"/api/v1/uploaders/{BOB.key.key_id}"
    assert (await bob.call("DELETE", path)).status == 404
    assert (await ada.call("DELETE", path)).status == 204
    assert (await ada.call("DELETE", path)).status == 404
    parts, packet = for_another(BOB, ADA)
    report = new_id()
    reply = await commit_for(bob, parts.dag(), [bob.share_note(report, BOB, packet)], report)
    assert reply.status == 403
    for expires in (now(), now() + timedelta(days=401)):
        refused = await allow(ada, BOB, format_time(expires))
        assert (refused.status, refused.code) == (400, "invalid-input")


async def test_at_the_limit_nobody_joins_and_whoever_may_store_can_be_prolonged(
    ada: Member, bob: Member, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(uploaders, "MAX_UPLOADERS", 1)
    assert (await allow(ada, BOB)).status == 200
    refused = await allow(ada, CLEO)
    assert (refused.status, refused.code) == (422, "limit-exceeded")
    assert "At most 1 " in refused.json["detail"]
    later = format_time(now() + timedelta(days=60))
    assert (await allow(ada, BOB, later)).json["expires"] == later
    listed = (await ada.call("GET", "/api/v1/uploaders")).json["items"]
    assert [(each["key"], each["expires"]) for each in listed] == [(BOB.key.key_id, later)]
    await ada.call("DELETE", f"/api/v1/uploaders/{BOB.key.key_id}")
    assert (await allow(ada, CLEO)).status == 200


async def test_a_permission_that_could_not_be_written_is_not_said_to_be(
    ada: Member, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def loses(*_: object, **__: object) -> None:
        raise StaleRevision("It has changed.")

    assert (await allow(ada, BOB)).status == 200
    with monkeypatch.context() as patch:
        patch.setattr(ada.api.services.stores.documents, "replace", loses)
        reply = await allow(ada, BOB, format_time(now() + timedelta(days=60)))
    assert (reply.status, reply.code) == (409, "conflict")


async def test_what_the_owner_has_no_room_for_is_refused(ada: Member, bob: Member) -> None:
    await allow(ada, BOB)
    quotas = ada.api.services.stores.quotas
    await quotas.hold(ADA.account, "all of it", await quotas.room(ADA.account) - 100)
    parts, packet = for_another(BOB, ADA)
    report = new_id()
    reply = await commit_for(bob, parts.dag(), [bob.share_note(report, BOB, packet)], report)
    assert reply.json["reports"][0]["error"]["code"] == "quota-exceeded"
