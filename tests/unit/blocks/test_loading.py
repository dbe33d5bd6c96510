from __future__ import annotations

import io
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from hygieia.blocks.embedded import EmbeddedBlockStore, open_embedded
from hygieia.blocks.loading import PIN_NAME, import_car, put_ipns_record
from hygieia.errors import BlockRefused, InvalidInput, RecordRefused
from hygieia.ipld import ipns
from hygieia.ipld.car import car_header, car_section, section_head
from tests.dags import linked, noise, raw, report


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[EmbeddedBlockStore]:
    opened = open_embedded(tmp_path)
    yield opened
    await opened.close()


async def test_any_car_is_stored_and_its_roots_are_pinned(store: EmbeddedBlockStore) -> None:
    dag = linked(report(1, 2_000_000), report(9))
    car = car_header([dag.root]) + b"".join(map(car_section, dag.blocks))
    imported = await import_car(store, io.BytesIO(car))
    assert (imported.roots, imported.absent_roots) == ((dag.root,), ())
    assert imported.blocks == len(dag.blocks)
    assert imported.new_bytes == sum(len(block.data) for block in dag.blocks)
    assert await store.is_pinned(dag.root, name=PIN_NAME)
    await store.sweep()
    assert await store.missing(dag.cids) == []


async def test_a_root_that_the_car_does_not_hold_is_named(store: EmbeddedBlockStore) -> None:
    imported = await import_car(store, io.BytesIO(car_header([raw(1).cid]) + car_section(raw(2))))
    assert imported.absent_roots == (raw(1).cid,)
    assert not await store.is_pinned(raw(1).cid)


@pytest.mark.parametrize(
    "car",
    [
        b"",
        b"not a CAR at all, not even nearly",
        car_header([]) + car_section(raw(1))[:-1],
        car_header([]) + section_head(raw(1).cid, 5) + b"wrong",
    ],
)
async def test_a_car_that_is_broken_is_refused_and_pins_nothing(
    store: EmbeddedBlockStore, car: bytes
) -> None:
    with pytest.raises(BlockRefused):
        await import_car(store, io.BytesIO(car))
    assert [pin async for pin in store.pins()] == []
    await store.sweep()
    assert await store.missing([raw(1).cid]) == [raw(1).cid]


async def test_a_record_is_stored_only_under_the_name_that_signed_it(
    store: EmbeddedBlockStore,
) -> None:
    key = Ed25519PrivateKey.from_private_bytes(noise(1, 32))
    public = key.public_key().public_bytes_raw()
    value = f"/ipfs/{raw(1).cid}"
    record = ipns.create_record(public, key.sign, value, 4, datetime(2126, 1, 1, tzinfo=UTC), 300)
    put = await put_ipns_record(store, ipns.name_of(public), record)
    assert put.sequence == 4
    assert await store.get_record(ipns.name_of(public)) == record
    other = ipns.name_of(noise(2, 32))
    with pytest.raises(RecordRefused):
        await put_ipns_record(store, other, record)
    with pytest.raises(InvalidInput):
        await put_ipns_record(store, "nonsense", record)
    assert await store.get_record(other) is None
