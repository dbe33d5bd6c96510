"""Calls to a Kubo's RPC, through aioipfs: bounded in time, size and number, and safe to repeat.

aioipfs gives the client, its session and what a node says of itself (id, config). Its other calls
give Kubo no time limit, send no token, check no status or take whole bodies into memory, so those
are made here, on its session. Reference: https://docs.ipfs.tech/reference/kubo/rpc/.

Kubo gets our time limit with every call that reaches its store, since it goes on with some after
we have hung up: a pin of an incomplete DAG would hold its garbage collection's lock for ever.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import warnings
from typing import TYPE_CHECKING, Any, Final, TypeVar

import aiohttp

from hygieia.blocks.kubo import old_distutils
from hygieia.blocks.kubo.forms import Form, car_pieces
from hygieia.blocks.kubo.pulse import Pulse
from hygieia.errors import BlockMissing, BlockRefused, StorageFull, Unavailable
from hygieia.limits import MAX_BLOCK_BYTES

with warnings.catch_warnings(), old_distutils.stood_in_for():
    # It imports parts of its own that are no longer good style.
    warnings.simplefilter("ignore")
    import aioipfs
    from aioipfs.exceptions import APIError, RPCAccessDenied, UnknownAPIError

if TYPE_CHECKING:
    from collections.abc import (
        AsyncGenerator,
        AsyncIterator,
        Awaitable,
        Callable,
        Mapping,
        Sequence,
    )

    from hygieia.blocks.kubo.address import Address
    from hygieia.blocks.port import AnyBlock
    from hygieia.ipld.cid import CID

    Query = Mapping[str, str | Sequence[str]]

T = TypeVar("T")
Line = dict[str, Any]

CALLS_AT_ONCE: Final = 32
IMPORTS_AT_ONCE: Final = 4
CONNECT_SECONDS: Final = 5
START_SECONDS: Final = 20
CALL_SECONDS: Final = 30
WALK_SECONDS: Final = 600
"""For what reads a DAG or the list of all blocks: a terabyte's nodes, from a slow disk."""
SLOWEST_BYTES_A_SECOND: Final = 1 << 20
TRIES: Final = 3
PAUSE_SECONDS: Final = 0.1
MAX_ANSWER_BYTES: Final = 4 << 20
_FULL: Final = ("no space left on device", "disk quota exceeded")
_ABSENT: Final = "not found locally"
_DOWN: Final = "The block store does not answer."


class KuboError(Unavailable):
    """Kubo answers with an error; ``said`` is its own text, for the code and never for people."""

    def __init__(self, status: int, said: str) -> None:
        super().__init__("The block store answers with an error.")
        self.status = status
        self.said = said


class Incomplete(Unavailable):
    """A DAG that was to be pinned lacks blocks, or went on lacking them for the time given."""

    def __init__(self) -> None:
        super().__init__("The block store could not keep what it was given.")


