"""Re-key at the server: a new session key ends every root before it, at once and for everybody."""

from __future__ import annotations

from typing import Any

import pytest

from hygieia.domain.dropping import JOB
from hygieia.ipld.cid import CID
from hygieia.openpgp.times import now
from tests.factories.dags import Dag, ReportParts, report_parts
from tests.factories.servers import Api, Member, Reply
from tests.people import BOB


async def rekey(
    member: Member,
    report: Any,  # noqa: ANN401  (whatever JSON it is)
    dag: Dag,
    *earlier: Dag,
    kind: str = "rekey",
    shares: list[str] | None = None,
) -> Reply:
    """Upload and commit a new root, and what is issued again before it."""
    upload = await member.start_upload()
    await member.put(upload, [block for each in (*earlier, dag) for block in each.blocks])
    body = {
        "upload": upload,
        "root": str(dag.root),
        "change": kind,
        "shares": shares or [],
        "earlier": [str(each.root) for each in earlier],
    }
    path = f"/api/v1/reports/{report['id']}"
    reply = await member.call("PUT", path, body, rev=report["rev"])
    await member.call("DELETE", f"/api/v1/uploads/{upload}")
    return reply


async def versions(member: Member, report: str) -> list[str]:
    reply = await member.call("GET", f"/api/v1/reports/{report}/versions")
    return [item["root"] for item in reply.json["items"]]


async def used(member: Member) -> int:
    usage = await member.api.services.stores.quotas.usage(member.person.account)
    assert all(key.startswith("upload-") for key, _ in usage.holds), usage.holds
    return usage.report_bytes


async def is_pinned(api: Api, root: CID, report: str) -> bool:
    return await api.services.stores.blocks.is_pinned(root, name=f"report:{report}")


async def three_roots(ada: Member) -> tuple[Any, list[Dag], ReportParts]:
    """A report that was edited and shared with Bob: what the server says of it, and its roots."""
    parts = report_parts()
    (report,) = await ada.upload(parts.dag())
    edited = parts.edited()
    report = (await ada.change(report, edited.dag(), "edit")).json
    reply, shared = await ada.share(report, edited, BOB)
    return reply.json, [parts.dag(), edited.dag(), shared.dag()], shared


async def test_every_root_before_is_unpinned_and_its_room_given_back(
    api: Api, ada: Member, bob: Member
) -> None:
    report, roots, _ = await three_roots(ada)
    fresh = report_parts().dag()
    reply = await rekey(ada, report, fresh)
    assert reply.status == 200, reply.body
    assert (reply.json["root"], reply.json["readers"]) == (str(fresh.root), 1)
    assert await versions(ada, report["id"]) == [str(fresh.root)]
    assert not any([await is_pinned(api, dag.root, report["id"]) for dag in roots])
    assert await is_pinned(api, fresh.root, report["id"])
    assert await used(ada) == reply.json["size_bytes"]
    listed = await bob.call("GET", "/api/v1/shared")
    assert listed.json["items"] == []


async def test_swept_blocks_of_an_old_root_are_served_no_more(
    api: Api, ada: Member, bob: Member
) -> None:
    report, roots, _ = await three_roots(ada)
    fresh = report_parts().dag()
    assert (await rekey(ada, report, fresh)).status == 200
    await api.services.uploads.drop_account(ada.person.account)  # no lease keeps a block
    await api.services.stores.blocks.sweep()
    for dag in roots:
        gone = await api.call("GET", f"/ipfs/{dag.root}?format=raw")
        assert gone.status in (404, 410), gone.status
    there = await api.call("GET", f"/ipfs/{fresh.root}?format=raw")
    assert there.status == 200


async def test_earlier_revisions_are_issued_again_below_the_new_root(
    api: Api, ada: Member, bob: Member
) -> None:
    report, _, _ = await three_roots(ada)
    again = [report_parts().dag(), report_parts().dag()]
    fresh = report_parts().dag()
    reply = await rekey(ada, report, fresh, *again)
    assert reply.status == 200, reply.body
    listed = await versions(ada, report["id"])
    assert listed == [str(dag.root) for dag in (fresh, again[1], again[0])]
    assert all([await is_pinned(api, dag.root, report["id"]) for dag in (fresh, *again)])
    before = await used(ada)
    assert before > reply.json["size_bytes"]
    # The next change leaves them; the next re-key ends them too.
    changed = await ada.change(reply.json, (later := report_parts()).dag(), "update")
    assert await versions(ada, report["id"]) == [str(later.dag().root), *listed]
    last = report_parts().dag()
    assert (await rekey(ada, changed.json, last)).status == 200
    assert await versions(ada, report["id"]) == [str(last.root)]
    assert await used(ada) < before


