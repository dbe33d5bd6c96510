from __future__ import annotations

import asyncio
from typing import Any

import pytest

from hygieia.domain.changes import Changes
from hygieia.errors import Unavailable
from hygieia.limits import MAX_ASKED_CIDS
from tests.dags import raw
from tests.factories.dags import new_report, report_parts
from tests.factories.servers import Api, Member, new_id
from tests.people import BOB


async def test_a_report_is_uploaded_committed_and_read_back(ada: Member) -> None:
    dag = new_report()
    (report,) = await ada.upload(dag)
    assert report["root"] == str(dag.root)
    assert report["rev"] == 1
    assert report["readers"] == 1
    assert report["size_bytes"] == dag.built.tsize
    read = await ada.call("GET", f"/api/v1/reports/{report['id']}")
    assert read.status == 200
    assert read.json == report
    assert read.headers["ETag"] == '"1"'


async def test_only_missing_blocks_are_asked_for(ada: Member) -> None:
    dag = new_report()
    upload = await ada.start_upload()
    some, rest = dag.blocks[:3], dag.blocks[3:]
    await ada.put(upload, some)
    asked = await ada.call("POST", f"/api/v1/uploads/{upload}/missing", {"cids": dag.cids})
    assert asked.json == {"missing": [str(block.cid) for block in rest]}
    again = await ada.put(upload, some)
    assert again.json == {"stored_blocks": 3, "stored_bytes": 0}


async def test_what_is_missing_is_told_without_an_upload(ada: Member) -> None:
    here, elsewhere = new_report(), new_report()
    await ada.upload(here)
    cids = [str(cid) for cid in (elsewhere.root, here.root, *elsewhere.cids)][:MAX_ASKED_CIDS]
    asked = await ada.call("GET", f"/api/v1/blocks/missing?cids={','.join(cids)}")
    assert asked.json == {"missing": [cid for cid in dict.fromkeys(cids) if cid != str(here.root)]}
    most = ",".join(str(raw(seed).cid) for seed in range(MAX_ASKED_CIDS))
    asked = await ada.call("GET", f"/api/v1/blocks/missing?cids={most}")
    assert len(asked.json["missing"]) == MAX_ASKED_CIDS, (
        "as many as may be asked for fit an address"
    )
    for refused in (f"{most},{here.root}", f"{here.root},", f"{here.root}aa", "b" + "a" * 58, ""):
        asked = await ada.call("GET", f"/api/v1/blocks/missing?cids={refused}")
        assert asked.status == 400, refused
    assert (await ada.api.call("GET", f"/api/v1/blocks/missing?cids={most}")).status == 401


async def test_a_large_report_of_many_leaves_is_committed(ada: Member) -> None:
    (report,) = await ada.upload(new_report(bytes(5 << 20)))
    assert report["size_bytes"] > 5 << 20


async def test_a_batch_of_reports_stands_or_falls_one_by_one(ada: Member) -> None:
    whole, broken = new_report(), new_report()
    lacking = broken.blocks[0]
    upload = await ada.start_upload()
    await ada.put(upload, [*whole.blocks, *broken.without(lacking.cid).blocks])
    reply = await ada.commit(upload, [(new_id(), whole.root), (new_id(), broken.root)])
    assert reply.status == 207
    first, second = reply.json["reports"]
    assert first["report"]["root"] == str(whole.root)
    assert second["report"] is None
    assert second["error"]["code"] == "block-missing"
    assert second["error"]["missing"] == [str(lacking.cid)]
    listed = await ada.call("GET", "/api/v1/reports")
    assert [item["root"] for item in listed.json["items"]] == [str(whole.root)]


async def test_a_root_is_committed_once(ada: Member, bob: Member) -> None:
    dag = new_report()
    await ada.upload(dag)
    for member in (ada, bob):
        upload = await member.start_upload()
        reply = await member.commit(upload, [(new_id(), dag.root)])
        assert reply.status == 207
        assert reply.json["reports"][0]["error"]["code"] == "duplicate"


@pytest.mark.parametrize("kind", ["update", "rekey"])
async def test_no_report_is_changed_to_a_root_committed_before(
    ada: Member, bob: Member, kind: str
) -> None:
    bobs, other, earlier, current = dags = [new_report() for _ in range(4)]
    await bob.upload(bobs)
    _, report = await ada.upload(other, earlier)
    report = (await ada.change(report, current, "update")).json
    before = await held(ada, bob)
    for dag in dags:
        reply = await ada.change(report, dag, kind)
        assert (reply.status, reply.code) == (409, "duplicate")
        assert await held(ada, bob) == before
        assert all([await ada.api.services.stores.blocks.is_pinned(dag.root) for dag in dags])
    assert (await ada.change(report, new_report(), kind)).status == 200


