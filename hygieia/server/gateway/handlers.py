"""The trustless gateway: raw blocks, CARs, IPNS records, and whole files by path.

Specs: https://specs.ipfs.tech/http-gateways/trustless-gateway/ and, for files alone,
https://specs.ipfs.tech/http-gateways/path-gateway/. docs/spec/08-gateway.md says what is served.
"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
from typing import TYPE_CHECKING, Final

from aiohttp import web

from hygieia.errors import BlockMissing, DagRefused, HygieiaError, InvalidInput, NotFound
from hygieia.ipld import ipns, unixfs
from hygieia.ipld.car import car_header, section_head
from hygieia.ipld.cid import CID, DAG_PB, RAW, parse_any
from hygieia.ipld.unixfs import Kind
from hygieia.limits import CHUNK_BYTES
from hygieia.server.gateway import answers, asked
from hygieia.server.gateway.asked import Format, NotAcceptable
from hygieia.server.gateway.feed import CarFeed
from hygieia.server.gateway.files import file_bytes_in_bulk
from hygieia.server.gateway.paths import Followed, follow
from hygieia.server.gateway.relaying import plain_socket, relay_file
from hygieia.server.gateway.sending import send_pieces

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from hygieia.blocks.bulk import BulkReads
    from hygieia.blocks.port import BlockStore
    from hygieia.server.gateway.sending import Piece

SMALL_WRITE_BYTES: Final = 1 << 16
MAX_RECORD_CACHE_SECONDS: Final = 31536000


class Gateway:
    """Handlers over one block store. It serves what is there and fetches nothing."""

    def __init__(self, blocks: BlockStore, bulk: BulkReads | None = None) -> None:
        self._blocks = blocks
        self._bulk = bulk

    async def options(self, _request: web.Request) -> web.Response:
        """Preflight requests from other origins."""
        return web.Response(status=204, headers=answers.CORS)

    async def ipfs(self, request: web.Request) -> web.StreamResponse:
        """``GET /ipfs/{cid}[/path]``."""
        try:
            return await self._ipfs(request)
        except HygieiaError as error:
            return answers.refusal(error)

    async def ipns(self, request: web.Request) -> web.StreamResponse:
        """``GET /ipns/{name}``: the signed record, nothing is resolved."""
        try:
            return await self._ipns(request)
        except HygieiaError as error:
            return answers.refusal(error)

    async def _ipfs(self, request: web.Request) -> web.StreamResponse:
        root_text, *segments = request.match_info["path"].split("/")
        segments = [segment for segment in segments if segment]
        if len(segments) > asked.MAX_PATH_SEGMENTS:
            raise InvalidInput("The path is too long.")
        root = parse_any(root_text)
        accept = request.headers.get("Accept", "")
        wanted = asked.wanted_format(request.query, accept)
        if wanted is Format.RECORD:
            raise InvalidInput("IPNS records are served under /ipns/.")
        parameters = asked.car_parameters(request.query, accept) if wanted is Format.CAR else None
        if await self._blocks.size(root) is None:
            if "only-if-cached" in request.headers.get("Cache-Control", ""):
                return answers.plain(412, "The block is not here.")
            raise BlockMissing("The block is not here.")
        way = await follow(self._blocks, root, segments)
        if wanted is Format.RAW:
            return await self._raw(request, way)
        if parameters is not None:
            return await self._car(request, way, parameters)
        return await self._file(request, way, segments[-1] if segments else root_text)

    # -- raw blocks --------------------------------------------------------------------------

    async def _raw(self, request: web.Request, way: Followed) -> web.Response:
        if way.passed:
            raise InvalidInput("A raw block is asked for by its own CID, without a path.")
        size_bytes = await self._blocks.size(way.end)
        if size_bytes is None:
            raise BlockMissing("The block is not here.")
        headers = answers.content_headers(request.rel_url.raw_path, way.roots)
        headers["ETag"] = f'"{way.end}.raw"'
        headers["Content-Type"] = asked.RAW_TYPE
        headers["Content-Disposition"] = _disposition(request, f"{way.end}.bin")
        headers["Accept-Ranges"] = "bytes"
        if asked.matches(request.headers.get("If-None-Match"), headers["ETag"]):
            return answers.not_modified(headers)
        try:
            part = asked.byte_range(_range(request, headers["ETag"]), size_bytes)
        except ValueError:
            return _unsatisfiable(size_bytes)
        first, end = part or (0, size_bytes)
        if part is not None:
            headers["Content-Range"] = f"bytes {first}-{end - 1}/{size_bytes}"
        status = 200 if part is None else 206
        if request.method == "HEAD":
            headers["Content-Length"] = str(end - first)
            return web.Response(status=status, headers=headers)
        data = await self._blocks.get(way.end)
        return web.Response(status=status, headers=headers, body=memoryview(data)[first:end])

    # -- CARs --------------------------------------------------------------------------------

    async def _car(
        self, request: web.Request, way: Followed, wanted: asked.CarParameters
    ) -> web.StreamResponse:
        if await self._blocks.size(way.end) is None:
            raise BlockMissing("The block at the end of the path is not here.")
        headers = answers.content_headers(request.rel_url.raw_path, way.roots)
        variant = repr((way.passed, way.end, wanted)).encode()
        headers["ETag"] = f'"{way.roots[0]}.car.{hashlib.sha256(variant).hexdigest()[:16]}"'
        headers["Content-Type"] = wanted.media_type
        headers["Content-Disposition"] = _disposition(request, f"{way.end}.car")
        headers["Accept-Ranges"] = "none"
        if asked.matches(request.headers.get("If-None-Match"), headers["ETag"]):
            return answers.not_modified(headers)
        response = web.StreamResponse(headers=headers)
        if request.method == "HEAD":
            await response.prepare(request)
            return response
        feed = CarFeed(self._blocks, way.passed, way.end, wanted, self._bulk)
        return await send_pieces(request, response, _car_pieces(feed, way.end))

    # -- files -------------------------------------------------------------------------------

    async def _file(self, request: web.Request, way: Followed, name: str) -> web.StreamResponse:
        size_bytes = await self._file_size(way.end)
        headers = answers.content_headers(request.rel_url.raw_path, way.roots)
        headers["ETag"] = f'"{way.end}"'
        headers["Content-Type"] = "application/octet-stream"
        headers["Content-Disposition"] = _disposition(request, name)
        headers["Accept-Ranges"] = "bytes"
        if asked.matches(request.headers.get("If-None-Match"), headers["ETag"]):
            return answers.not_modified(headers)
        try:
            part = asked.byte_range(_range(request, headers["ETag"]), size_bytes)
        except ValueError:
            return _unsatisfiable(size_bytes)
        first, end = part or (0, size_bytes)
        if part is not None:
            headers["Content-Range"] = f"bytes {first}-{end - 1}/{size_bytes}"
        headers["Content-Length"] = str(end - first)
        response = web.StreamResponse(status=200 if part is None else 206, headers=headers)
        if request.method == "HEAD" or first == end:
            await response.prepare(request)
            return response
        return await self._send_file(request, response, way.end, (first, end))

    async def _send_file(
        self, request: web.Request, response: web.StreamResponse, cid: CID, part: tuple[int, int]
    ) -> web.StreamResponse:
        """Send a part of a file, in bulk where that is offered: see docs/adr/0015."""
        first, end = part
        bulk, sink, relayed = self._bulk, plain_socket(request), 0
        if bulk is not None and bulk.can_relay and sink is not None and end - first > CHUNK_BYTES:
            relayed = await relay_file(request, response, sink, bulk, (cid, first, end))
            bulk = None if relayed else bulk
        content = file_bytes_in_bulk(self._blocks, bulk, cid, first + relayed, end)
        try:
            # Closed here, or else a client that goes away leaves that to the garbage collector.
            async with contextlib.aclosing(content):
                return await send_pieces(request, response, ((b"", data) async for data in content))
        except HygieiaError:
            if not relayed:
                raise
            answers.cut_off(request)  # an error cannot be said in the middle of an answer
            return response

    async def _file_size(self, cid: CID) -> int:
        """A file's size. Raises ``NotAcceptable`` for what is no file (CL-09)."""
        if cid.codec == RAW:
            size_bytes = await self._blocks.size(cid)
            if size_bytes is None:
                raise BlockMissing("The block is not here.")
            return size_bytes
        if cid.codec == DAG_PB:
            try:
                node = unixfs.decode_any(await self._blocks.get(cid))
            except DagRefused:
                raise NotAcceptable("This is no file; ask for it as a raw block or CAR.") from None
            if node.kind in (Kind.FILE, Kind.RAW):
                return node.size_bytes
        raise NotAcceptable("Only files are served as such; ask for a raw block or CAR.")

    # -- IPNS records ------------------------------------------------------------------------

    async def _ipns(self, request: web.Request) -> web.Response:
        name = request.match_info["name"]
        wanted = asked.wanted_format(request.query, request.headers.get("Accept", ""))
        if wanted is not Format.RECORD:
            raise NotAcceptable("Under /ipns/ only signed records are served (format=ipns-record).")
        public_key = ipns.public_key_of_any(name)
        data = await self._blocks.get_record(ipns.name_of(public_key))
        if data is None:
            raise NotFound("There is no record of that name here.")
        record = await asyncio.to_thread(ipns.verify_record, public_key, data)
        ttl_seconds = min(record.ttl_seconds, MAX_RECORD_CACHE_SECONDS)
        headers = {
            **answers.CORS,
            **answers.INERT,
            "Cache-Control": f"public, max-age={ttl_seconds}",
            "Content-Type": asked.RECORD_TYPE,
            "Content-Disposition": _disposition(request, f"{name}.ipns-record"),
            "ETag": f'"{hashlib.sha256(data).hexdigest()[:32]}"',
            "Vary": "Accept",
            "X-Ipfs-Path": request.rel_url.raw_path,
        }
        if asked.matches(request.headers.get("If-None-Match"), headers["ETag"]):
            return answers.not_modified(headers)
        return web.Response(body=data, headers=headers)


