"""What hostile batches and DAGs are tried with, and how the server is asked about them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace

from hygieia.ipld.block import Block
from hygieia.ipld.builder import Built
from hygieia.ipld.cid import CID, DAG_PB
from hygieia.ipld.dagpb import Link, encode_node
from hygieia.ipld.unixfs import Child, encode_file
from tests.factories.dags import Dag, unique
from tests.factories.servers import Member, new_id

DIRECTORY = b"\x08\x01"


def raw_directory(entries: Sequence[tuple[str, Dag]], *, data: bytes = DIRECTORY) -> Dag:
    """A directory node as given: in any order, with any names."""
    links = [Link(dag.root, name, dag.built.tsize) for name, dag in entries]
    return node_over(encode_node(links, data), [dag for _, dag in entries])


def file_over(parts: Sequence[Dag], children: Sequence[Child] | None = None) -> Dag:
    """A file node over parts, with other claims about them if given."""
    told = children or [Child(p.root, p.built.size_bytes, p.built.tsize) for p in parts]
    return node_over(encode_file(told), parts, size_bytes=sum(c.size_bytes for c in told))


def node_over(octets: bytes, below: Iterable[Dag], *, size_bytes: int = 0) -> Dag:
    """Any dag-pb block over DAGs."""
    dags = list(below)
    block = Block.of(DAG_PB, octets)
    tsize = len(octets) + sum(dag.built.tsize for dag in dags)
    blocks = unique([*(b for dag in dags for b in dag.blocks), block])
    return Dag(Built(block.cid, size_bytes, tsize), blocks)


def claiming(dag: Dag, *, size_bytes: int | None = None, tsize: int | None = None) -> Dag:
    """The same DAG with false claims for whoever links it."""
    built = dag.built
    return replace(
        dag,
        built=Built(
            built.cid,
            built.size_bytes if size_bytes is None else size_bytes,
            built.tsize if tsize is None else tsize,
        ),
    )


async def refusal(member: Member, dag: Dag) -> str:
    """The code with which the server refuses to commit a DAG that was uploaded whole."""
    upload = await member.start_upload()
    stored = await member.put(upload, dag.blocks)
    assert stored.status == 200, stored.body
    return await refusal_of_root(member, upload, dag.root)


async def refusal_of_root(member: Member, upload: str, root: CID) -> str:
    reply = await member.commit(upload, [(new_id(), root)])
    assert reply.status == 207, reply.body
    assert not await member.api.services.stores.blocks.is_pinned(root)
    listed = await member.call("GET", "/api/v1/reports")
    assert listed.json["items"] == []
    return str(reply.json["reports"][0]["error"]["code"])
