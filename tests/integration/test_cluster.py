"""A vault whose roots IPFS Cluster keeps on two Kubos: copies made, kept, ended, and outliving."""

from __future__ import annotations

import asyncio
import contextlib
import os
import random
import subprocess
from collections.abc import AsyncIterator, Iterable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from hygieia.blocks.cluster import Replication, open_cluster
from hygieia.blocks.kubo import open_kubo
from hygieia.blocks.port import BlockStore
from hygieia.documents.sqlite import open_sqlite
from hygieia.errors import ConfigError, Unavailable
from tests.cluster import ClusterPeer, two_peers, wait_until
from tests.dags import report, shared_and_shared_again
from tests.factories.dags import new_report
from tests.factories.servers import running_api, settings_in
from tests.ports import free_port
from tests.running import COMMAND, frozen, running_server

pytestmark = pytest.mark.servers

Peers = tuple[ClusterPeer, ClusterPeer]
PASSWORD = "correct horse battery staple"
FILE_BYTES = 3_000_000


@pytest.fixture(scope="module")
def peers(
    kubo_program: Path, cluster_program: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Peers]:
    folder = tmp_path_factory.mktemp("cluster")
    with two_peers(kubo_program, cluster_program, folder) as peers:
        yield peers


@contextlib.asynccontextmanager
async def opened(peers: Peers, folder: Path, *addresses: str) -> AsyncIterator[BlockStore]:
    """A store on the first Kubo that tells the Cluster, through the peers named or both."""
    documents = open_sqlite(folder / "documents.sqlite")
    text = ",".join(addresses or (peer.address for peer in peers))
    cluster = await asyncio.to_thread(open_cluster, text, Replication())
    store = await asyncio.to_thread(open_kubo, peers[0].kubo.address, documents, cluster)
    try:
        yield store
    finally:
        await store.close()
        await cluster.close()
        await documents.close()


async def all_keep(peers: Peers, root: object) -> None:
    for peer in peers:
        await asyncio.to_thread(wait_until, lambda peer=peer: peer.keeps(str(root)), peer)


async def none_keeps(peers: Peers, root: object) -> None:
    for peer in peers:
        await asyncio.to_thread(wait_until, lambda peer=peer: not peer.keeps(str(root)), peer)


@pytest.mark.slow
async def test_a_pin_is_on_every_peer_under_the_reports_name(peers: Peers, tmp_path: Path) -> None:
    dag = report(1, 300_000)
    async with opened(peers, tmp_path) as store:
        await store.put(dag.blocks, holder="upload")
        await store.pin(dag.root, name="report:1")
        await all_keep(peers, dag.root)
    pin = peers[1].pins()[str(dag.root)]
    assert (pin["name"], pin["metadata"]) == ("hygieia report:1", {"by": "hygieia"})
    have = peers[1].kubo.blocks()
    assert {str(cid) for cid in dag.cids if cid.codec == 0x55} <= have


async def test_sharing_copies_the_difference_and_keeps_what_both_share(
    peers: Peers, tmp_path: Path
) -> None:
    old_blocks, old, new_blocks, new = shared_and_shared_again(5_000_000)
    async with opened(peers, tmp_path) as store:
        await store.put(old_blocks, holder="upload")
        await store.pin(old, name="report:2")
        await all_keep(peers, old)
        before = peers[1].kubo.blocks()
        await store.put(new_blocks, holder="upload")
        await store.update_pin(old, new, name="report:2")
        await all_keep(peers, new)
        assert peers[0].pins()[str(new)]["pin_update"] == str(old)
        assert len(peers[1].kubo.blocks() - before) == len(new_blocks)
        await store.release("upload")
        await store.sweep()
        await none_keeps(peers, old)
        await all_keep(peers, new)


