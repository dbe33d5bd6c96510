"""Verifying copies: found, counted, mended from another node, told to their owner and nobody else."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from hygieia.blocks.kubo.node import KuboNode
from hygieia.domain import recent_checks
from hygieia.domain.leases import Leases
from hygieia.domain.verification import LEASE
from hygieia.domain.verify_runs import Run, RunBook
from hygieia.errors import BlockMissing, ConfigError
from hygieia.ipld.cid import CID
from hygieia.server import verifying
from hygieia.server.app import build_app
from hygieia.server.verifying import verify_if_due
from tests.api.copies import CONTENT, copies_of, copy_to, damage, packs, verified, verifier_of
from tests.api.test_rekey import rekey
from tests.factories.dags import IndexParts, new_report, report_parts
from tests.factories.servers import Api, Member, running_api, settings_in
from tests.people import BOB


@pytest.fixture
async def other(tmp_path: Path) -> AsyncIterator[Api]:
    """Another server, whose gateway gives what it has."""
    async with running_api(settings_in(tmp_path / "other")) as other:
        yield other


async def test_a_report_is_unchecked_until_it_was_read_and_safe_after(
    api: Api, ada: Member
) -> None:
    (report,) = await ada.upload(new_report(CONTENT))
    before = await copies_of(ada, report)
    assert (before["state"], before["copies"], before["checked"]) == ("unchecked", 0, None)
    counts = await verified(api)
    assert (counts.reports, counts.safe, counts.short) == (1, 1, 0)
    after = await copies_of(ada, report)
    assert (after["state"], after["copies"], after["root"]) == ("safe", 1, report["root"])
    (node,) = after["nodes"]
    assert (node["node"], node["kind"], node["state"]) == ("this server", "own", "whole")
    assert node["verified"] == after["checked"]


async def test_a_new_root_is_unchecked_until_it_is_read_too(api: Api, ada: Member) -> None:
    (report,) = await ada.upload(new_report(CONTENT))
    await verified(api)
    changed = await ada.change(report, new_report(CONTENT[::-1]), "update")
    assert changed.status == 200, changed.body
    assert (await copies_of(ada, report))["state"] == "unchecked"
    await verified(api)
    assert (await copies_of(ada, report))["state"] == "safe"


async def test_a_second_copy_counts_only_when_every_block_of_it_was_read(
    api: Api, ada: Member, other: Api
) -> None:
    dag = new_report(CONTENT)
    (report,) = await ada.upload(dag)
    largest = max(dag.blocks, key=lambda block: len(block.data))
    await other.services.stores.blocks.put(
        [block for block in dag.blocks if block != largest], holder="copies"
    )
    assert (await verified(api, other.url, wanted=2)).short == 1
    short = await copies_of(ada, report)
    assert (short["state"], short["copies"], short["wanted"]) == ("short", 1, 2)
    gateway = short["nodes"][1]
    assert (gateway["kind"], gateway["state"], gateway["lacking"]) == ("gateway", "missing", 1)
    assert gateway["verified"] is None
    assert other.url.endswith(gateway["node"])
    await copy_to(other, dag)
    assert (await verified(api, other.url, wanted=2)).short == 0
    assert (await copies_of(ada, report))["copies"] == 2


@pytest.mark.parametrize("harm", ["damaged", "lost"])
async def test_a_block_harmed_behind_the_servers_back_is_mended_from_the_second_copy(
    api: Api, ada: Member, other: Api, harm: str
) -> None:
    dag = new_report(CONTENT)
    (report,) = await ada.upload(dag)
    await copy_to(other, dag)
    if harm == "damaged":
        damage(api)
    else:
        for pack in list(packs(api)):
            pack.unlink()
    counts = await verified(api, other.url)
    assert (counts.safe, counts.short) == (1, 0)
    assert counts.mended > 0
    assert (await copies_of(ada, report))["copies"] == 2
    blocks = api.services.stores.blocks
    assert await blocks.get_many([block.cid for block in dag.blocks])
    await blocks.sweep()
    assert await blocks.missing([block.cid for block in dag.blocks]) == []


async def test_damage_that_no_copy_mends_is_named_with_its_report(api: Api, ada: Member) -> None:
    whole, harmed = await ada.upload(new_report(b"short"), new_report(CONTENT))
    damage(api)
    counts = await verified(api)
    assert (counts.safe, counts.short) == (1, 1)
    assert (await copies_of(ada, harmed))["nodes"][0]["state"] == "damaged"
    assert (await copies_of(ada, whole))["state"] == "safe"
    listed = (await ada.call("GET", "/api/v1/copies?limit=1")).json
    assert listed["items"][0]["report"] == harmed["id"]
    assert listed["summary"]["short"] == listed["summary"]["safe"] == 1
    assert listed["summary"]["reports"] == 2
    rest = (await ada.call("GET", f"/api/v1/copies?after={listed['next']}")).json
    assert [item["report"] for item in rest["items"]] == [whole["id"]]
    assert rest["next"] is None


async def test_a_liar_is_no_copy_and_mends_nothing(
    api: Api, ada: Member, other: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    dag = new_report(CONTENT)
    (report,) = await ada.upload(dag)
    await copy_to(other, dag)

    async def lie(_self: object, _session: object, _cid: CID) -> bytes:
        return b"something else"

    monkeypatch.setattr("hygieia.blocks.remote.RemoteGateway.block", lie)
    damage(api)
    assert (await verified(api, other.url)).short == 1
    assert [node["state"] for node in (await copies_of(ada, report))["nodes"]] == [
        "damaged",
        "damaged",
    ]


async def test_a_node_that_does_not_answer_is_asked_once_and_told_so(api: Api, ada: Member) -> None:
    reports = await ada.upload(*(new_report(f"report {number}".encode()) for number in range(3)))
    async with verifier_of(api, "http://127.0.0.1:9", wanted=2) as verifier:
        asked = 0
        gateway = verifier._rules.nodes[1]
        read = gateway.read

        async def counted(cids: Any) -> Any:  # noqa: ANN401  (as the node has it)
            nonlocal asked
            asked += 1
            return await read(cids)

        gateway.read = counted  # type: ignore[method-assign]  # to count, not to change
        run = await verifier.run()
    assert run is not None
    assert (run.counts.short, asked) == (3, 1)
    states = [(await copies_of(ada, report))["nodes"][1]["state"] for report in reports]
    assert states == ["unreachable"] * 3


async def test_nobody_learns_of_anothers_copies(api: Api, ada: Member, bob: Member) -> None:
    (report,) = await ada.upload(new_report(CONTENT))
    await verified(api)
    assert (await bob.call("GET", f"/api/v1/reports/{report['id']}/copies")).status == 404
    assert (await bob.call("GET", "/api/v1/copies")).json["items"] == []
    assert (await api.call("GET", "/api/v1/copies")).status == 401


async def test_the_index_is_verified_too(api: Api, ada: Member) -> None:
    assert (await ada.call("GET", "/api/v1/copies")).json == {
        "summary": None,
        "items": [],
        "next": None,
    }
    index = IndexParts.new().dag()
    assert (await ada.change_index(index, rev=0, sequence=1)).status == 200
    counts = await verified(api)
    assert (counts.indexes, counts.safe) == (1, 1)
    (item,) = (await ada.call("GET", "/api/v1/copies")).json["items"]
    assert (item["kind"], item["report"], item["root"]) == ("index", None, str(index.root))


async def test_what_is_gone_leaves_the_list_and_is_not_pinned_again(api: Api, ada: Member) -> None:
    dag = new_report(CONTENT)
    kept, gone = await ada.upload(new_report(b"kept"), dag)
    await verified(api)
    await ada.call("DELETE", f"/api/v1/reports/{gone['id']}")
    await ada.call("DELETE", f"/api/v1/reports/{gone['id']}/purge")
    await verified(api)
    items = (await ada.call("GET", "/api/v1/copies")).json["items"]
    assert [item["report"] for item in items] == [kept["id"]]
    await api.services.stores.blocks.sweep()
    with pytest.raises(BlockMissing):
        await api.services.stores.blocks.get(dag.root)


async def test_a_report_purged_while_it_is_read_is_not_kept_by_that(api: Api, ada: Member) -> None:
    dag = new_report(CONTENT)
    (report,) = await ada.upload(dag)
    async with verifier_of(api) as verifier:
        own = verifier._rules.nodes[0]
        read = own.read

        async def purging(cids: Any) -> Any:  # noqa: ANN401  (as the node has it)
            await ada.call("DELETE", f"/api/v1/reports/{report['id']}")
            await ada.call("DELETE", f"/api/v1/reports/{report['id']}/purge")
            return await read(cids)

        own.read = purging  # type: ignore[method-assign]  # the moment it is about
        run = await verifier.run()
    assert run is not None
    assert run.counts.reports == 0
    assert not await api.services.stores.blocks.is_pinned(dag.root)


async def test_what_a_new_key_ends_while_it_is_read_is_not_kept_by_that(
    api: Api, ada: Member
) -> None:
    """Nobody would ever end that pin: no version names the root any more."""
    (report,) = await ada.upload(before := report_parts().dag())
    fresh = report_parts().dag()
    blocks = api.services.stores.blocks
    async with verifier_of(api) as verifier:
        own = verifier._rules.nodes[0]
        read = own.read

        async def issuing_anew(cids: Any) -> Any:  # noqa: ANN401  (as the node has it)
            found = await read(cids)
            if await blocks.is_pinned(before.root):
                assert (await rekey(ada, report, fresh)).status == 200
                assert not await blocks.is_pinned(before.root)
            return found

        own.read = issuing_anew  # type: ignore[method-assign]  # the moment it is about
        await verifier.run()
    assert not await blocks.is_pinned(before.root)
    assert await blocks.is_pinned(fresh.root)


async def test_a_pin_that_was_lost_is_made_again(api: Api, ada: Member) -> None:
    dag = new_report(CONTENT)
    (report,) = await ada.upload(dag)
    blocks = api.services.stores.blocks
    await blocks.unpin(dag.root, name=f"report:{report['id']}")
    await verified(api)
    await blocks.sweep()
    assert await blocks.missing([block.cid for block in dag.blocks]) == []


async def test_an_interrupted_run_goes_on_where_it_was(api: Api, ada: Member, bob: Member) -> None:
    for member in (ada, bob):
        await member.upload(*(new_report(f"{member.person.email} {n}".encode()) for n in range(3)))
    async with verifier_of(api) as verifier:
        own, read, reads = verifier._rules.nodes[0], verifier._rules.nodes[0].read, 0

        async def failing(cids: Any) -> Any:  # noqa: ANN401  (as the node has it)
            nonlocal reads
            reads += 1
            if reads == 14:
                raise RuntimeError
            return await read(cids)

        own.read = failing  # type: ignore[method-assign]  # the power goes
        with pytest.raises(RuntimeError):
            await verifier.run()
        assert await verifier.is_due(24)
        before = reads
        run = await verifier.run()
        assert run is not None
        assert reads - before <= 12  # four a report, and none of the first account's
        assert (run.counts.reports, run.counts.safe) == (6, 6)
        assert not await verifier.is_due(24)


async def test_of_two_verifications_one_runs(api: Api) -> None:
    leases = Leases(api.services.stores.documents)
    async with verifier_of(api) as verifier:
        async with leases.keep(LEASE, 60) as ours:
            assert ours
            assert await verifier.run() is None
        assert await verifier.run() is not None


async def test_a_deleted_account_leaves_nothing_behind(api: Api, ada: Member) -> None:
    await ada.upload(new_report(CONTENT))
    await verified(api)
    book, account = api.services.verifier.book, ada.person.account
    assert await book.summary(account) is not None
    proof = {"confirm": ada.person.email, "login_secret": ada.person.seal().login_secret}
    reply = await ada.call("POST", "/api/v1/account/delete", proof)
    assert reply.status == 204, reply.body
    await api.until_emptied(ada.person)
    assert await book.summary(account) is None
    assert (await book.page(account, after=None, limit=10)).items == ()


async def test_the_servers_own_rounds_tell_prometheus(api: Api, ada: Member) -> None:
    await ada.upload(new_report(CONTENT), new_report(b"another"))
    await verify_if_due(api.services)
    text = api.services.metrics.text().decode()
    assert "hygieia_safe_reports 2.0" in text
    assert "hygieia_short_reports 0.0" in text
    first = await api.services.verifier.last()
    await verify_if_due(api.services)
    assert await api.services.verifier.last() == first


async def next_run(api: Api, before: Run | None = None) -> Run:
    """The run that the server's own rounds end next."""
    while True:
        run = await api.services.verifier.last()
        if run is not None and run != before:
            return run
        await asyncio.sleep(0.01)


