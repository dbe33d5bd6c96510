"""CL-05: plaintext and DAGs that are not all here are refused; nothing is fetched."""

from __future__ import annotations

import pytest

from hygieia.openpgp.packets import Tag, write_header
from hygieia.openpgp.payload import encrypt_bytes
from tests.factories.dags import Dag, new_report, report_dag, report_parts
from tests.factories.servers import Api, Member, new_id

PARTS = report_parts()
TEXT = b"%PDF-1.7 a plain report, not encrypted at all " * 20
SEIPD_V1 = write_header(Tag.SEIPD, 300) + b"\x01" + bytes(299)
OCB = PARTS.data[:3] + b"\x02\x09\x02\x0c" + PARTS.data[7:]
OTHER_CHUNKS = PARTS.data[:3] + b"\x02\x09\x03\x06" + PARTS.data[7:]


async def commit(member: Member, dag: Dag) -> tuple[str, list[str] | None]:
    upload = await member.start_upload()
    await member.put(upload, dag.blocks)
    reply = await member.commit(upload, [(new_id(), dag.root)])
    (item,) = reply.json["reports"]
    assert reply.status == 207
    assert not await member.api.services.stores.blocks.is_pinned(dag.root)
    return item["error"]["code"], item["error"].get("missing")


@pytest.mark.parametrize(
    ("header", "data", "meta"),
    [
        (PARTS.header, TEXT, PARTS.meta),
        (PARTS.header, PARTS.data, TEXT),
        (TEXT, PARTS.data, PARTS.meta),
        (PARTS.header + TEXT, PARTS.data, PARTS.meta),
        (PARTS.header[:-1], PARTS.data, PARTS.meta),
        (PARTS.header, PARTS.header + PARTS.data, PARTS.meta),
        (PARTS.header, SEIPD_V1, PARTS.meta),
        (PARTS.header, OCB, PARTS.meta),
        (PARTS.header, OTHER_CHUNKS, PARTS.meta),
        (PARTS.header, PARTS.data[:40], PARTS.meta),
    ],
    ids=[
        "plaintext data",
        "plaintext meta",
        "plaintext header",
        "plaintext after the recipients",
        "header cut short",
        "recipients inside the payload",
        "SEIPD version 1",
        "OCB",
        "other chunk size",
        "payload cut short",
    ],
)
async def test_what_is_no_envelope_is_refused(
    ada: Member, header: bytes, data: bytes, meta: bytes
) -> None:
    assert await commit(ada, report_dag(header, data, meta)) == ("envelope-refused", None)


async def test_a_missing_block_is_named_whichever_it_is(ada: Member) -> None:
    dag = new_report(bytes(3 << 20))
    whole = {str(block.cid) for block in dag.blocks}
    upload = await ada.start_upload()
    for _ in dag.blocks:
        reply = await ada.commit(upload, [(new_id(), dag.root)])
        (item,) = reply.json["reports"]
        assert item["error"]["code"] == "block-missing"
        named = set(item["error"]["missing"])
        assert named
        assert named <= whole
        wanted = [b for b in dag.blocks if str(b.cid) in named]
        await ada.put(upload, wanted[:1])
    assert (await ada.commit(upload, [(new_id(), dag.root)])).status == 201


async def test_the_header_must_be_the_same_leaf_in_both_files(ada: Member) -> None:
    other = report_parts()
    dag = report_dag(PARTS.header, PARTS.data, PARTS.meta, meta_header=other.header)
    assert (await commit(ada, dag))[0] == "dag-refused"


async def test_a_meta_over_its_limit_is_refused(ada: Member) -> None:
    meta = encrypt_bytes(bytes(1_200_000), PARTS.session_key)
    assert (await commit(ada, report_dag(PARTS.header, PARTS.data, meta)))[0] == "envelope-refused"


async def test_nothing_is_fetched_for_a_cid_that_is_not_here(ada: Member, api: Api) -> None:
    # The server has no client for anything: its stores answer at once, and only for themselves.
    absent = new_report()
    upload = await ada.start_upload()
    reply = await ada.commit(upload, [(new_id(), absent.root)])
    (item,) = reply.json["reports"]
    assert item["error"]["missing"] == [str(absent.root)]