async def test_what_is_let_go_is_ended_on_every_peer_by_the_sweep(
    peers: Peers, tmp_path: Path
) -> None:
    dag = report(3, 50_000)
    async with opened(peers, tmp_path) as store:
        await store.put(dag.blocks, holder="upload")
        await store.pin(dag.root, name="report:3")
        await store.pin(dag.root, name="report:4")
        await all_keep(peers, dag.root)
        await store.release("upload")
        await store.unpin(dag.root, name="report:3")
        await store.sweep()
        await all_keep(peers, dag.root)
        await store.unpin(dag.root, name="report:4")
        await store.sweep()
        await none_keeps(peers, dag.root)
        assert str(dag.root) not in peers[1].pins()


async def test_a_cluster_that_is_away_refuses_new_pins_and_loses_no_old_one(
    peers: Peers, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, second = report(5, 50_000), report(6, 50_000)
    async with opened(peers, tmp_path, peers[1].address) as store:
        await store.put(first.blocks, holder="upload")
        await store.pin(first.root, name="report:5")
        await store.put(second.blocks, holder="upload")
        with monkeypatch.context() as hurried, frozen(peers[1].process):
            hurried.setattr("hygieia.blocks.cluster.CALL_SECONDS", 3)
            with pytest.raises(Unavailable, match="Cluster"):
                await store.pin(second.root, name="report:6")
            await store.unpin(first.root, name="report:5")
            await store.sweep()
            assert await store.missing(first.cids) == []
            assert not await store.is_pinned(second.root)
        await store.pin(second.root, name="report:6")
        await all_keep(peers, second.root)
        await store.release("upload")
        await store.sweep()
        await none_keeps(peers, first.root)


async def test_another_peer_is_told_when_one_does_not_answer(peers: Peers, tmp_path: Path) -> None:
    dag = report(7, 50_000)
    gone = "http://vault:nobody@127.0.0.1:9"
    async with opened(peers, tmp_path, gone, peers[1].address) as store:
        await store.put(dag.blocks, holder="upload")
        await store.pin(dag.root, name="report:7")
        await all_keep(peers, dag.root)


async def test_verify_has_peers_keep_what_they_have_let_go_or_were_never_told(
    peers: Peers, tmp_path: Path
) -> None:
    settings = settings_in(tmp_path, blocks=peers[0].kubo.address)
    async with running_api(settings) as alone:
        ada = await alone.sign_up()
        never_told, dropped = await ada.upload(
            new_report(random.Random(1).randbytes(50_000)),
            new_report(random.Random(2).randbytes(50_000)),
        )
    addresses = ",".join(peer.address for peer in peers)
    async with running_api(replace(settings, cluster=addresses)) as api:
        ada = replace(ada, api=api)
        run = await api.services.verifier.run()
        assert run is not None
        await all_keep(peers, never_told["root"])
        await all_keep(peers, dropped["root"])
        peers[1].kubo.ask("pin/rm", arg=dropped["root"])
        run = await api.services.verifier.run()
        assert run is not None
        await all_keep(peers, dropped["root"])
        run = await api.services.verifier.run()
        assert run is not None
        assert (run.counts.safe, run.counts.short) == (2, 0)
        told = (await ada.call("GET", f"/api/v1/reports/{dropped['id']}/copies")).json
    by_kind = [(node["kind"], node["node"], node["state"]) for node in told["nodes"]]
    assert sorted(by_kind) == [
        ("cluster", "one", "pinned"),
        ("cluster", "two", "pinned"),
        ("own", "this server", "whole"),
    ]


def test_a_wrong_password_or_another_server_is_refused_at_start(peers: Peers) -> None:
    port = peers[0].rest_port
    cases = {
        f"http://vault:wrong@127.0.0.1:{port}": "refuses the user and password",
        peers[0].kubo.node.gateway: "is no IPFS Cluster",
        "http://vault:nobody@127.0.0.1:9": "No IPFS Cluster answers",
    }
    for address, said in cases.items():
        with pytest.raises(ConfigError, match=said) as caught:
            open_cluster(address, Replication())
        assert "wrong" not in f"{caught.value} {caught.value.hint}"


def keeps_all(peer: ClusterPeer, pins: Iterable[str], root: str) -> bool:
    """Whether its Kubo has every pin, and that root's is one of them."""
    wanted = set(pins)
    return root in wanted and all(map(peer.keeps, wanted))


@pytest.mark.slow
def test_a_vault_that_moves_to_kubo_is_pinned_through_the_cluster_as_it_arrives(
    peers: Peers, tmp_path: Path
) -> None:
    content = random.Random(2).randbytes(FILE_BYTES)
    (tmp_path / "scan.bin").write_bytes(content)
    (tmp_path / "kit").mkdir()
    data, port = tmp_path / "server", free_port()
    with running_server(data, port) as server:
        ana = server.person(tmp_path / "ana", PASSWORD)
        ana.run("signup", "ana@example.org", "--name", "Ana", "--kit", str(tmp_path / "kit"))
        ana.run("put", str(tmp_path / "scan.bin"))
        (root,) = ana.roots()
    clustered = {"blocks": peers[0].kubo.address, "cluster": peers[0].address}
    environment = {k: v for k, v in os.environ.items() if not k.startswith("HYGIEIA_")}
    ours = {f"HYGIEIA_{name.upper()}": value for name, value in clustered.items()}
    subprocess.run(
        [COMMAND, "admin", "migrate", "--from", "directory:", "--to", clustered["blocks"]],
        env=environment | {"HYGIEIA_DATA_DIR": str(data)} | ours,
        check=True,
        timeout=300,
    )
    for peer in peers:
        wait_until(lambda peer=peer: keeps_all(peer, peers[0].pins(), root), peer)
    # The other machine has all of it, the index too: its Kubo alone serves the vault.
    moved = {"blocks": peers[1].kubo.address, "cluster": peers[1].address}
    with running_server(data, port, **moved):
        ana.run("get", root, "-o", str(tmp_path / "back.bin"))
    assert (tmp_path / "back.bin").read_bytes() == content


# -- the whole story, last: it kills a peer for good -------------------------------------------


@pytest.mark.slow
def test_everything_is_readable_and_goes_on_after_one_peer_and_its_kubo_were_killed(
    peers: Peers, tmp_path: Path
) -> None:
    content = random.Random(1).randbytes(FILE_BYTES)
    (tmp_path / "scan.bin").write_bytes(content)
    (tmp_path / "later.bin").write_bytes(content[::-1])
    both = ",".join(peer.address for peer in peers)
    data, home, port = tmp_path / "server", tmp_path / "ana", free_port()
    first, second = (peer.kubo.address for peer in peers)
    with running_server(data, port, blocks=first, cluster=both) as server:
        ana = server.person(home, PASSWORD)
        (tmp_path / "kit").mkdir()
        ana.run("signup", "ana@example.org", "--name", "Ana", "--kit", str(tmp_path / "kit"))
        ana.run("put", str(tmp_path / "scan.bin"))
        (root,) = ana.roots()
        for peer in peers:  # the index too, which came after the report
            wait_until(lambda peer=peer: keeps_all(peer, peers[0].pins(), root), peer)
        peers[0].kill()
        away = ana.start("put", str(tmp_path / "later.bin"))
        assert away.returncode != 0
        assert b"Traceback" not in away.stderr
    # Nothing is moved and nothing restored: the other Kubo has had it all along.
    with running_server(data, port, blocks=second, cluster=both):
        back = tmp_path / "back.bin"
        ana.run("get", root, "-o", str(back))
        assert back.read_bytes() == content
        ana.run("put", str(tmp_path / "later.bin"))
        assert len(ana.roots()) == 2


def test_a_server_does_not_start_without_the_cluster_it_is_told_of(tmp_path: Path) -> None:
    environment = {k: v for k, v in os.environ.items() if not k.startswith("HYGIEIA_")}
    done = subprocess.run(
        [COMMAND, "serve", "--port", "0", "--data", str(tmp_path)],
        env=environment | {"HYGIEIA_CLUSTER": "http://vault:sesame@127.0.0.1:9"},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 2
    assert "HYGIEIA_CLUSTER needs a Kubo" in done.stderr
    assert "sesame" not in done.stderr + done.stdout
