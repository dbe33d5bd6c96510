"""IPFS Cluster: which roots its peers shall keep, told to one of them over its REST API.

The blocks themselves never pass through here: each peer's Kubo fetches them from ours. A pin is in
Cluster's shared list when the call returns, and on the peers soon after; what they say of it is
``status``. Reference: https://ipfscluster.io/documentation/reference/api/ (1.1).

Every call may be repeated, so each is tried at one peer after the other, beginning with the one
that answered last.
"""

from __future__ import annotations

import base64
import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import unquote, urlsplit

import aiohttp

from hygieia.blocks.asking import asked_apart
from hygieia.blocks.nodes import PeerStatus
from hygieia.errors import ConfigError, Unavailable

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from hygieia.ipld.cid import CID

REST_PORT: Final = 9094
OLDEST_VERSION: Final = (1, 0)
MAX_PEERS: Final = 32
CONNECT_SECONDS: Final = 5
CALL_SECONDS: Final = 30
MAX_ANSWER_BYTES: Final = 1 << 20
_SHAPE: Final = "It is written http://USER:PASSWORD@HOST:9094; several are separated by commas."
_DOWN: Final = "The Cluster that keeps the copies does not answer."
_REFUSED: Final = "The Cluster that keeps the copies answers with an error."
_LATER: Final = "Nothing is lost. Try again shortly; if it stays so, tell who runs the server."


@dataclass(frozen=True, slots=True)
class PeerAddress:
    """Where one peer's REST API is. The password opens the whole Cluster: it is never shown."""

    url: str
    user: str | None = None
    password: str | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class Replication:
    """How many peers shall keep each root; None leaves it to Cluster's own setting."""

    at_least: int | None = None
    at_most: int | None = None


class ClusterError(Unavailable):
    """Cluster does not answer (``status`` 0), or answers with an error.

    ``said`` is its own text, for the code and never for people.
    """

    def __init__(self, status: int = 0, said: str = "") -> None:
        super().__init__(_REFUSED if status else _DOWN, hint=_LATER)
        self.status = status
        self.said = said


class Cluster:
    """The peers' REST API. Bound to the event loop that makes the first call."""

    def __init__(self, peers: Sequence[PeerAddress], replication: Replication) -> None:
        self._peers = list(peers)
        self._replication = replication
        self._session: aiohttp.ClientSession | None = None
        self._closed = False

    @property
    def wanted(self) -> int | None:
        """How many copies Cluster is asked for at least; None where it decides."""
        return self._replication.at_least

    async def close(self) -> None:
        """Let go of the connections; later calls raise ``Unavailable``."""
        self._closed = True
        if self._session is not None:
            await self._session.close()

    async def identity(self) -> dict[str, Any]:
        """What the peer that answers says of itself."""
        return await self._ask("GET", "/id", {})

    async def pin(self, root: CID, name: str, *, old: CID | None = None) -> None:
        """Have ``root`` kept. With ``old``, peers that keep that one walk only the difference."""
        if old is not None and old != root:
            try:
                await self._ask("POST", f"/pins/{root}", self._options(name, {"pin-update": old}))
            except ClusterError as error:
                if error.status != 404:  # it does not know the old one: an ordinary pin then
                    raise
            else:
                return
        await self._ask("POST", f"/pins/{root}", self._options(name, {}))

    async def unpin(self, root: CID) -> None:
        """Have ``root`` kept no longer; what is not pinned is let be."""
        try:
            await self._ask("DELETE", f"/pins/{root}", {})
        except ClusterError as error:
            if error.status != 404:
                raise

    async def status(self, root: CID) -> list[PeerStatus]:
        """What each peer says of ``root``, asked of their Kubos now."""
        answer = await self._ask("GET", f"/pins/{root}", {})
        peers = answer.get("peer_map")
        if not isinstance(peers, dict):
            raise ClusterError
        return [_peer_status(key, value) for key, value in sorted(peers.items())[:MAX_PEERS]]

    async def recover(self, root: CID) -> None:
        """Have peers that failed to keep ``root`` try again."""
        await self._ask("POST", f"/pins/{root}/recover", {})

    def _options(self, name: str, more: Mapping[str, object]) -> dict[str, str]:
        options = {"name": name, "mode": "recursive", "meta-by": "hygieia"}
        if self._replication.at_least is not None:
            options["replication-min"] = str(self._replication.at_least)
        if self._replication.at_most is not None:
            options["replication-max"] = str(self._replication.at_most)
        return options | {key: str(value) for key, value in more.items()}

    async def _ask(self, method: str, path: str, query: Mapping[str, str]) -> dict[str, Any]:
        failure: ClusterError | None = None
        for peer in list(self._peers):
            try:
                answer = await self._ask_peer(peer, method, path, query)
            except ClusterError as error:
                if error.status == 404:
                    raise
                failure = error
            except (aiohttp.ClientError, TimeoutError, OSError, ValueError):
                failure = failure or ClusterError()
            else:
                self._prefer(peer)
                return answer
        raise failure or ClusterError

    async def _ask_peer(
        self, peer: PeerAddress, method: str, path: str, query: Mapping[str, str]
    ) -> dict[str, Any]:
        async with self._opened().request(
            method,
            peer.url + path,
            params=query,
            headers=_login(peer),
            timeout=aiohttp.ClientTimeout(total=CALL_SECONDS, sock_connect=CONNECT_SECONDS),
            allow_redirects=False,
        ) as response:
            body = await _read(response)
            if response.status not in {200, 202, 204}:
                raise ClusterError(response.status, _said(body))
        value = json.loads(body or b"{}")
        if not isinstance(value, dict):
            raise ValueError  # noqa: TRY004 - noise, like anything else that is no JSON
        return value

    def _prefer(self, peer: PeerAddress) -> None:
        if self._peers[0] is not peer:
            self._peers.remove(peer)
            self._peers.insert(0, peer)

    def _opened(self) -> aiohttp.ClientSession:
        if self._closed:
            raise ClusterError
        if self._session is None:
            self._session = aiohttp.ClientSession(cookie_jar=aiohttp.DummyCookieJar())
        return self._session