class Rpc:
    """One node's RPC. Bound to the event loop that makes the first call."""

    def __init__(self, address: Address) -> None:
        self._address = address
        self._client: Any = None
        self._calls = asyncio.Semaphore(CALLS_AT_ONCE)
        self._imports = asyncio.Semaphore(IMPORTS_AT_ONCE)
        self._pulse = Pulse(self._beat)
        self._closed = False

    async def close(self) -> None:
        """Let go of the connections; later calls raise ``Unavailable``."""
        self._closed = True
        await self._pulse.close()
        if self._client is not None:
            await self._client.close()

    # -- about the node ----------------------------------------------------------------------

    async def identity(self) -> Line:
        """What the node says of itself."""
        return await self._sound(lambda client: client.core.id())

    async def configuration(self) -> Line:
        """The node's configuration, without its secrets."""
        return await self._sound(lambda client: client.config.show())

    # -- blocks ------------------------------------------------------------------------------

    async def get(self, cid: CID) -> bytes:
        """A block's bytes, not verified. Raises ``BlockMissing``, ``BlockRefused`` over 2 MiB."""
        try:
            data = await self.ask("block/get", {"arg": str(cid)}, max_bytes=MAX_BLOCK_BYTES)
        except KuboError as error:
            if _ABSENT in error.said:
                raise BlockMissing(f"The block {str(cid)[:64]} is not here.") from None
            raise
        if data is None:
            raise BlockRefused("A block is over 2 MiB.")
        return data

    async def size(self, cid: CID) -> int | None:
        """A block's size in bytes, None where it is not had."""
        try:
            answer = await self.json("block/stat", {"arg": str(cid)})
        except KuboError as error:
            if _ABSENT in error.said:
                return None
            raise
        return _integer(answer, "Size")

    async def import_car(self, blocks: Sequence[AnyBlock], root: CID, *, pin: bool) -> None:
        """Store blocks and, with ``pin``, pin ``root`` in the same step.

        Kubo hashes each and refuses a CAR with one that is another (go-car's ``BlockReader``).
        Raises ``Incomplete`` when the root cannot be pinned; the blocks are stored then.
        """
        size_bytes = sum(len(block.data) for block in blocks)
        seconds = CALL_SECONDS + size_bytes / SLOWEST_BYTES_A_SECOND
        query = {"pin-roots": _flag(pin), "stats": "true"}
        body = Form("data.car", car_pieces(blocks, root))
        async with self._in_turn():
            lines = [line async for line in self.lines("dag/import", query, seconds, body)]
        pinned = [line["Root"] for line in lines if isinstance(line.get("Root"), dict)]
        for error in filter(None, (str(one.get("PinErrorMsg") or "") for one in pinned)):
            if any(text in error for text in _FULL):
                raise _full()
            raise Incomplete
        # The status says nothing of how an answer in pieces ends: only its last piece does.
        stats = [line["Stats"] for line in lines if isinstance(line.get("Stats"), dict)]
        stored = stats[0].get("BlockCount") if stats else None
        if stored != len(blocks) or (pin and len(pinned) != 1):
            raise Unavailable(_DOWN)

    # -- pins --------------------------------------------------------------------------------

    async def is_whole(self, root: CID) -> bool:
        """Whether every block below ``root`` is here. Asked before any pin: see ``Incomplete``."""
        query = {"arg": str(root), "recursive": "true", "unique": "true"}
        try:
            async with contextlib.aclosing(self.lines("refs", query, WALK_SECONDS)) as lines:
                async for line in lines:
                    if line.get("Err"):
                        return False
        except KuboError as error:
            if _ABSENT in error.said:
                return False
            raise
        return True

    async def is_pinned(self, root: CID) -> bool:
        """Whether ``root`` is pinned recursively."""
        try:
            await self.json("pin/ls", {"arg": str(root), "type": "recursive"})
        except KuboError as error:
            if "is not pinned" in error.said:
                return False
            raise
        return True

    async def pin(self, root: CID, name: str) -> None:
        """Pin a DAG that is whole, for Kubo's own eyes under ``name``."""
        await self.json("pin/add", {"arg": str(root), "name": name}, WALK_SECONDS)

    async def update_pin(self, old: CID, new: CID) -> None:
        """Pin ``new``, walking only what ``old``, which stays pinned, does not have."""
        await self.json("pin/update", {"arg": [str(old), str(new)], "unpin": "false"})

    async def unpin(self, root: CID) -> None:
        """Unpin; what is not pinned is let be."""
        try:
            await self.json("pin/rm", {"arg": str(root)})
        except KuboError as error:
            if "not pinned" not in error.said:
                raise

    # -- one call ----------------------------------------------------------------------------

    async def json(self, path: str, query: Query, seconds: float = CALL_SECONDS) -> Line:
        """A call that answers with one object."""
        data = await self.ask(path, query, seconds)
        try:
            return _object(data or b"")
        except ValueError:
            raise Unavailable(_DOWN) from None

    async def ask(
        self,
        path: str,
        query: Query,
        seconds: float = CALL_SECONDS,
        *,
        max_bytes: int = MAX_ANSWER_BYTES,
        body: Form | None = None,
    ) -> bytes | None:
        """A call's whole answer; None when it is longer than ``max_bytes``."""

        async def once() -> bytes | None:
            async with self._answer(path, query, seconds, body) as response:
                data = bytearray()
                async for piece in response.content.iter_chunked(1 << 18):
                    data += piece
                    if len(data) > max_bytes:
                        return None
                return bytes(data)

        return await self._repeated(once)

    async def lines(
        self,
        path: str,
        query: Query,
        seconds: float = CALL_SECONDS,
        body: Form | None = None,
    ) -> AsyncGenerator[Line, None]:
        """A call that answers with many objects, read as they come. Repeated until the first."""
        for attempt in range(TRIES):
            begun = False
            try:
                async with self._answer(path, query, seconds, body) as response:
                    async for text in response.content:
                        begun = True
                        yield _object(text)
            except (aiohttp.ClientError, TimeoutError, OSError, ValueError) as error:
                if begun or isinstance(error, TimeoutError) or attempt == TRIES - 1:
                    raise Unavailable(_DOWN) from None
                await asyncio.sleep(PAUSE_SECONDS * 4**attempt)
            else:
                return

    @contextlib.asynccontextmanager
    async def _answer(
        self,
        path: str,
        query: Query,
        seconds: float,
        body: Form | None,
    ) -> AsyncIterator[aiohttp.ClientResponse]:
        client = self._opened()
        asked = {"offline": "true", "timeout": f"{seconds:.0f}s", **query}
        limits = aiohttp.ClientTimeout(
            total=seconds + CONNECT_SECONDS, sock_connect=CONNECT_SECONDS
        )
        async with (
            self._pulse.watched(),
            self._calls,
            client.session.post(
                client.api_endpoint(path),
                params=asked,
                data=None if body is None else body.pieces(),
                headers=None if body is None else body.headers,
                timeout=limits,
                allow_redirects=False,
            ) as response,
        ):
            if response.status != 200:
                raise _failure(response.status, await response.content.read(1 << 14))
            yield response

    async def _sound(self, call: Callable[[Any], Awaitable[Any]]) -> Line:
        """One of aioipfs's own calls that send the token and look at the status."""

        async def once() -> Line:
            try:
                async with self._pulse.watched(), self._calls, asyncio.timeout(START_SECONDS):
                    answer = await call(self._opened())
            except APIError as error:
                status = getattr(error, "http_status", 404)
                raise _failure(status, _as_said(getattr(error, "message", ""))) from None
            except RPCAccessDenied:
                raise KuboError(403, "") from None
            except UnknownAPIError:
                raise KuboError(500, "") from None
            if not isinstance(answer, dict):  # its word for a lost connection is None
                raise aiohttp.ClientConnectionError
            return answer

        return await self._repeated(once)

    async def _repeated(self, once: Callable[[], Awaitable[T]]) -> T:
        """Every call here may be repeated: what is already so stays so."""
        for attempt in range(TRIES):
            try:
                return await once()
            except TimeoutError:
                break
            except (aiohttp.ClientError, OSError, ValueError):
                if attempt < TRIES - 1:
                    await asyncio.sleep(PAUSE_SECONDS * 4**attempt)
        raise Unavailable(_DOWN)

    @contextlib.asynccontextmanager
    async def _in_turn(self) -> AsyncIterator[None]:
        """Wait for a place among the imports, no longer than the node is alive."""
        try:
            async with self._pulse.watched():
                await self._imports.acquire()
        except TimeoutError:
            raise Unavailable(_DOWN) from None
        try:
            yield
        finally:
            self._imports.release()

    async def _beat(self, seconds: float) -> None:
        """Whether the node answers at all, whatever it says. Raises ``TimeoutError``."""
        limits = aiohttp.ClientTimeout(total=seconds)
        client = self._opened()
        try:
            async with client.session.post(client.api_endpoint("version"), timeout=limits):
                pass
        except TimeoutError:
            raise
        except (aiohttp.ClientError, OSError):
            pass  # refused, or hung up on: the calls that wait hear that themselves

    def _opened(self) -> Any:  # noqa: ANN401 - aioipfs ships no types
        if self._closed:
            raise Unavailable("The block store is closed.")
        if self._client is None:
            where = self._address
            self._client = aioipfs.AsyncIPFS(
                host=where.host,
                port=where.port,
                scheme=where.scheme,
                loop=asyncio.get_running_loop(),
                conns_max=CALLS_AT_ONCE + 1,  # and the pulse
            )
            if where.token is not None:
                # On the session, so that no call of aioipfs's goes without it.
                self._client.session.headers["Authorization"] = f"Bearer {where.token}"
        return self._client


def _full() -> StorageFull:
    return StorageFull("The block store has no room left.")


def _failure(status: int, body: bytes) -> Unavailable | StorageFull:
    """What an answer other than 200 means."""
    try:
        said = str(json.loads(body)["Message"])
    except (ValueError, LookupError, TypeError, RecursionError):
        said = ""
    if any(text in said for text in _FULL):
        return _full()
    return KuboError(status, said[:1000])


def _as_said(message: object) -> bytes:
    return json.dumps({"Message": str(message)}).encode()


def _object(text: bytes) -> Line:
    try:
        value = json.loads(text)
    except RecursionError:
        raise ValueError from None
    if not isinstance(value, dict):
        raise ValueError  # noqa: TRY004 - noise, like anything else that is no JSON
    return value


def _integer(answer: Line, name: str) -> int:
    value = answer.get(name)
    if not isinstance(value, int) or value < 0:
        raise Unavailable(_DOWN)
    return value


def _flag(value: bool) -> str:
    return "true" if value else "false"
