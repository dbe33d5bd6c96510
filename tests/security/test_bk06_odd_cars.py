"""BK-06 at the server: a CAR that is cut short or malformed is refused whole, in bounded memory."""

from __future__ import annotations

import pytest

from hygieia.ipld import dagcbor, varint
from hygieia.ipld.car import car_header, car_section
from hygieia.ipld.cid import CID
from tests.factories.dags import car_of, new_report
from tests.factories.servers import Api, Member

DAG = new_report()
GOOD = DAG.car()
HEADER = car_header([])


def header_of(value: dict[str, dagcbor.Value]) -> bytes:
    octets = dagcbor.encode(value)
    return varint.encode(len(octets)) + octets


@pytest.mark.parametrize(
    "car",
    [
        b"",
        HEADER[:-1],
        GOOD[:-1],
        GOOD[: len(HEADER) + 5],
        GOOD + b"\0",
        GOOD + b"\x80",
        HEADER + b"\0" * 1_000_000,
        HEADER + b"\xff" * 9 + b"\x01",
        HEADER + b"\x80" * 20,
        HEADER + varint.encode(2**62),
        varint.encode(2**62),
        header_of({"version": 2, "roots": []}) + GOOD[len(HEADER) :],
        header_of({"version": 1}) + GOOD[len(HEADER) :],
        car_of(DAG.blocks, [DAG.root]),
        b"\x0a\xa1gversion\x02" + bytes(40),
        b"PK\x03\x04" + bytes(100),
    ],
)
async def test_such_a_batch_is_refused_and_stores_nothing(
    ada: Member, api: Api, car: bytes
) -> None:
    upload = await ada.start_upload()
    reply = await ada.put_car(upload, car)
    assert reply.status in {400, 413, 422}
    assert reply.code in {"block-refused", "limit-exceeded"}
    cids = [block.cid for block in DAG.blocks]
    assert await api.services.stores.blocks.missing(cids) == cids


async def test_too_many_blocks_in_one_batch(ada: Member) -> None:
    upload = await ada.start_upload()
    tiny = car_section(DAG.blocks[0])
    reply = await ada.put_car(upload, HEADER + tiny * 4097)
    assert (reply.status, reply.code) == (422, "limit-exceeded")


async def test_a_good_batch_is_taken_however_it_is_cut_up(ada: Member) -> None:
    upload = await ada.start_upload()
    assert (await ada.put_car(upload, GOOD)).json["stored_blocks"] == len(DAG.blocks)
    assert (await ada.put_car(upload, HEADER)).json["stored_blocks"] == 0
    assert CID.parse(str(DAG.root)) == DAG.root