def gateway_routes(blocks: BlockStore, bulk: BulkReads | None = None) -> list[web.RouteDef]:
    """The gateway's routes, for the application to mount; ``bulk`` where the store offers it."""
    gateway = Gateway(blocks, bulk)
    return [
        web.get("/ipfs/{path:.+}", gateway.ipfs),
        web.options("/ipfs/{path:.+}", gateway.options),
        web.get("/ipns/{name}", gateway.ipns),
        web.options("/ipns/{name}", gateway.options),
    ]


async def _car_pieces(feed: CarFeed, root: CID) -> AsyncIterator[Piece]:
    """A CAR as pieces; small ones together, since each write costs a system call."""
    pending = bytearray(car_header([root]))
    async for cid, data in feed:
        pending += section_head(cid, len(data))
        if len(data) < SMALL_WRITE_BYTES:
            pending += data
            if len(pending) < SMALL_WRITE_BYTES:
                continue
            data = b""  # noqa: PLW2901  (it stands in what is pending)
        yield bytes(pending), data
        pending.clear()
    yield bytes(pending), b""


def _disposition(request: web.Request, default: str) -> str:
    return asked.attachment(request.query.get("filename") or default)


def _range(request: web.Request, etag: str) -> str | None:
    """The Range header, unless If-Range says that it was meant for something else."""
    condition = request.headers.get("If-Range")
    if condition is not None and condition.strip() != etag:
        return None
    return request.headers.get("Range")


def _unsatisfiable(size_bytes: int) -> web.Response:
    extra = {"Content-Range": f"bytes */{size_bytes}"}
    return answers.plain(416, "That range is not in the file.", extra)
