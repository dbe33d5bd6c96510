"""BK-02 at the server: only version 1, raw or dag-pb, SHA-256, in its one form."""

from __future__ import annotations

import hashlib

import pytest

from hygieia.ipld.car import car_header, section_head
from hygieia.ipld.cid import CID, DAG_CBOR, DAG_PB, IDENTITY, RAW, SHA2_256
from tests.factories.servers import Member, new_id

DATA = b"a block"
DIGEST = hashlib.sha256(DATA).digest()
KINDS = {
    "identity": CID(RAW, IDENTITY, DATA),
    "version 0": CID(DAG_PB, SHA2_256, DIGEST, version=0),
    "dag-cbor": CID(DAG_CBOR, SHA2_256, DIGEST),
    "four octets of digest": CID(RAW, SHA2_256, DIGEST[:4]),
    "SHA-512": CID(RAW, 0x13, hashlib.sha512(DATA).digest()),
}


@pytest.mark.parametrize("kind", KINDS)
async def test_such_blocks_are_not_taken(ada: Member, kind: str) -> None:
    upload = await ada.start_upload()
    cid = KINDS[kind]
    reply = await ada.put_car(upload, car_header([]) + section_head(cid, len(DATA)) + DATA)
    assert (reply.status, reply.code) == (422, "block-refused")


@pytest.mark.parametrize("kind", KINDS)
async def test_such_roots_are_not_committed_nor_asked_for(ada: Member, kind: str) -> None:
    upload = await ada.start_upload()
    text = str(KINDS[kind])
    commit = {"upload": upload, "reports": [{"id": new_id(), "root": text}]}
    for path, body in (
        ("/api/v1/reports", commit),
        (f"/api/v1/uploads/{upload}/missing", {"cids": [text]}),
    ):
        reply = await ada.call("POST", path, body)
        assert (reply.status, reply.code) == (400, "invalid-input")


async def test_nor_is_another_spelling_of_a_good_one(ada: Member) -> None:
    upload = await ada.start_upload()
    good = str(CID.of(RAW, DATA))
    for text in (good.upper(), good + "a", good[:-1], "z" + good[1:], good[:-1] + "9"):
        reply = await ada.call("POST", f"/api/v1/uploads/{upload}/missing", {"cids": [text]})
        assert (reply.status, reply.code) == (400, "invalid-input"), text
