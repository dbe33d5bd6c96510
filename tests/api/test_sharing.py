"""Sharing at the server: readers are added by notes, dropped by the owner, by nobody else (RC-03)."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from hygieia.domain import commit_cleanup, report_changes
from hygieia.errors import Unavailable
from hygieia.openpgp.packets import parse_header_leaf
from hygieia.openpgp.times import now
from tests.factories.dags import ReportParts, report_parts
from tests.factories.servers import Api, Member, Reply, new_id
from tests.people import BOB, Person

CLEO = Person(email="cleo@example.org", account="c" * 32, password="paper clip")


@pytest.fixture
async def cleo(api: Api) -> Member:
    return await api.sign_up(CLEO)


async def shared_with(member: Member) -> list[str]:
    reply = await member.call("GET", "/api/v1/shared")
    assert reply.status == 200, reply.body
    return [item["share"]["report"] for item in reply.json["items"]]


async def get(member: Member, report: str) -> Reply:
    return await member.call("GET", f"/api/v1/reports/{report}")


async def test_a_person_is_found_by_email_by_those_who_are_signed_in(
    ada: Member, bob: Member, api: Api
) -> None:
    reply = await ada.call("POST", "/api/v1/people/find", {"email": " BOB@example.org "})
    assert reply.status == 200, reply.body
    assert reply.json["certificate"] == bob.person.key.certificate.armored
    assert set(reply.json) == {"email", "name", "certificate"}
    nobody = await ada.call("POST", "/api/v1/people/find", {"email": "nobody@example.org"})
    assert (nobody.status, nobody.code) == (404, "not-found")
    stranger = await api.call("POST", "/api/v1/people/find", {"email": "bob@example.org"})
    assert stranger.status == 401


async def test_a_report_shared_is_listed_to_its_reader_and_to_nobody_else(
    ada: Member, bob: Member, cleo: Member
) -> None:
    parts = report_parts()
    (report,) = await ada.upload(parts.dag())
    assert (await get(bob, report["id"])).status == 404
    reply, _ = await ada.share(report, parts, BOB)
    assert reply.status == 200, reply.body
    assert (reply.json["rev"], reply.json["readers"]) == (2, 2)
    assert await shared_with(bob) == [report["id"]]
    assert (await get(bob, report["id"])).json["root"] == reply.json["root"]
    assert await shared_with(cleo) == []
    assert (await get(cleo, report["id"])).status == 404
    [item] = (await bob.call("GET", "/api/v1/shared")).json["items"]
    assert item["sharer"]["email"] == "ada@example.org"
    assert item["root"] == reply.json["root"]


async def test_a_reader_passes_it_on_and_changes_nothing_else(
    ada: Member, bob: Member, cleo: Member
) -> None:
    parts = report_parts()
    (report,) = await ada.upload(parts.dag())
    reply, shared = await ada.share(report, parts, BOB)
    reply, chained = await bob.share(reply.json, shared, CLEO)
    assert reply.status == 200, reply.body
    assert await shared_with(cleo) == [report["id"]]
    report = reply.json
    for kind, dag in (("edit", chained.edited().dag()), ("update", report_parts().dag())):
        refused = await bob.change(report, dag, kind)
        assert (refused.status, refused.code) == (403, "append-only")
    for method, path in (
        ("DELETE", f"/api/v1/reports/{report['id']}"),
        ("GET", f"/api/v1/reports/{report['id']}/versions"),
    ):
        assert (await bob.call(method, path)).status == 404


async def test_a_reader_takes_nobody_off_not_even_herself(
    ada: Member, bob: Member, cleo: Member
) -> None:
    parts = report_parts()
    (report,) = await ada.upload(parts.dag())
    reply, shared = await ada.share(report, parts, BOB)
    for packet in shared.packets():
        without = shared.with_readers(CLEO.key.certificate, drop=[packet])
        [added] = set(without.packets()) - set(shared.packets())
        note = bob.share_note(report["id"], CLEO, added)
        refused = await bob.change(reply.json, without.dag(), "readers", shares=[note])
        assert (refused.status, refused.code) == (403, "append-only")
    assert (await get(ada, report["id"])).json["rev"] == 2
    assert await shared_with(cleo) == []


async def test_a_reader_does_not_fill_the_store_with_the_same_readers_in_another_order(
    ada: Member, bob: Member
) -> None:
    parts = report_parts()
    (report,) = await ada.upload(parts.dag())
    reply, shared = await ada.share(report, parts, BOB)
    turned = replace(shared, header=b"".join(reversed(parse_header_leaf(shared.header))))
    refused = await bob.change(reply.json, turned.dag(), "readers")
    assert (refused.status, refused.code) == (403, "append-only")
    assert (await get(ada, report["id"])).json["rev"] == 2


def one_more(parts: ReportParts, reader: Person) -> tuple[ReportParts, str]:
    more = parts.with_readers(reader.key.certificate)
    [added] = set(more.packets()) - set(parts.packets())
    return more, added


async def test_packets_and_notes_match_one_to_one(ada: Member, bob: Member) -> None:
    parts = report_parts()
    (report,) = await ada.upload(parts.dag())
    more, added = one_more(parts, BOB)
    right = ada.share_note(report["id"], BOB, added)
    wrong = {
        "none": ([], "recipient-refused"),
        "another packet": ([ada.share_note(report["id"], BOB, "0" * 64)], "recipient-refused"),
        "twice": ([right, right], "recipient-refused"),
        "another report": ([ada.share_note(new_id(), BOB, added)], "note-refused"),
        "another signer": ([bob.share_note(report["id"], BOB, added)], "note-refused"),
        "no note": (["{}"], "note-refused"),
    }
    for what, (notes, code) in wrong.items():
        refused = await ada.change(report, more.dag(), "readers", shares=notes)
        assert (refused.status, refused.code) == (422, code), what
    assert await shared_with(bob) == []
    assert (await ada.change(report, more.dag(), "readers", shares=[right])).status == 200


async def test_sharing_on_a_stale_rev_changes_nothing(ada: Member, bob: Member) -> None:
    parts = report_parts()
    (report,) = await ada.upload(parts.dag())
    newer = (await ada.change(report, (edited := parts.edited()).dag(), "edit")).json
    reply, _ = await ada.share(report, edited, BOB)
    assert (reply.status, reply.code) == (412, "stale-revision")
    assert await shared_with(bob) == []
    assert (await get(ada, report["id"])).json["root"] == newer["root"]


async def test_of_two_devices_sharing_at_the_same_moment_one_wins(
    ada: Member, bob: Member, cleo: Member
) -> None:
    parts = report_parts()
    (report,) = await ada.upload(parts.dag())
    replies = await asyncio.gather(ada.share(report, parts, BOB), ada.share(report, parts, CLEO))
    assert sorted(reply.status for reply, _ in replies) == [200, 412]
    listed = [await shared_with(bob), await shared_with(cleo)]
    assert sorted(map(len, listed)) == [0, 1]
    winner = 0 if replies[0][0].status == 200 else 1
    assert listed[winner] == [report["id"]]


async def test_who_was_taken_off_is_a_stranger_at_once(ada: Member, bob: Member) -> None:
    parts = report_parts()
    (report,) = await ada.upload(parts.dag())
    reply, shared = await ada.share(report, parts, BOB)
    [bobs] = set(shared.packets()) - set(parts.packets())
    off = shared.with_readers(drop=[bobs])
    reply = await ada.change(reply.json, off.dag(), "readers")
    assert reply.status == 200, reply.body
    assert await shared_with(bob) == []
    assert (await get(bob, report["id"])).status == 404


@pytest.mark.parametrize("is_repeated", [True, False], ids=["repeated", "left to the job"])
async def test_an_unsharing_cut_short_takes_the_reader_off_all_the_same(
    ada: Member, bob: Member, monkeypatch: pytest.MonkeyPatch, is_repeated: bool
) -> None:
    """It leads back to the root before sharing, whose claim is that of the report's creation."""
    parts = report_parts()
    (report,) = await ada.upload(parts.dag())
    reply, shared = await ada.share(report, parts, BOB)
    services = ada.api.services
    with monkeypatch.context() as trouble:

        async def fail(*_: Any) -> None:  # noqa: ANN401  (whatever arguments)
            raise Unavailable("The database does not answer.")

        trouble.setattr(services.stores.shares, "settle", fail)
        cut_short = await ada.change(reply.json, parts.dag(), "readers")
        assert (cut_short.status, cut_short.code) == (503, "unavailable")
    assert (await get(ada, report["id"])).json["root"] == str(parts.dag().root)

    if is_repeated:
        again = await ada.change(reply.json, parts.dag(), "readers")
        assert (again.status, again.code) == (412, "stale-revision")
    else:
        monkeypatch.setattr(services.sweeper, "_now", lambda: now() + timedelta(hours=2))
        # The server's own sweeper may have the lease.
        while await has_job(ada.api, commit_cleanup.JOB):
            assert not (await services.sweeper.do_jobs()).failed_jobs
            await asyncio.sleep(0.05)
    assert await shared_with(bob) == []
    assert (await get(bob, report["id"])).status == 404
    back, _ = await bob.share(reply.json, shared, CLEO)
    assert (back.status, back.code) == (404, "not-found")


