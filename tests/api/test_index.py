from __future__ import annotations

import asyncio
import base64

from tests.factories.dags import IndexParts, directory_dag, envelope_dag, new_report
from tests.factories.servers import Api, Member


async def test_before_the_first_index_everything_is_null(ada: Member) -> None:
    reply = await ada.call("GET", "/api/v1/index")
    assert reply.json == {"root": None, "rev": 0, "sequence": 0, "record": None, "kit_root": None}


async def test_root_and_record_are_committed_in_one_request(ada: Member, api: Api) -> None:
    dag = IndexParts.new().dag()
    record = ada.record(dag.root, 1)
    reply = await ada.change_index(dag, rev=0, sequence=1, record=record)
    assert reply.status == 200
    assert reply.json["root"] == str(dag.root)
    assert reply.headers["ETag"] == f'"{reply.json["rev"]}"'
    served = await api.call("GET", f"/ipns/{ada.ipns_name}?format=ipns-record")
    assert served.body == record


async def test_a_change_of_a_large_index_needs_only_its_new_blocks(ada: Member) -> None:
    before = IndexParts.new(segments=70)
    first = (await ada.change_index(before.dag(), rev=0, sequence=1)).json
    after = before.changed().dag()
    known = {block.cid for block in before.dag().blocks}
    new = after.without(*known)
    upload = await ada.start_upload()
    await ada.put(upload, new.blocks)
    assert len(new.blocks) <= 9
    body = {
        "upload": upload,
        "root": str(after.root),
        "sequence": 2,
        "record": base64.b64encode(ada.record(after.root, 2)).decode(),
    }
    reply = await ada.call("PUT", "/api/v1/index", body, rev=first["rev"])
    assert reply.status == 200, reply.body


async def test_the_root_before_stays_pinned_and_older_ones_go(ada: Member, api: Api) -> None:
    parts = IndexParts.new()
    rev, dags = 0, []
    for sequence in (1, 2, 3):
        dags.append(parts.dag())
        rev = (await ada.change_index(dags[-1], rev=rev, sequence=sequence)).json["rev"]
        parts = parts.changed()
    blocks = api.services.stores.blocks
    assert [await blocks.is_pinned(dag.root) for dag in dags] == [False, True, True]


async def test_what_the_kit_names_stays_pinned_until_the_next_kit(ada: Member, api: Api) -> None:
    parts = IndexParts.new()
    dags = [parts.dag()]
    rev = (await ada.change_index(dags[0], rev=0, sequence=1)).json["rev"]
    kit = await ada.call("PUT", "/api/v1/index/kit", {"root": str(dags[0].root)})
    assert kit.json["kit_root"] == str(dags[0].root)
    rev = kit.json["rev"]
    for sequence in (2, 3, 4):
        parts = parts.changed()
        dags.append(parts.dag())
        rev = (await ada.change_index(dags[-1], rev=rev, sequence=sequence)).json["rev"]
    blocks = api.services.stores.blocks
    assert [await blocks.is_pinned(dag.root) for dag in dags] == [True, False, True, True]
    await ada.call("PUT", "/api/v1/index/kit", {"root": str(dags[3].root)})
    assert [await blocks.is_pinned(dag.root) for dag in dags] == [False, False, True, True]


async def test_a_purged_report_that_the_kit_lists_goes_with_the_next_kit(
    ada: Member, api: Api
) -> None:
    report_dag = new_report()
    (report,) = await ada.upload(report_dag)
    await asyncio.sleep(1.1)  # times are whole seconds
    parts = IndexParts.new()
    root = parts.dag()
    rev = (await ada.change_index(root, rev=0, sequence=1)).json["rev"]
    rev = (await ada.call("PUT", "/api/v1/index/kit", {"root": str(root.root)})).json["rev"]
    path = f"/api/v1/reports/{report['id']}"
    await ada.call("DELETE", path)
    assert (await ada.call("DELETE", f"{path}/purge")).status == 204
    assert (await ada.call("GET", path)).status == 404
    blocks = api.services.stores.blocks
    assert await blocks.is_pinned(report_dag.root)
    await asyncio.sleep(1.1)
    newer = parts.changed().dag()
    await ada.change_index(newer, rev=rev, sequence=2)
    await ada.call("PUT", "/api/v1/index/kit", {"root": str(newer.root)})
    # The server's own sweeper is woken too; whichever has the lease does the work.
    while await blocks.is_pinned(report_dag.root):
        await api.services.sweeper.sweep()
        await asyncio.sleep(0.05)


async def test_a_stale_rev_loses(ada: Member) -> None:
    parts = IndexParts.new()
    await ada.change_index(parts.dag(), rev=0, sequence=1)
    for rev in (0, 7):
        reply = await ada.change_index(parts.changed().dag(), rev=rev, sequence=2)
        assert (reply.status, reply.code) == (412, "stale-revision")


async def test_of_two_devices_at_once_one_wins(ada: Member, api: Api) -> None:
    parts = IndexParts.new()
    rev = (await ada.change_index(parts.dag(), rev=0, sequence=1)).json["rev"]
    dags = [parts.changed().dag() for _ in range(3)]
    replies = await asyncio.gather(*(ada.change_index(dag, rev=rev, sequence=2) for dag in dags))
    assert sorted(reply.status for reply in replies) == [200, 412, 412]
    blocks = api.services.stores.blocks
    pinned = [await blocks.is_pinned(dag.root) for dag in dags]
    assert pinned == [reply.status == 200 for reply in replies]


async def test_a_record_must_name_the_root_and_rise(ada: Member, bob: Member) -> None:
    parts = IndexParts.new()
    dag = parts.dag()
    rev = (await ada.change_index(dag, rev=0, sequence=5)).json["rev"]
    other = parts.changed().dag()
    wrong = [
        (6, ada.record(dag.root, 6)),
        (6, ada.record(other.root, 7)),
        (5, ada.record(other.root, 5)),
        (4, ada.record(other.root, 4)),
        (6, bob.record(other.root, 6)),
        (6, ada.record(other.root, 6)[:-1]),
        (6, ada.record(other.root, 6, value=f"/ipns/{ada.ipns_name}")),
        (6, b""),
    ]
    for sequence, record in wrong:
        reply = await ada.change_index(other, rev=rev, sequence=sequence, record=record)
        assert (reply.status, reply.code) == (422, "record-refused"), reply.body
    assert (await ada.call("GET", "/api/v1/index")).json["sequence"] == 5


async def test_an_index_is_a_tree_of_envelopes_and_nothing_else(ada: Member) -> None:
    parts = IndexParts.new()
    envelope = envelope_dag(parts.header, parts.keys)
    plaintext = envelope_dag(parts.header, b"plaintext that is long enough to be a payload" * 3)
    for extra in (
        ("readme.pgp", envelope),
        ("pairs", envelope),
        ("pairs", directory_dag([("x", plaintext)])),
    ):
        dag = parts.dag(extra=[extra])
        reply = await ada.change_index(dag, rev=0, sequence=1)
        assert reply.status == 422, extra
    good = parts.dag(extra=[("pairs", directory_dag([("x", envelope)]))])
    assert (await ada.change_index(good, rev=0, sequence=1)).status == 200