def read_peers(text: str) -> list[PeerAddress]:
    """Read HYGIEIA_CLUSTER without asking anybody. Raises ``ConfigError``."""
    peers = [_read_peer(item.strip()) for item in text.split(",") if item.strip()]
    if not 1 <= len(peers) <= MAX_PEERS:
        raise _wrong()
    return peers


async def check_cluster(peers: Sequence[PeerAddress]) -> None:
    """Ask each peer who it is: one must answer, and none as something else.

    Raises:
        ConfigError: nobody answers, the password is refused, it is no Cluster or too old.
    """
    answered = 0
    for peer in peers:
        cluster = Cluster([peer], Replication())
        try:
            _check_version(await cluster.identity())
        except ClusterError as error:
            if error.status:
                raise _explain(error) from None
        else:
            answered += 1
        finally:
            await cluster.close()
    if not answered:
        raise ConfigError(
            "No IPFS Cluster answers at its address.",
            hint="Is it running, do host, port and http or https fit? Its REST API's port is 9094.",
        )


def _explain(error: ClusterError) -> ConfigError:
    if error.status in {401, 403}:
        return ConfigError(
            "IPFS Cluster refuses the user and password in its address.",
            hint="They stand in basic_auth_credentials of the restapi part of its service.json.",
        )
    return ConfigError(
        "What answers at the Cluster address is no IPFS Cluster.",
        hint="Its REST API's port is 9094; 9095 is its Kubo proxy's, 9096 its peers'.",
    )


def _check_version(about: Mapping[str, Any]) -> None:
    numbers = str(about.get("version", "")).partition("+")[0].split("-")[0].split(".")[:2]
    if "rpc_protocol_version" not in about or not all(part.isdigit() for part in numbers):
        raise _explain(ClusterError(200))
    if tuple(map(int, numbers)) < OLDEST_VERSION:
        raise ConfigError("The IPFS Cluster is too old: it must be 1.0 or newer.")


def _read_peer(text: str) -> PeerAddress:
    try:
        parts = urlsplit(text)
        port = parts.port
    except ValueError:
        raise _wrong() from None
    if parts.scheme not in {"http", "https"} or not parts.hostname or port == 0:
        raise _wrong()
    if parts.path not in {"", "/"} or parts.query or parts.fragment:
        raise _wrong()
    if (parts.username is None) != (parts.password is None):
        raise _wrong()
    host = f"[{parts.hostname}]" if ":" in parts.hostname else parts.hostname
    url = f"{parts.scheme}://{host}:{port or REST_PORT}"
    if parts.username is None or parts.password is None:
        return PeerAddress(url)
    return PeerAddress(url, unquote(parts.username), unquote(parts.password))


def _wrong() -> ConfigError:
    # Nothing of it is repeated: it may hold the password.
    return ConfigError("HYGIEIA_CLUSTER: an address cannot be understood.", hint=_SHAPE)


def _login(peer: PeerAddress) -> dict[str, str]:
    """The header of RFC 7617, if the peer wants one."""
    if peer.user is None or peer.password is None:
        return {}
    login = base64.b64encode(f"{peer.user}:{peer.password}".encode()).decode("ascii")
    return {"Authorization": f"Basic {login}"}


async def _read(response: aiohttp.ClientResponse) -> bytes:
    body = bytearray()
    async for piece in response.content.iter_any():
        body += piece
        if len(body) > MAX_ANSWER_BYTES:
            raise ValueError
    return bytes(body)


def _said(body: bytes) -> str:
    try:
        return str(json.loads(body)["message"])[:1000]
    except (ValueError, LookupError, TypeError, RecursionError):
        return ""


def _peer_status(key: object, value: object) -> PeerStatus:
    said = value if isinstance(value, dict) else {}
    name = "".join(c for c in str(said.get("peername") or key) if c.isprintable())
    return PeerStatus(name[:64], str(said.get("status"))[:32])


def open_cluster(text: str, replication: Replication) -> Cluster:
    """The Cluster that HYGIEIA_CLUSTER names, asked once. Blocks meanwhile. Raises ``ConfigError``."""
    peers = read_peers(text)
    asked_apart(lambda: check_cluster(peers))
    return Cluster(peers, replication)