async def has_job(api: Api, kind: str) -> bool:
    jobs = await api.services.stores.documents.scan("jobs", limit=100)
    return any(job.body["kind"] == kind for job in jobs.items)


async def test_in_the_trash_it_is_shared_with_nobody(ada: Member, bob: Member) -> None:
    parts = report_parts()
    (report,) = await ada.upload(parts.dag())
    _, shared = await ada.share(report, parts, BOB)
    path = f"/api/v1/reports/{report['id']}"
    await ada.call("DELETE", path)
    assert await shared_with(bob) == []
    assert (await get(bob, report["id"])).status == 404
    trashed = (await get(ada, report["id"])).json
    refused, _ = await ada.share(trashed, shared, CLEO)
    assert (refused.status, refused.code) == (409, "conflict")
    await ada.call("POST", f"{path}/restore", {})
    assert await shared_with(bob) == [report["id"]]


async def test_a_new_session_key_needs_a_note_for_everyone_but_the_owner(
    ada: Member, bob: Member
) -> None:
    parts = report_parts()
    (report,) = await ada.upload(parts.dag())
    reply, _ = await ada.share(report, parts, BOB)
    fresh, added = one_more(report_parts(), BOB)
    refused = await ada.change(reply.json, fresh.dag(), "update")
    assert (refused.status, refused.code) == (422, "recipient-refused")
    note = ada.share_note(report["id"], BOB, added)
    reply = await ada.change(reply.json, fresh.dag(), "update", shares=[note])
    assert reply.status == 200, reply.body
    assert await shared_with(bob) == [report["id"]]
    alone = await ada.change(reply.json, report_parts().dag(), "update")
    assert alone.status == 200
    assert await shared_with(bob) == []


