"""BK-01 at the server: a block that is not what its CID says is stored nowhere, nor its batch."""

from __future__ import annotations

import pytest

from hygieia.ipld.block import Block
from hygieia.ipld.car import car_header, section_head
from hygieia.ipld.cid import CID, RAW
from tests.factories.dags import car_of, new_report
from tests.factories.servers import Api, Member


def forged(cid: CID, data: bytes) -> bytes:
    return section_head(cid, len(data)) + data


DAG = new_report()
FIRST = DAG.blocks[0]
OTHER = Block.of(RAW, b"something else")


@pytest.mark.parametrize(
    "section",
    [
        forged(FIRST.cid, FIRST.data[:-1]),
        forged(FIRST.cid, FIRST.data + b"\0"),
        forged(FIRST.cid, bytes([FIRST.data[0] ^ 1]) + FIRST.data[1:]),
        forged(FIRST.cid, b""),
        forged(CID.of(RAW, bytes((2 << 20) + 1)), bytes((2 << 20) + 1)),
    ],
    ids=["cut", "longer", "flipped", "empty", "over 2 MiB"],
)
async def test_the_whole_batch_is_refused(ada: Member, api: Api, section: bytes) -> None:
    upload = await ada.start_upload()
    reply = await ada.put_car(upload, car_of([OTHER]) + section)
    assert reply.status == 422
    assert reply.code in {"block-refused", "limit-exceeded"}
    cids = [OTHER.cid, FIRST.cid]
    assert await api.services.stores.blocks.missing(cids) == cids


async def test_nothing_counts_against_the_account(ada: Member, api: Api) -> None:
    upload = await ada.start_upload()
    await ada.put_car(upload, car_header([]) + forged(FIRST.cid, b"no"))
    usage = await api.services.stores.quotas.usage(ada.person.account)
    assert usage.holds == ()
