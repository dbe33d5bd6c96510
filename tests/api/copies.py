"""Verifying what a server keeps, and asking what it found, by this process and over HTTP."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

from hygieia.domain.verification import Verifier
from hygieia.server.copies import build_verifier
from tests.factories.servers import Api, Member

CONTENT = bytes(range(256)) * 400


@contextlib.asynccontextmanager
async def verifier_of(api: Api, *gateways: str, wanted: int = 1) -> AsyncIterator[Verifier]:
    services = api.services
    settings = replace(services.settings, wanted_copies=wanted, verify_mib_a_second=100_000)
    verifier = build_verifier(settings, services.stores, services.indexes, None, gateways=gateways)
    yield verifier
    await verifier.close()


async def verified(api: Api, *gateways: str, wanted: int = 1) -> Any:  # noqa: ANN401  (counts)
    async with verifier_of(api, *gateways, wanted=wanted) as verifier:
        run = await verifier.run()
        assert run is not None
        assert run.finished is not None
        return run.counts


async def copies_of(member: Member, report: Any) -> Any:  # noqa: ANN401  (as JSON has it)
    reply = await member.call("GET", f"/api/v1/reports/{report['id']}/copies")
    assert reply.status == 200, reply.body
    return reply.json


def packs(api: Api) -> Iterator[Path]:
    """The files in which the server keeps blocks over 8 KiB."""
    folder = api.services.settings.data_dir / "blocks" / "packs"
    return (path for path in folder.rglob("*") if path.is_file())


def damage(api: Api) -> None:
    for pack in packs(api):
        pack.write_bytes(bytes(pack.stat().st_size))


async def copy_to(other: Api, *dags: Any) -> None:  # noqa: ANN401  (tests.factories.dags.Dag)
    for dag in dags:
        await other.services.stores.blocks.put(dag.blocks, holder="copies")