async def test_the_owner_lists_every_note_and_a_reader_those_that_are_hers(
    ada: Member, bob: Member, cleo: Member
) -> None:
    parts = report_parts()
    (report,) = await ada.upload(parts.dag())
    reply, shared = await ada.share(report, parts, BOB)
    await bob.share(reply.json, shared, CLEO)
    path = f"/api/v1/reports/{report['id']}/shares"

    async def readers(member: Member) -> set[str]:
        return {item["reader"] for item in (await member.call("GET", path)).json["items"]}

    of_bob, of_cleo = BOB.key.key_id, CLEO.key.key_id
    assert await readers(ada) == {of_bob, of_cleo}
    assert await readers(bob) == {of_bob, of_cleo}
    assert await readers(cleo) == {of_cleo}


async def test_a_reader_spends_nobodys_room(ada: Member, bob: Member, cleo: Member) -> None:
    parts = report_parts()
    (report,) = await ada.upload(parts.dag())
    reply, shared = await ada.share(report, parts, BOB)
    quotas = ada.api.services.stores.quotas
    before = [(await quotas.usage(m.person.account)).report_bytes for m in (ada, bob)]
    await bob.share(reply.json, shared, CLEO)
    assert [(await quotas.usage(m.person.account)).report_bytes for m in (ada, bob)] == before


async def test_there_is_an_end_to_what_readers_add_until_the_owner_re_keys(
    ada: Member, bob: Member, cleo: Member, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Taken off and added again and again, each time under another packet, they fill no store."""
    parts = report_parts()
    (report,) = await ada.upload(parts.dag())
    reply, shared = await ada.share(report, parts, BOB)
    first, _ = await bob.share(reply.json, shared, CLEO)
    assert first.status == 200
    kept = await ada.api.services.stores.reports.find(report["id"])
    assert kept is not None
    stored = kept.added_bytes
    assert 0 < stored < 4096
    monkeypatch.setattr(report_changes, "MAX_ADDED_BYTES", 2 * stored)

    back = await ada.change(first.json, shared.dag(), "readers")
    second, _ = await bob.share(back.json, shared, CLEO)
    assert second.status == 200
    back = await ada.change(second.json, shared.dag(), "readers")
    refused, _ = await bob.share(back.json, shared, CLEO)
    assert (refused.status, refused.code) == (422, "limit-exceeded")
    assert "owner" in refused.json["hint"]
    added, _ = await ada.share(back.json, shared, CLEO)
    assert added.status == 200, "the owner, whose room it is, may"


async def test_many_at_once_each_have_their_note(ada: Member) -> None:
    parts = report_parts()
    (report,) = await ada.upload(parts.dag())
    people = [Person(email=f"p{n}@example.org", account=f"{n:032x}") for n in range(12)]
    reply, _ = await ada.share(report, parts, *people)
    assert (reply.status, reply.json["readers"]) == (200, 13)
