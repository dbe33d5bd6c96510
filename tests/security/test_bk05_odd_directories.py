"""BK-05 at the server: a report is ``data.pgp`` and ``meta.pgp``, in the one encoding there is."""

from __future__ import annotations

import pytest

from tests.factories.batches import node_over, raw_directory, refusal
from tests.factories.dags import Dag, directory_dag, envelope_dag, file_dag, report_parts
from tests.factories.servers import Member

PARTS = report_parts()
DATA = envelope_dag(PARTS.header, PARTS.data)
META = envelope_dag(PARTS.header, PARTS.meta)
SYMLINK = node_over(b"\x0a\x0b\x08\x04\x12\x07/etc/pa", [])
SHARD = b"\x08\x05\x12\x01\x00\x28\x22\x30\x80\x80\x80\x80\x04"


def entries(*pairs: tuple[str, Dag]) -> list[tuple[str, Dag]]:
    return list(pairs)


@pytest.mark.parametrize(
    "wrong",
    [
        raw_directory(entries(("data.pgp", DATA), ("meta.pgp", META), ("meta.pgp", META))),
        raw_directory(entries(("data.pgp", DATA), ("meta.pgp", META), ("x", META))),
        raw_directory(entries(("../x", META), ("data.pgp", DATA), ("meta.pgp", META))),
        raw_directory(entries(("meta.pgp", META), ("data.pgp", DATA))),
        raw_directory(entries(("data.pgp", DATA))),
        raw_directory(entries()),
        raw_directory(entries(("Data.pgp", DATA), ("meta.pgp", META))),
        raw_directory(entries(("data.pgp", DATA), ("meta.pgp", META)), data=b"\x08\x01\x18\x00"),
        raw_directory(entries(("00data.pgp", DATA), ("01meta.pgp", META)), data=SHARD),
        raw_directory(entries(("data.pgp", SYMLINK), ("meta.pgp", META))),
        raw_directory(entries(("data.pgp", file_dag(PARTS.data)), ("meta.pgp", META))),
        directory_dag([("data.pgp", directory_dag([("x", DATA)])), ("meta.pgp", META)]),
        DATA,
        file_dag(PARTS.data),
    ],
    ids=[
        "meta twice",
        "one entry more",
        "name with dots",
        "out of order",
        "no meta",
        "empty",
        "capital",
        "not canonical",
        "shard of fanout 2^30",
        "symlink",
        "bare file",
        "directory for a file",
        "an envelope for a report",
        "a leaf for a report",
    ],
)
async def test_other_directories_are_refused(ada: Member, wrong: Dag) -> None:
    assert await refusal(ada, wrong) == "dag-refused"
