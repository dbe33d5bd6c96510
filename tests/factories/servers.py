"""A real server on loopback in the test's own loop, and people who speak HTTP to it."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import io
import secrets
from collections.abc import AsyncIterator, Iterable, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import aiohttp
from aiohttp import web
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from hygieia.config import Settings, load_settings
from hygieia.domain.account import COLLECTION as ACCOUNTS
from hygieia.domain.sweeper import Sweep, Sweeper
from hygieia.ipld.block import Block
from hygieia.ipld.cid import CID
from hygieia.ipld.ipns import create_record, name_of
from hygieia.openpgp.times import format_time, now
from hygieia.server.app import build_app
from hygieia.server.connections import PATIENCE, Patience, PatientSite
from hygieia.server.logs import configure_logs
from hygieia.server.middleware import SERVICES
from hygieia.server.services import Services
from hygieia.vault.share_note import Share, sign_share
from tests.factories.dags import Dag, ReportParts, car_of
from tests.people import ADA, Person

CAR = "application/vnd.ipld.car"
EMPTIED_SECONDS = 100


@dataclass
class Reply:
    """An answer, read whole."""

    status: int
    headers: Any
    body: bytes
    json: Any

    @property
    def code(self) -> str:
        return str(self.json["code"])


@dataclass
class Api:
    """The server under test and a client for it."""

    url: str
    app: web.Application
    http: aiohttp.ClientSession

    @property
    def services(self) -> Services:
        return self.app[SERVICES]

    async def call(
        self,
        method: str,
        path: str,
        body: object = None,
        *,
        headers: dict[str, str] | None = None,
        data: bytes | None = None,
    ) -> Reply:
        """One request; a ``body`` goes as JSON, ``data`` as it is."""
        content: dict[str, Any] = {"data": io.BytesIO(data)} if data is not None else {}
        if body is not None:
            content["json"] = body
        async with self.http.request(
            method, self.url + path, headers=headers or {}, **content
        ) as answer:
            read = await answer.read()
            is_json = "json" in answer.content_type
            return Reply(
                answer.status, answer.headers, read, await answer.json() if is_json else None
            )

    async def sign_up(self, person: Person = ADA, **changes: Any) -> Member:  # noqa: ANN401  (whatever JSON or arguments it is)
        """A person's account, opened over HTTP."""
        member = Member(self, person)
        reply = await self.call("POST", "/api/v1/accounts", member.sign_up_body() | changes)
        assert reply.status == 201, reply.body
        member.token = reply.json["token"]
        member.signed_up = reply.json
        return member

    async def until_emptied(self, person: Person) -> None:
        """Sweep until a deleted account and all that it had are gone.

        The deletion wakes the server's own sweeper too: while that one has the lease, ours does
        nothing, and the work is done when the account itself is gone, which comes last.
        """
        async with asyncio.timeout(EMPTIED_SECONDS):
            while await self.services.stores.documents.get(ACCOUNTS, person.account) is not None:
                await self.services.sweeper.sweep()
                await asyncio.sleep(0.05)