async def held(*members: Member) -> list[Any]:
    """All that they have: reports, with their versions, and the room that these take."""
    found = []
    for member in members:
        reports = (await member.call("GET", "/api/v1/reports")).json["items"]
        for report in reports:
            path = f"/api/v1/reports/{report['id']}/versions"
            found.append((report, (await member.call("GET", path)).json["items"]))
        found.append((await member.call("GET", "/api/v1/account")).json["quota"])
    return found


async def test_an_id_in_use_is_refused_and_anothers_is_as_absent(ada: Member, bob: Member) -> None:
    (report,) = await ada.upload(new_report())
    for member, code in ((ada, "duplicate"), (bob, "not-found")):
        dag = new_report()
        upload = await member.start_upload()
        await member.put(upload, dag.blocks)
        reply = await member.commit(upload, [(report["id"], dag.root)])
        assert reply.json["reports"][0]["error"]["code"] == code
        assert not await member.api.services.stores.blocks.is_pinned(dag.root)
        # The refused root is free again, under another id.
        assert (await member.commit(upload, [(new_id(), dag.root)])).status == 201


async def test_lists_are_paged_newest_first(ada: Member) -> None:
    reports = []
    for _ in range(3):
        reports += await ada.upload(new_report())
    first = await ada.call("GET", "/api/v1/reports?limit=2")
    assert [item["id"] for item in first.json["items"]] == [r["id"] for r in reports[:0:-1]]
    second = await ada.call("GET", f"/api/v1/reports?limit=2&after={first.json['next']}")
    assert [item["id"] for item in second.json["items"]] == [reports[0]["id"]]
    assert second.json["next"] is None


async def test_an_update_edit_and_new_reader_each_raise_rev(ada: Member) -> None:
    parts = report_parts()
    (report,) = await ada.upload(parts.dag())
    edited = parts.edited()
    report = (await ada.change(report, edited.dag(), "edit")).json
    assert report["rev"] == 2
    reply, shared = await ada.share(report, edited, BOB)
    report = reply.json
    assert (report["rev"], report["readers"]) == (3, 2)
    updated = report_parts()
    report = (await ada.change(report, updated.dag(), "update")).json
    assert report["rev"] == 4
    versions = (await ada.call("GET", f"/api/v1/reports/{report['id']}/versions")).json["items"]
    assert [v["root"] for v in versions] == [
        str(p.dag().root) for p in (updated, shared, edited, parts)
    ]
    assert [v["change"] for v in versions] == ["update", "readers", "edit", "create"]
    assert [v["rev"] for v in versions] == [4, 3, 2, 1]


async def test_a_change_must_be_of_the_kind_it_says(ada: Member) -> None:
    parts = report_parts()
    (report,) = await ada.upload(parts.dag())
    for wrong in ("update", "readers"):
        reply = await ada.change(report, parts.edited().dag(), wrong)
        assert (reply.status, reply.code) == (422, "dag-refused")


async def test_a_stale_rev_is_refused_and_none_is_asked_for(ada: Member) -> None:
    parts = report_parts()
    (report,) = await ada.upload(parts.dag())
    newer = (await ada.change(report, parts.edited().dag(), "edit")).json
    stale = await ada.change(report, parts.edited().dag(), "edit")
    assert (stale.status, stale.code) == (412, "stale-revision")
    upload = await ada.start_upload()
    body = {"upload": upload, "root": newer["root"], "change": "edit"}
    without = await ada.call("PUT", f"/api/v1/reports/{report['id']}", body)
    assert (without.status, without.code) == (428, "precondition-required")


async def test_of_two_changes_at_once_one_wins(ada: Member) -> None:
    parts = report_parts()
    (report,) = await ada.upload(parts.dag())
    dags = [parts.edited().dag() for _ in range(4)]
    replies = await asyncio.gather(*(ada.change(report, dag, "edit") for dag in dags))
    assert sorted(reply.status for reply in replies) == [200, 412, 412, 412]
    blocks = ada.api.services.stores.blocks
    pinned = [await blocks.is_pinned(dag.root) for dag in dags]
    assert pinned == [reply.status == 200 for reply in replies]