async def test_a_running_server_verifies_by_itself_and_again_when_it_is_due(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(verifying, "FIRST_AFTER_SECONDS", 0)
    monkeypatch.setattr(verifying, "LOOK_EVERY_SECONDS", 0.01)
    async with running_api(settings_in(tmp_path, verify_hours=0)) as idle:
        ada = await idle.sign_up()
        (report,) = await ada.upload(new_report(CONTENT))
    async with running_api(settings_in(tmp_path)) as api:
        first = await next_run(api)
        assert (first.counts.reports, first.counts.safe) == (1, 1)
        assert (await copies_of(replace(ada, api=api), report))["state"] == "safe"
        damage(api)
        long_ago = replace(first, started="2020-01-01T00:00:00Z")
        await RunBook(api.services.stores.documents).finish(long_ago)
        second = await next_run(api, before=long_ago)
        assert (second.counts.safe, second.counts.short) == (0, 1)


async def test_a_running_server_looks_at_what_is_new_by_itself(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(verifying, "LOOK_AT_NEW_EVERY_SECONDS", 0.01)
    monkeypatch.setattr(recent_checks, "SETTLED", timedelta())
    async with running_api(settings_in(tmp_path)) as api:
        ada = await api.sign_up()
        (report,) = await ada.upload(new_report(CONTENT))
        while (await copies_of(ada, report))["state"] == "unchecked":  # noqa: ASYNC110  (polled: nothing announces it)
            await asyncio.sleep(0.01)
        assert (await copies_of(ada, report))["state"] == "safe"
        assert await api.services.verifier.last() is None, "no whole verification did it"


@pytest.mark.parametrize(
    "address",
    ["https://gateway.example?key=sesame", "kubo+http://sesame:sesame@kubo", "kubo+http://"],
)
def test_a_node_that_cannot_be_understood_stops_the_start(tmp_path: Path, address: str) -> None:
    settings = settings_in(tmp_path, copy_nodes=address)
    with pytest.raises(ConfigError, match="HYGIEIA_COPY_NODES") as caught:
        build_app(settings)
    assert "sesame" not in f"{caught.value} {caught.value.hint}"


def test_a_nodes_token_is_no_part_of_its_name() -> None:
    assert KuboNode("kubo+http://sesame@kubo.example").name == "kubo.example:5001"


async def test_what_versions_of_a_report_share_is_read_once(api: Api, ada: Member) -> None:
    parts = report_parts(CONTENT)
    (report,) = await ada.upload(parts.dag())
    reply, _ = await ada.share(report, parts, BOB)
    assert reply.status == 200, reply.body
    counts = await verified(api)
    assert counts.reports == 1
    # The second version has a header, two envelopes and a root of its own.
    assert counts.blocks == len({block.cid for block in parts.dag().blocks}) + 4
