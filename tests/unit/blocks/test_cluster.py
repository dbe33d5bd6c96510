"""What is asked of IPFS Cluster, and what is made of answers that are no answers."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from hygieia.blocks.cluster import (
    Cluster,
    ClusterError,
    PeerAddress,
    Replication,
    check_cluster,
    read_peers,
)
from hygieia.blocks.nodes import PeerStatus
from hygieia.errors import ConfigError
from tests.dags import raw

OLD, NEW = raw(1).cid, raw(2).cid
Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


class Peer:
    """A REST API that notes what it is asked, and answers as a test says."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, str, dict[str, str]]] = []
        self.logins: set[str | None] = set()
        self.answer: Callable[[web.Request], web.StreamResponse] = lambda _: web.json_response({})
        app = web.Application()
        app.router.add_route("*", "/{path:.*}", self._take)
        self.server = TestServer(app)

    async def _take(self, request: web.Request) -> web.StreamResponse:
        self.asked.append((request.method, request.path, dict(request.query)))
        self.logins.add(request.headers.get("Authorization"))
        return self.answer(request)

    @property
    def address(self) -> PeerAddress:
        return PeerAddress(f"http://127.0.0.1:{self.server.port}")


@pytest.fixture
async def peer() -> AsyncIterator[Peer]:
    peer = Peer()
    await peer.server.start_server()
    yield peer
    await peer.server.close()


@pytest.fixture
async def cluster(peer: Peer) -> AsyncIterator[Cluster]:
    cluster = Cluster([peer.address], Replication())
    yield cluster
    await cluster.close()


def failing(status: int) -> Callable[[web.Request], web.StreamResponse]:
    return lambda _: web.json_response({"code": status, "message": "no"}, status=status)


# -- addresses ---------------------------------------------------------------------------------


def test_addresses_are_read_with_their_passwords_and_shown_without() -> None:
    peers = read_peers("http://vault:a%20word@one.example, https://two.example:9000/")
    assert peers == [
        PeerAddress("http://one.example:9094", "vault", "a word"),
        PeerAddress("https://two.example:9000"),
    ]
    assert "a word" not in repr(peers)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "one.example",
        "ftp://one.example",
        "http://",
        "http://one.example:0",
        "http://one.example:port",
        "http://vault@one.example",
        "http://one.example/api",
        "http://one.example?x",
        ",".join(f"http://{number}.example" for number in range(33)),
    ],
)
def test_an_address_that_is_none_is_refused_and_not_repeated(text: str) -> None:
    with pytest.raises(ConfigError, match="HYGIEIA_CLUSTER: an address") as caught:
        read_peers(text)
    assert "example" not in f"{caught.value}"


# -- what is asked -----------------------------------------------------------------------------


async def test_a_pin_says_its_name_and_how_many_shall_keep_it(peer: Peer) -> None:
    cluster = Cluster([peer.address], Replication(2, 3))
    await cluster.pin(NEW, "hygieia report:1")
    await cluster.close()
    options = {"name": "hygieia report:1", "mode": "recursive", "meta-by": "hygieia"}
    factors = {"replication-min": "2", "replication-max": "3"}
    assert peer.asked == [("POST", f"/pins/{NEW}", options | factors)]


async def test_a_pin_that_follows_another_is_an_update_where_cluster_knows_that(
    peer: Peer, cluster: Cluster
) -> None:
    await cluster.pin(NEW, "", old=OLD)
    assert [query.get("pin-update") for _, _, query in peer.asked] == [str(OLD)]
    peer.asked.clear()
    peer.answer = lambda request: failing(404 if "pin-update" in request.query else 200)(request)
    await cluster.pin(NEW, "", old=OLD)
    assert [query.get("pin-update") for _, _, query in peer.asked] == [str(OLD), None]


async def test_what_is_not_pinned_is_unpinned_already(peer: Peer, cluster: Cluster) -> None:
    peer.answer = failing(404)
    await cluster.unpin(OLD)
    assert [asked[:2] for asked in peer.asked] == [("DELETE", f"/pins/{OLD}")]


async def test_the_password_travels_as_basic_authorization(peer: Peer) -> None:
    cluster = Cluster([PeerAddress(peer.address.url, "vault", "sésame")], Replication())
    await cluster.recover(NEW)
    await cluster.close()
    assert peer.logins == {"Basic dmF1bHQ6c8Opc2FtZQ=="}


async def test_the_status_tells_what_each_peer_says(peer: Peer, cluster: Cluster) -> None:
    said = {"a": {"peername": "one", "status": "pinned"}, "b": {"status": "pin_error"}, "c": 1}
    peer.answer = lambda _: web.json_response({"peer_map": said})
    statuses = await cluster.status(NEW)
    assert statuses == [
        PeerStatus("one", "pinned"),
        PeerStatus("b", "pin_error"),
        PeerStatus("c", "None"),
    ]
    assert [status.is_pinned for status in statuses] == [True, False, False]


# -- peers that fail ---------------------------------------------------------------------------


async def test_the_next_peer_is_asked_and_from_then_on_first(peer: Peer) -> None:
    gone = PeerAddress("http://127.0.0.1:9")
    cluster = Cluster([gone, peer.address], Replication())
    await cluster.pin(NEW, "")
    assert len(peer.asked) == 1
    assert cluster._peers == [peer.address, gone]
    await cluster.close()


async def test_a_peer_that_cannot_do_it_is_not_the_last_word(peer: Peer) -> None:
    other = Peer()
    await other.server.start_server()
    peer.answer = failing(500)
    cluster = Cluster([peer.address, other.address], Replication())
    await cluster.pin(NEW, "")
    assert len(peer.asked) == len(other.asked) == 1
    await cluster.close()
    await other.server.close()


@pytest.mark.parametrize(
    "answer",
    [
        failing(500),
        failing(401),
        lambda _: web.Response(status=302, headers={"Location": "/id"}),
        lambda _: web.Response(text="<html>"),
        lambda _: web.json_response([]),
        lambda _: web.Response(body=bytes(2 << 20)),
        lambda _: web.json_response({"peer_map": "many"}),
    ],
    ids=["error", "refused", "elsewhere", "no-json", "list", "endless", "no-peers"],
)
async def test_an_answer_that_is_none_is_unavailable(
    peer: Peer, cluster: Cluster, answer: Callable[[web.Request], web.StreamResponse]
) -> None:
    peer.answer = answer
    with pytest.raises(ClusterError):
        await cluster.status(NEW)


async def test_a_closed_cluster_is_unavailable(cluster: Cluster) -> None:
    await cluster.close()
    with pytest.raises(ClusterError):
        await cluster.pin(NEW, "")


@pytest.mark.parametrize(
    ("version", "said"),
    [("0.14.5", "too old"), ("one", "is no IPFS Cluster"), ("", "is no IPFS Cluster")],
)
async def test_a_version_that_does_not_fit_is_refused(peer: Peer, version: str, said: str) -> None:
    about = {"version": version, "rpc_protocol_version": "/ipfscluster/0.14/rpc"}
    peer.answer = lambda _: web.json_response(about)
    with pytest.raises(ConfigError, match=said):
        await check_cluster([peer.address])


async def test_one_peer_of_several_must_answer(peer: Peer) -> None:
    about = {"version": "1.1.6+git", "rpc_protocol_version": "/ipfscluster/1.0/rpc"}
    peer.answer = lambda _: web.json_response(about)
    gone = PeerAddress("http://127.0.0.1:9")
    await check_cluster([gone, peer.address])
    with pytest.raises(ConfigError, match="No IPFS Cluster answers"):
        await check_cluster([gone])
