"""BK-04 at the server: every size that a node claims is exact, or the DAG is refused."""

from __future__ import annotations

import pytest

from hygieia.ipld.dagpb import Link, encode_node
from hygieia.ipld.unixfs import Child, encode_file
from tests.factories.batches import DIRECTORY, claiming, file_over, node_over, refusal
from tests.factories.dags import Dag, directory_dag, envelope_dag, file_dag, report_parts
from tests.factories.servers import Member

PARTS = report_parts(bytes(2_500_000))
HEADER = file_dag(PARTS.header)
PAYLOAD = file_dag(PARTS.data)
META = envelope_dag(PARTS.header, PARTS.meta)


def child(dag: Dag, *, size: int = 0, tsize: int = 0) -> Child:
    return Child(dag.root, dag.built.size_bytes + size, dag.built.tsize + tsize)


def report_over(data: Dag) -> Dag:
    return directory_dag([("data.pgp", data), ("meta.pgp", META)])


@pytest.mark.parametrize(
    ("header", "payload"),
    [
        (child(HEADER, size=1, tsize=1), child(PAYLOAD)),
        (child(HEADER, size=-1, tsize=-1), child(PAYLOAD)),
        (child(HEADER), child(PAYLOAD, size=1)),
        (child(HEADER), child(PAYLOAD, size=-1)),
        (child(HEADER), child(PAYLOAD, tsize=1)),
        (child(HEADER), child(PAYLOAD, tsize=-1)),
        (child(HEADER, tsize=1), child(PAYLOAD)),
    ],
)
async def test_false_sizes_in_an_envelopes_node(ada: Member, header: Child, payload: Child) -> None:
    data = file_over([HEADER, PAYLOAD], [header, payload])
    assert await refusal(ada, report_over(data)) == "dag-refused"


@pytest.mark.parametrize("off", [-1, 1, 2**40])
async def test_a_false_tsize_in_the_directory(ada: Member, off: int) -> None:
    data = envelope_dag(PARTS.header, PARTS.data)
    false = claiming(data, tsize=data.built.tsize + off)
    assert await refusal(ada, report_over(false)) in {"dag-refused", "quota-exceeded"}


async def test_leaves_of_other_sizes_than_told(ada: Member) -> None:
    # Inner nodes whose leaves are swapped: each size is somewhere, none is where it should be.
    leaves = [file_dag(PARTS.data[s : s + (1 << 20)]) for s in range(0, len(PARTS.data), 1 << 20)]
    told = [Child(leaf.root, len(leaf.blocks[0].data), leaf.built.tsize) for leaf in leaves]
    swapped = [
        Child(leaf.root, claim.size_bytes, claim.tsize)
        for leaf, claim in zip(reversed(leaves), told, strict=True)
    ]
    payload = claiming(file_over(leaves, swapped), tsize=PAYLOAD.built.tsize)
    assert await refusal(ada, report_over(file_over([HEADER, payload]))) == "dag-refused"


async def test_sizes_beyond_all_bounds_allocate_nothing(ada: Member) -> None:
    for size in (2**63, 2**64 - 1):
        octets = encode_file([child(HEADER), Child(PAYLOAD.root, size, size)])
        data = node_over(octets, [HEADER, PAYLOAD])
        assert await refusal(ada, report_over(data)) == "dag-refused"
    links = [Link(META.root, "data.pgp", 2**62), Link(META.root, "meta.pgp", META.built.tsize)]
    huge = node_over(encode_node(links, DIRECTORY), [META])
    assert await refusal(ada, huge) in {"dag-refused", "quota-exceeded"}