async def test_what_is_no_re_key_is_refused_and_changes_nothing(ada: Member, bob: Member) -> None:
    report, _, shared = await three_roots(ada)
    mine = report_parts().dag()
    crowd = report_parts().with_readers(BOB.key.certificate).dag()
    note = [bob.share_note(report["id"], BOB, "0" * 64)]
    half = shared.edited().dag()
    refused = [
        (await rekey(bob, report, mine), 403, "append-only"),
        (await rekey(ada, report, half), 422, "dag-refused"),
        (await rekey(ada, report, crowd), 422, "recipient-refused"),
        (await rekey(ada, report, mine, shares=note), 422, "recipient-refused"),
        (await rekey(ada, report, mine, crowd), 422, "recipient-refused"),
        (await rekey(ada, report, mine, mine), 422, "dag-refused"),
        (await rekey(ada, report, mine, shared.with_readers(drop=[]).dag()), 422, None),
        (await rekey(ada, report, mine, report_parts().dag(), kind="update"), 400, "invalid-input"),
        (await rekey(ada, report | {"rev": 1}, mine), 412, "stale-revision"),
    ]
    for reply, status, code in refused:
        assert reply.status == status, reply.body
        assert code is None or reply.code == code
    current = await ada.call("GET", f"/api/v1/reports/{report['id']}")
    assert (current.json["rev"], current.json["root"]) == (report["rev"], report["root"])
    assert len(await versions(ada, report["id"])) == 3
    assert len((await bob.call("GET", "/api/v1/shared")).json["items"]) == 1


async def test_in_the_trash_nothing_is_re_keyed(ada: Member) -> None:
    (report,) = await ada.upload(report_parts().dag())
    await ada.call("DELETE", f"/api/v1/reports/{report['id']}")
    trashed = (await ada.call("GET", f"/api/v1/reports/{report['id']}")).json
    assert (await rekey(ada, trashed, report_parts().dag())).status == 409


async def test_killed_after_the_commit_a_job_drops_what_is_left(
    api: Api, ada: Member, bob: Member, monkeypatch: pytest.MonkeyPatch
) -> None:
    from hygieia.domain import report_changes

    report, roots, _ = await three_roots(ada)

    async def killed(*_: object) -> bool:
        raise ConnectionAbortedError

    monkeypatch.setattr(report_changes, "drop_versions", killed)
    again, fresh = report_parts().dag(), report_parts().dag()
    await rekey(ada, report, fresh, again)
    monkeypatch.undo()
    # Nobody is told of the old roots from the moment on that the new one counts.
    assert await versions(ada, report["id"]) == [str(fresh.root), str(again.root)]
    stores = api.services.stores
    assert all([await is_pinned(api, dag.root, report["id"]) for dag in roots])
    await stores.jobs.schedule(JOB, report["id"], now())
    await api.services.sweeper.do_jobs()
    assert not any([await is_pinned(api, dag.root, report["id"]) for dag in roots])
    assert all([await is_pinned(api, dag.root, report["id"]) for dag in (fresh, again)])
    await api.services.sweeper.do_jobs()
    assert not any([await is_pinned(api, dag.root, report["id"]) for dag in roots])


async def test_a_purge_after_a_re_key_gives_all_room_back(ada: Member, bob: Member) -> None:
    report, _, _ = await three_roots(ada)
    assert (await rekey(ada, report, report_parts().dag(), report_parts().dag())).status == 200
    path = f"/api/v1/reports/{report['id']}"
    await ada.call("DELETE", path)
    assert (await ada.call("DELETE", f"{path}/purge")).status == 204
    assert await used(ada) == 0


async def test_over_the_room_it_is_refused_and_the_old_root_stays(api: Api, ada: Member) -> None:
    parts = report_parts(bytes(40_000))
    (report,) = await ada.upload(parts.dag())
    api.services.stores.quotas._default_bytes = int(report["size_bytes"] * 1.5)
    reply = await rekey(ada, report, report_parts(bytes(40_000)).dag())
    assert reply.status in (422, 507), reply.body
    current = await ada.call("GET", f"/api/v1/reports/{report['id']}")
    assert current.json["root"] == report["root"]
