"""A vault with its kit, on gateways that behave and gateways that do not."""

from __future__ import annotations

import functools
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from aiohttp import web
from aiohttp.test_utils import TestServer

from hygieia.blocks.embedded import open_embedded
from hygieia.openpgp.kdf import DEFAULT_KDF, stretch
from hygieia.openpgp.recovery_code import make_code
from hygieia.openpgp.sealing import seal_for_recovery, seal_key, seal_revocation
from hygieia.server.gateway import gateway_routes
from hygieia.vault.index import PutReport, SetDigests
from hygieia.vault.kit import Kit
from hygieia.vault.report_build import BuiltReport
from tests.unit.vault.factories import ANY_CID, NOW, Blocks, Vault, ana, ipns_key, make_report

PASSWORD = "correct horse battery staple"
EMAIL = "ana@example.org"
ACCOUNT = "a" * 32


@dataclass(frozen=True)
class Sealed:
    """The slow part of a kit, made once: sealing twice, and a revocation."""

    kit: Kit
    code: str


@functools.cache
def sealed() -> Sealed:
    stretched = stretch(PASSWORD, EMAIL, ACCOUNT, DEFAULT_KDF)
    seal = seal_key(ana(), stretched, email=EMAIL, account=ACCOUNT, params=DEFAULT_KDF)
    code = make_code()
    recovery = seal_for_recovery(ana(), code)
    kit = Kit(
        email=EMAIL,
        account=ACCOUNT,
        kdf=DEFAULT_KDF,
        certificate=seal.certificate,
        sealed_key=seal.armored,
        seal_mac=seal.mac,
        recovery_key=recovery.armored,
        recovery_mac=recovery.mac,
        revocation=seal_revocation(ana(), code),
        ipns_name=ipns_key().name,
        index_cid=ANY_CID,
        sequence=1,
        gateways=("https://gateway.example.org",),
        server="https://vault.example.org",
        created=NOW,
    )
    return Sealed(kit, code)


@dataclass
class KeptVault:
    """A vault, the contents of its reports, and the kit written last."""

    vault: Vault
    contents: dict[str, bytes]
    kit: Kit

    @classmethod
    def new(cls, *contents: bytes) -> KeptVault:
        vault = Vault.new()
        vault.change(SetDigests(sealed().kit.recovery_parts))
        kept = cls(vault, {}, sealed().kit)
        kept.add(*contents)
        kept.write_kit()
        return kept

    def add(self, *contents: bytes, **changes: str) -> list[BuiltReport]:
        """Store reports and renew the index once."""
        built: list[BuiltReport] = []
        for content in contents:
            number = len(self.contents) + len(built) + 1
            words: dict[str, Any] = {
                "file_name": f"befund-{number}.txt",
                "title": f"Befund {number}",
            } | changes
            built.append(make_report(content, **words))
        for report, content in zip(built, contents, strict=True):
            self.vault.blocks.add(*report.blocks)
            self.contents[report.meta.id] = content
        self.vault.change(*(PutReport(report.entry) for report in built))
        return built

    def write_kit(self) -> None:
        state = self.vault.state
        self.kit = replace(self.kit, index_cid=str(state.root), sequence=state.sequence)

    def record(self) -> bytes:
        state = self.vault.state
        return ipns_key().sign_record(state.root, state.sequence, datetime.now(UTC))


@asynccontextmanager
async def gateway(
    folder: Path, blocks: Blocks | None = None, record: bytes | None = None
) -> AsyncIterator[str]:
    """Our own gateway over a real store that holds ``blocks`` and the IPNS record."""
    store = open_embedded(folder)
    if blocks is not None:
        await store.put(list(blocks.blocks.values()))
    if record is not None:
        await store.put_record(ipns_key().name, record)
    app = web.Application()
    app.add_routes(gateway_routes(store))
    async with TestServer(app) as server:
        yield str(server.make_url("")).rstrip("/")
    await store.close()


@asynccontextmanager
async def answering(
    answer: Callable[[web.Request], Awaitable[web.StreamResponse]],
) -> AsyncIterator[str]:
    """A gateway that does whatever a test likes."""
    app = web.Application()
    app.router.add_get("/{path:.*}", answer)
    async with TestServer(app) as server:
        yield str(server.make_url("")).rstrip("/")