@dataclass
class Member:
    """Somebody signed in, with a key for IPNS."""

    api: Api
    person: Person
    token: str | None = None
    ipns_key: Ed25519PrivateKey = field(default_factory=Ed25519PrivateKey.generate)
    signed_up: Any = None

    def sign_up_body(self) -> dict[str, Any]:
        seal, recovery = self.person.seal(), self.person.recovery()
        return {
            "account": self.person.account,
            "email": self.person.email,
            "name": "Ada",
            "kdf": {"m": seal.kdf.m, "t": seal.kdf.t, "p": seal.kdf.p},
            "certificate": seal.certificate,
            "sealed_key": seal.sealed_key,
            "seal_mac": seal.mac,
            "login_secret": seal.login_secret,
            "recovery_key": recovery.key,
            "recovery_mac": recovery.mac,
            "revocation": recovery.revocation,
            "ipns_name": self.ipns_name,
        }

    @property
    def ipns_name(self) -> str:
        return name_of(self.ipns_key.public_key().public_bytes_raw())

    async def call(
        self,
        method: str,
        path: str,
        body: object = None,
        *,
        rev: int | None = None,
        headers: dict[str, str] | None = None,
        data: bytes | None = None,
    ) -> Reply:
        """A request with the bearer token, and with If-Match where a rev is given."""
        given = {"Authorization": f"Bearer {self.token}"} | (headers or {})
        if rev is not None:
            given["If-Match"] = f'"{rev}"'
        return await self.api.call(method, path, body, headers=given, data=data)

    async def start_upload(self) -> str:
        reply = await self.call("POST", "/api/v1/uploads", {})
        assert reply.status == 201, reply.body
        return str(reply.json["upload"])

    async def put(self, upload: str, blocks: Iterable[Block]) -> Reply:
        return await self.put_car(upload, car_of(blocks))

    async def put_car(self, upload: str, car: bytes) -> Reply:
        return await self.call(
            "POST", f"/api/v1/uploads/{upload}/blocks", headers={"Content-Type": CAR}, data=car
        )

    async def commit(self, upload: str, roots: Sequence[tuple[str, CID]]) -> Reply:
        reports = [{"id": report, "root": str(root)} for report, root in roots]
        return await self.call("POST", "/api/v1/reports", {"upload": upload, "reports": reports})

    async def upload(self, *dags: Dag) -> list[Any]:
        """Upload and commit; the reports."""
        upload = await self.start_upload()
        stored = await self.put(upload, [block for dag in dags for block in dag.blocks])
        assert stored.status == 200, stored.body
        reply = await self.commit(upload, [(new_id(), dag.root) for dag in dags])
        assert reply.status == 201, reply.body
        await self.call("DELETE", f"/api/v1/uploads/{upload}")
        return [item["report"] for item in reply.json["reports"]]

    async def change(
        self,
        report: Any,  # noqa: ANN401  (whatever JSON or arguments it is)
        dag: Dag,
        kind: str,
        rev: int | None = None,
        *,
        shares: Sequence[str] = (),
    ) -> Reply:
        """Upload a new root's blocks and commit it for a report."""
        reply = await self.call("POST", "/api/v1/uploads", {})
        if reply.status != 201:
            return reply
        upload = reply.json["upload"]
        await self.put(upload, dag.blocks)
        reply = await self.call(
            "PUT",
            f"/api/v1/reports/{report['id']}",
            {"upload": upload, "root": str(dag.root), "change": kind, "shares": list(shares)},
            rev=report["rev"] if rev is None else rev,
        )
        await self.call("DELETE", f"/api/v1/uploads/{upload}")
        return reply

    def share_note(self, report: str, reader: Person, pkesk: str) -> str:
        """A note by this person that ``reader`` was given the packet ``pkesk``."""
        share = Share(report, reader.key.key_id, pkesk, None, format_time(now()))
        return sign_share(self.person.key, share).decode()

    async def share(
        self,
        report: Any,  # noqa: ANN401  (whatever JSON or arguments it is)
        parts: ReportParts,
        *readers: Person,
    ) -> tuple[Reply, ReportParts]:
        """Add readers, one after another in one header, with their notes."""
        shared, notes = parts, []
        for reader in readers:
            before = set(shared.packets())
            shared = shared.with_readers(reader.key.certificate)
            [added] = set(shared.packets()) - before
            notes.append(self.share_note(report["id"], reader, added))
        return await self.change(report, shared.dag(), "readers", shares=notes), shared

    def record(self, root: CID, sequence: int, *, value: str | None = None) -> bytes:
        return create_record(
            self.ipns_key.public_key().public_bytes_raw(),
            self.ipns_key.sign,
            f"/ipfs/{root}" if value is None else value,
            sequence,
            datetime.now(UTC) + timedelta(days=36500),
            300,
        )

    async def change_index(
        self, dag: Dag, *, rev: int, sequence: int, record: bytes | None = None
    ) -> Reply:
        """Upload an index and commit it."""
        upload = await self.start_upload()
        await self.put(upload, dag.blocks)
        made = self.record(dag.root, sequence) if record is None else record
        body = {
            "upload": upload,
            "root": str(dag.root),
            "sequence": sequence,
            "record": base64.b64encode(made).decode(),
        }
        return await self.call("PUT", "/api/v1/index", body, rev=rev)


def new_id() -> str:
    return secrets.token_hex(16)


def settings_in(folder: Path, **overrides: Any) -> Settings:  # noqa: ANN401  (whatever JSON or arguments it is)
    """Settings of a server for tests; fields of ``Settings`` may be overridden."""
    plain = load_settings({}, None, {"data_dir": folder / "data", "port": 0, "host": "127.0.0.1"})
    usual: dict[str, Any] = {
        "log_level": "error",
        "sign_in_attempts_address": 10_000,
        "public_url": "http://127.0.0.1",
    }
    return replace(plain, **usual | overrides)


@contextlib.asynccontextmanager
async def running_api(
    settings: Settings, *, patience: Patience | None = None, swept: bool = True
) -> AsyncIterator[Api]:
    """Serve as ``serve`` does, on a free port.

    Once the server has ``swept`` at its start: until then it has the leases, and a sweep that a
    test begins does nothing.
    """
    import socket

    configure_logs(settings)
    app = build_app(settings)
    first_round = _first_round(app[SERVICES].sweeper)
    if patience is not None:
        app[PATIENCE] = patience
    runner = web.AppRunner(app, shutdown_timeout=5.0)
    await runner.setup()
    bound = socket.create_server(("127.0.0.1", 0))
    bound.setblocking(False)
    await PatientSite(runner, [bound], app[PATIENCE]).start()
    url = f"http://127.0.0.1:{bound.getsockname()[1]}"
    try:
        if swept:
            async with asyncio.timeout(EMPTIED_SECONDS):
                await first_round.wait()
        async with aiohttp.ClientSession(cookie_jar=aiohttp.DummyCookieJar()) as http:
            yield Api(url, app, http)
    finally:
        await runner.cleanup()


def _first_round(sweeper: Sweeper) -> asyncio.Event:
    """Set when the sweeper has ended a round."""
    over = asyncio.Event()
    sweep = sweeper.sweep

    async def told() -> Sweep:
        del sweeper.sweep  # this one, over the class's own
        try:
            return await sweep()
        finally:
            over.set()

    sweeper.sweep = told  # type: ignore[method-assign]  # only looked on
    return over
