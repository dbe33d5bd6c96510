"""A vault's Kubo among others: what sharing adds to it, who else can serve, and when it freezes."""

from __future__ import annotations

import asyncio
import os
import time
import urllib.request
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from pathlib import Path

import pytest

from hygieia.blocks.kubo.rpc import Rpc
from hygieia.ipld.cid import CID, RAW, SHA2_256
from tests.factories.dags import IndexParts, report_parts
from tests.factories.servers import Api, Member, running_api, settings_in
from tests.kubo import KuboServer, in_a_swarm, kubo_server
from tests.people import BOB
from tests.running import frozen, running_server

pytestmark = pytest.mark.servers

PASSWORD = "correct horse battery staple"
EMPTY_FOLDER = "bafkreiczsscdsbs7ffqz55asqdf3smv6klcw3gofszvwlyarci47bgf354"
SMALL_BYTES = 64 << 10


@pytest.fixture
async def api(kubo: KuboServer, tmp_path: Path) -> AsyncIterator[Api]:
    """A server in this process, its blocks in the Kubo."""
    kubo.empty()
    async with running_api(settings_in(tmp_path, blocks=kubo.address)) as api:
        yield api


@pytest.fixture
async def ada(api: Api) -> Member:
    return await api.sign_up()


async def left_over(api: Api, kubo: KuboServer) -> set[str]:
    """The blocks that Kubo has once nothing is under way."""
    await api.services.sweeper.sweep()
    return await asyncio.to_thread(kubo.blocks) - {EMPTY_FOLDER}


def as_raw(cid: CID) -> str:
    return str(CID(RAW, SHA2_256, cid.digest))


# -- small changes ---------------------------------------------------------------------------------


async def test_sharing_adds_four_small_blocks_whatever_the_files_size(
    api: Api, ada: Member, kubo: KuboServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[int] = []
    repeated = Rpc._repeated

    async def counted(rpc: Rpc, once: Callable[[], Awaitable[object]]) -> object:
        asked[-1] += 1
        return await repeated(rpc, once)

    for size_bytes in (200_000, 6_000_000):
        parts = report_parts(os.urandom(size_bytes))
        (report,) = await ada.upload(parts.dag())
        before = await left_over(api, kubo)
        known = {block.cid for block in parts.dag().blocks}
        shared = parts.with_readers(BOB.key.certificate)
        new = [block for block in shared.dag().blocks if block.cid not in known]
        small = sum(len(block.data) for block in new)
        asked.append(0)
        with monkeypatch.context() as counting:
            counting.setattr(Rpc, "_repeated", counted)
            (packet,) = set(shared.packets()) - set(parts.packets())
            note = ada.share_note(report["id"], BOB, packet)
            upload = await ada.start_upload()
            await ada.put(upload, new)
            reply = await ada.call(
                "PUT",
                f"/api/v1/reports/{report['id']}",
                {
                    "upload": upload,
                    "root": str(shared.dag().root),
                    "change": "readers",
                    "shares": [note],
                },
                rev=report["rev"],
            )
        assert reply.status == 200, reply.body
        await ada.call("DELETE", f"/api/v1/uploads/{upload}")
        added = await left_over(api, kubo) - before
        assert added == {as_raw(block.cid) for block in new}
        assert len(added) <= 4
        assert small < 10_000
    assert asked[0] == asked[1]


async def test_an_index_change_adds_small_blocks_alone(
    api: Api, ada: Member, kubo: KuboServer
) -> None:
    first = IndexParts.new(segments=64)
    reply = await ada.change_index(first.dag(), rev=0, sequence=1)
    assert reply.status == 200, reply.body
    before = await left_over(api, kubo)
    second = first.changed()
    changed = await ada.change_index(second.dag(), rev=reply.json["rev"], sequence=2)
    assert changed.status == 200, changed.body
    added = await left_over(api, kubo) - before
    new = {block.cid: block for block in second.dag().blocks}
    old = {block.cid for block in first.dag().blocks}
    expected = {as_raw(cid) for cid in new if cid not in old}
    assert expected <= added
    assert len(added - expected) == 1, "the keeper of the upload, which is still open"
    assert len(expected) < 12
    assert sum(len(block.data) for cid, block in new.items() if cid not in old) < SMALL_BYTES


# -- another node ----------------------------------------------------------------------------------


@pytest.fixture
def swarm(kubo_program: Path, tmp_path: Path) -> Iterator[tuple[KuboServer, KuboServer]]:
    """Two nodes that know each other by their swarm's addresses and by nothing else."""
    with (
        kubo_server(kubo_program, tmp_path / "one", **in_a_swarm()) as one,
        kubo_server(kubo_program, tmp_path / "two", Gateway_NoFetch="true", **in_a_swarm()) as two,
    ):
        two.connect(one)
        yield one, two


def test_a_second_node_serves_what_it_pinned_after_ours_is_stopped(
    swarm: tuple[KuboServer, KuboServer], tmp_path: Path
) -> None:
    ours, other = swarm
    file = tmp_path / "scan.bin"
    file.write_bytes(os.urandom(5_000_000))
    with running_server(tmp_path / "server", blocks=ours.address) as server:
        ana = server.person(tmp_path / "ana", PASSWORD)
        (tmp_path / "kit").mkdir()
        ana.run("signup", "ana@example.org", "--name", "Ana", "--kit", str(tmp_path / "kit"))
        ana.run("put", str(file))
        (root,) = ana.roots()
        links = ours.ask("ls", arg=root)[0]["Objects"][0]["Links"]
        files = {link["Name"]: read(server.address, root, link["Name"]) for link in links}
        other.ask("pin/add", arg=root)
        ours.stop()
        for name, octets in files.items():
            assert read(other.node.gateway, root, name) == octets
        back = tmp_path / "back.bin"
        other.node.run("--api-auth", f"bearer:{other.token}", "get", root, "-o", str(back))
        assert {path.name for path in back.iterdir()} == set(files)


def read(gateway: str, root: str, name: str) -> bytes:
    with urllib.request.urlopen(f"{gateway}/ipfs/{root}/{name}", timeout=60) as answer:
        octets: bytes = answer.read()
        return octets


# -- a node that freezes -----------------------------------------------------------------------------


@pytest.mark.slow
async def test_a_frozen_kubo_is_said_to_be_away_in_time_and_found_again(
    api: Api, ada: Member, kubo: KuboServer
) -> None:
    parts = report_parts(os.urandom(50_000))
    (report,) = await ada.upload(parts.dag())
    upload = await ada.start_upload()
    with frozen(kubo.process):
        began = time.monotonic()
        replies = await asyncio.gather(
            api.call("GET", f"/ipfs/{report['root']}?format=raw"),
            ada.put(upload, report_parts(os.urandom(50_000)).dag().blocks),
            api.call("GET", "/readyz"),
        )
        took = time.monotonic() - began
        listed = await ada.call("GET", "/api/v1/reports")
    assert [reply.status for reply in replies] == [503, 503, 503]
    assert all(int(reply.headers["Retry-After"]) > 0 for reply in replies[:2])
    assert took < 90, "nobody waits for it for ever"
    assert listed.status == 200, "what needs no Kubo goes on"
    again = await ada.put(upload, parts.dag().blocks)
    assert again.status == 200, again.body
    found = await api.call("GET", f"/ipfs/{report['root']}?format=raw")
    assert found.status == 200
