"""What must hold before a Kubo is used: its address, our token, its version, its settings.

It is asked once, at start, in an event loop of its own: the one that will serve does not run yet.
"""

from __future__ import annotations

import contextlib
import time
from typing import TYPE_CHECKING, Any, Final

from hygieia.blocks.asking import asked_apart
from hygieia.blocks.kubo.address import Address, read_address
from hygieia.blocks.kubo.keepers import PROBE
from hygieia.blocks.kubo.rpc import KuboError, Rpc
from hygieia.blocks.kubo.store import KuboBlockStore
from hygieia.blocks.verified import VerifiedBlockStore
from hygieia.errors import ConfigError, StorageFull, Unavailable
from hygieia.ipld.block import UnverifiedBlock
from hygieia.ipld.cid import CID, RAW

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

    from hygieia.blocks.kubo.books import Documents
    from hygieia.blocks.kubo.gateway import KuboGateway
    from hygieia.blocks.kubo.replicas import Replicas
    from hygieia.blocks.port import BlockStore

OLDEST_VERSION: Final = (0, 40)
PROFILE: Final = {
    "CidVersion": 1,
    "UnixFSRawLeaves": True,
    "UnixFSChunker": "size-1048576",
    "HashFunction": "sha2-256",
    "UnixFSFileMaxLinks": 1024,
}
"""What profile unixfs-v1-2025 writes: what an operator adds by hand gets the vault's CIDs."""
USED: Final = (
    "block/get",
    "block/stat",
    "dag/import",
    "pin/add",
    "pin/ls",
    "pin/rm",
    "pin/update",
    "refs",
    "refs/local",
    "repo/gc",
)
_NO_SUCH_FLAG: Final = {"hygieia-asks": "true", "quiet": "neither"}
_NO_KUBO: Final = "What answers at the Kubo address is no Kubo RPC."


def open_kubo(
    address: str,
    documents: Documents,
    replicas: Replicas | None = None,
    gateway: KuboGateway | None = None,
    *,
    clock: Callable[[], float] = time.time,
) -> BlockStore:
    """Open the store that ``kubo+http://[TOKEN@]HOST:5001`` names. Blocks while it is asked.

    ``replicas`` is told of every root that is kept or let go; closing it is the caller's.
    ``gateway`` is the same Kubo's, to read through; it is closed with the store.

    Raises:
        ConfigError: the address is wrong, nobody answers there, the token is refused or may do too
            little, or the node's version or settings do not keep what the port promises.
    """
    where = read_address(address)
    asked_apart(lambda: _check(where, reads_gateway=gateway is not None))
    if gateway is not None:
        gateway.check(PROBE.cid, PROBE.data, lambda: asked_apart(lambda: _offer_probe(where)))
    store = KuboBlockStore(Rpc(where), documents, replicas, gateway, clock=clock)
    return VerifiedBlockStore(store, hashes_leaves=True)


async def _check(address: Address, *, reads_gateway: bool) -> None:
    async with _asking(address) as rpc:
        _check_version(await rpc.identity())
        settings = await rpc.configuration()
        _check_settings(settings)
        for path in USED:
            await _check_allowed(rpc, path)
        await _check_hashing(rpc)
        if reads_gateway:
            _check_gateway(settings.get("Gateway"))


async def _offer_probe(address: Address) -> None:
    async with _asking(address) as rpc:
        await rpc.import_car([PROBE], PROBE.cid, pin=False)


@contextlib.asynccontextmanager
async def _asking(address: Address) -> AsyncIterator[Rpc]:
    """A connection to the Kubo. Whatever it cannot do is a ``ConfigError``."""
    rpc = Rpc(address)
    try:
        yield rpc
    except KuboError as error:
        raise _explain(error) from None
    except StorageFull:
        raise ConfigError(
            "The Kubo at its address has no room left on its disk.",
            hint="Make room there and restart the Kubo, which goes on refusing otherwise.",
        ) from None
    except Unavailable:
        raise ConfigError(
            "No Kubo answers at its address.",
            hint="Is it running, do host, port and http or https fit?",
        ) from None
    finally:
        await rpc.close()


async def _check_hashing(rpc: Rpc) -> None:
    """Whether Kubo refuses a block that is another: what we hand over unhashed rests on it."""
    cid = CID.of(RAW, b"hygieia asks whether what is taken in is hashed")
    try:
        await rpc.import_car([UnverifiedBlock(cid, b"and this is something else")], cid, pin=False)
    except KuboError as error:
        if error.status == 500:
            return
        raise
    raise ConfigError("The Kubo takes in blocks that do not hash to their CIDs.")


def _explain(error: KuboError) -> ConfigError:
    if error.status in {401, 403}:
        return ConfigError(
            "Kubo refuses the token in its address.",
            hint="API.Authorizations in Kubo's settings names the tokens and what they may do.",
        )
    return ConfigError(_NO_KUBO, hint="The RPC's port is 5001; 8080 is the gateway's.")


def _check_version(about: dict[str, Any]) -> None:
    name, _, rest = str(about.get("AgentVersion", "")).partition("/")
    if name != "kubo":
        raise ConfigError(_NO_KUBO)
    try:
        version = tuple(int(part) for part in rest.split("/")[0].split("-")[0].split(".")[:2])
    except ValueError:
        raise ConfigError(_NO_KUBO) from None
    if version < OLDEST_VERSION:
        oldest = ".".join(map(str, OLDEST_VERSION))
        raise ConfigError(f"The Kubo is too old: it must be {oldest} or newer.")


def _check_settings(settings: dict[str, Any]) -> None:
    given = settings.get("Import")
    if not isinstance(given, dict) or any(given.get(key) != PROFILE[key] for key in PROFILE):
        raise ConfigError(
            "The Kubo's repository has other import settings than the vault.",
            hint="Run: ipfs config profile apply unixfs-v1-2025",
        )
    if _writes_lazily(settings.get("Datastore", {})):
        raise ConfigError(
            "The Kubo's repository does not write blocks durably.",
            hint='Set "sync": true for flatfs in Datastore.Spec of Kubo\'s settings.',
        )


def _check_gateway(settings: object) -> None:
    """A gateway that fetched what it lacks would keep readers waiting, and tell others what is read."""
    given = settings if isinstance(settings, dict) else {}
    if given.get("NoFetch") is not True:
        raise ConfigError(
            "The gateway at HYGIEIA_KUBO_GATEWAY would fetch blocks from others.",
            hint="Run: ipfs config --json Gateway.NoFetch true",
        )


def _writes_lazily(value: object) -> bool:
    """Whether a flatfs anywhere in the datastore's settings leaves blocks in the page cache."""
    if isinstance(value, list):
        return any(_writes_lazily(item) for item in value)
    if isinstance(value, dict):
        if value.get("type") == "flatfs" and value.get("sync") is not True:
            return True
        return any(_writes_lazily(item) for item in value.values())
    return False


async def _check_allowed(rpc: Rpc, path: str) -> None:
    """Whether the token may make a call, by making it so that it does nothing."""
    try:
        await rpc.ask(path, _NO_SUCH_FLAG, max_bytes=4096)
    except KuboError as error:
        if error.status in {401, 403}:
            raise ConfigError(
                f"Kubo does not let this token use /api/v0/{path}.",
                hint="Allow it in API.Authorizations, AllowedPaths, of Kubo's settings.",
            ) from None
        if error.status == 404:
            raise ConfigError(_NO_KUBO) from None