async def test_trash_restore_and_purge(ada: Member, api: Api) -> None:
    dag = new_report()
    (report,) = await ada.upload(dag)
    path = f"/api/v1/reports/{report['id']}"
    trashed = await ada.call("DELETE", path)
    assert trashed.json["deleted"] is not None
    assert (await ada.call("GET", "/api/v1/reports")).json["items"] == []
    assert len((await ada.call("GET", "/api/v1/reports?trash=true")).json["items"]) == 1
    restored = await ada.call("POST", f"{path}/restore", {})
    assert restored.json["deleted"] is None
    refused = await ada.call("DELETE", f"{path}/purge")
    assert (refused.status, refused.code) == (409, "conflict")
    await ada.call("DELETE", path, rev=restored.json["rev"])
    assert (await ada.call("DELETE", f"{path}/purge")).status == 204
    assert (await ada.call("GET", path)).status == 404
    assert not await api.services.stores.blocks.is_pinned(dag.root)
    account = await ada.call("GET", "/api/v1/account")
    assert account.json["quota"]["used_bytes"] == 0


async def test_use_is_counted_in_real_bytes_and_shared_payloads_once(ada: Member) -> None:
    parts = report_parts()
    dag, edited = parts.dag(), parts.edited().dag()
    (report,) = await ada.upload(dag)
    await ada.change(report, edited, "edit")
    used = (await ada.call("GET", "/api/v1/account")).json["quota"]["used_bytes"]
    assert used == dag.built.tsize + edited.built.tsize - len(parts.data)


async def test_the_cursor_tells_every_change(ada: Member) -> None:
    start = (await ada.call("GET", "/api/v1/changes")).json
    assert start["items"] == []
    first, second = await ada.upload(new_report(), new_report())
    await ada.call("DELETE", f"/api/v1/reports/{first['id']}")
    seen = (await ada.call("GET", f"/api/v1/changes?after={start['next']}")).json
    assert {(c["report"], c["deleted"]) for c in seen["items"]} == {
        (first["id"], True),
        (second["id"], False),
    }
    page = (await ada.call("GET", f"/api/v1/changes?after={start['next']}&limit=1")).json
    assert (len(page["items"]), page["more"]) == (1, True)
    assert len(page["next"]) <= 256


async def test_asking_again_tells_of_what_a_crash_kept_from_the_other_devices(
    ada: Member, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Between a change and word of it; who asks again goes on as if both were done."""
    parts = report_parts()
    edited = parts.edited().dag()
    (report,) = await ada.upload(parts.dag())
    path = f"/api/v1/reports/{report['id']}"

    async def crash(*_: object) -> None:
        raise Unavailable("The server is gone.")

    async def told() -> tuple[str, bool]:
        [change] = (await ada.call("GET", "/api/v1/changes")).json["items"]
        return change["root"], change["deleted"]

    with monkeypatch.context() as patched:
        patched.setattr(Changes, "record", crash)
        assert (await ada.change(report, edited, "edit")).status == 503
    assert await told() == (report["root"], False)
    assert (await ada.change(report, edited, "edit")).status == 412
    assert await told() == (str(edited.root), False)
    for method, asked, body, deleted in (
        ("DELETE", path, None, True),
        ("POST", f"{path}/restore", {}, False),
    ):
        with monkeypatch.context() as patched:
            patched.setattr(Changes, "record", crash)
            assert (await ada.call(method, asked, body)).status == 503
        assert await told() == (str(edited.root), not deleted)
        assert (await ada.call(method, asked, body)).status == 200
        assert await told() == (str(edited.root), deleted)


async def test_an_idempotency_key_repeats_the_answer(ada: Member) -> None:
    dag = new_report()
    upload = await ada.start_upload()
    await ada.put(upload, dag.blocks)
    body = {"upload": upload, "reports": [{"id": new_id(), "root": str(dag.root)}]}
    key = {"Idempotency-Key": "commit-1"}
    first = await ada.call("POST", "/api/v1/reports", body, headers=key)
    again = await ada.call("POST", "/api/v1/reports", body, headers=key)
    assert first.status == 201
    assert (again.status, again.json) == (first.status, first.json)
    assert again.headers["Idempotent-Replayed"] == "true"
    other = await ada.call("POST", "/api/v1/reports", {**body, "upload": new_id()}, headers=key)
    assert (other.status, other.code) == (409, "conflict")


async def test_an_ended_upload_is_gone(ada: Member) -> None:
    upload = await ada.start_upload()
    assert (await ada.call("DELETE", f"/api/v1/uploads/{upload}")).status == 204
    assert (await ada.put(upload, new_report().blocks)).status == 404


async def test_the_buffer_of_a_batch_is_used_again(ada: Member, api: Api) -> None:
    """Fresh pages cost as much as filling them: whoever stored the last batch lets go of it."""
    upload = await ada.start_upload()
    kept = []
    for number in range(6):
        dag = new_report(bytes([number]) * (3 << 20))
        assert (await ada.put(upload, dag.blocks)).status == 200
        kept.append(len(api.services.batch_reader._spare))
    # A thread that has ended may hold on a moment longer; its buffer is then let go.
    assert 1 in kept
    assert max(kept) == 1
