"""IPNS records over gateways: the highest valid one wins."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

import pytest
from aiohttp import web
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from hygieia.blocks.gateway import GatewayReader
from hygieia.errors import (
    NotFound,
    RecordRefused,
    Unreachable,
)
from hygieia.ipld import ipns
from tests.dags import noise, raw
from tests.unit.blocks.gateways import HASTY, PATIENT, always, answering, serving, stall


@dataclass
class Name:
    key: Ed25519PrivateKey = field(default_factory=Ed25519PrivateKey.generate)

    @property
    def name(self) -> str:
        return ipns.name_of(self.key.public_key().public_bytes_raw())

    def record(self, sequence: int, seed: int = 1, days: int = 1) -> bytes:
        return ipns.create_record(
            self.key.public_key().public_bytes_raw(),
            self.key.sign,
            f"/ipfs/{raw(seed).cid}",
            sequence,
            datetime.now(UTC).replace(microsecond=0) + timedelta(days=days),
            300,
        )


def holding(record: bytes) -> list[web.RouteDef]:
    return always(200, record, Content_Type="application/vnd.ipfs.ipns-record")


async def test_the_highest_valid_sequence_wins() -> None:
    mine = Name()
    newest = mine.record(7)
    async with (
        serving(*holding(mine.record(5))) as old,
        serving(*holding(newest)) as new,
        serving(*holding(Name().record(99))) as forged,
        serving(*holding(mine.record(50, days=-1))) as expired,
        serving(*always(404)) as empty,
        GatewayReader(
            [gateway.url for gateway in (old, new, forged, expired, empty)], patience=PATIENT
        ) as reader,
    ):
        found = await reader.get_record(mine.name)
    assert (found.data, found.record.sequence, found.gateway) == (newest, 7, new.url)
    assert not found.contradicted
    assert [other.sequence for other in found.others] == [5]


async def test_the_others_are_told_apart_by_what_they_name_not_by_their_time() -> None:
    mine = Name()
    async with (
        serving(*holding(mine.record(5))) as one,
        serving(*holding(mine.record(5, days=9))) as renewed,
        serving(*holding(mine.record(7, days=9))) as newest,
        serving(*holding(mine.record(6))) as between,
        GatewayReader(
            [gateway.url for gateway in (one, renewed, newest, between)], patience=PATIENT
        ) as reader,
    ):
        found = await reader.get_record(mine.name)
    assert found.record.sequence == 7
    assert [other.sequence for other in found.others] == [6, 5]
    assert not found.contradicted


async def test_two_values_under_one_sequence_are_told() -> None:
    mine = Name()
    async with (
        serving(*holding(mine.record(5, seed=1))) as one,
        serving(*holding(mine.record(5, seed=2))) as two,
        GatewayReader([one.url, two.url], patience=PATIENT) as reader,
    ):
        assert (await reader.get_record(mine.name)).contradicted


async def test_a_silent_gateway_does_not_hold_the_record_up() -> None:
    mine = Name()
    async with (
        serving(*holding(mine.record(5))) as good,
        serving(*answering(stall)) as silent,
        GatewayReader([silent.url, good.url], patience=HASTY) as reader,
    ):
        assert (await reader.get_record(mine.name)).record.sequence == 5


async def test_the_record_error_says_what_all_gateways_did() -> None:
    mine = Name()
    async with (
        serving(*always(404)) as empty,
        serving(*holding(Name().record(9))) as forged,
        serving(*holding(noise(1, 10_241))) as large,
    ):
        async with GatewayReader([empty.url], patience=PATIENT) as reader:
            with pytest.raises(NotFound):
                await reader.get_record(mine.name)
        async with GatewayReader([empty.url, forged.url, large.url], patience=PATIENT) as reader:
            with pytest.raises(RecordRefused):
                await reader.get_record(mine.name)
        async with GatewayReader(["http://127.0.0.1:9"], patience=PATIENT) as reader:
            with pytest.raises(Unreachable):
                await reader.get_record(mine.name)
