"""Every vector in tests/vectors/ipld gives the verdict written in it."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from hygieia.errors import BlockMissing, HygieiaError
from hygieia.ipld import block, ipns, shapes
from hygieia.ipld.block import Block
from hygieia.ipld.car import CarReader
from hygieia.ipld.cid import CID
from hygieia.ipld.unixfs import decode_directory
from hygieia.ipld.walk import read_file

FOLDER = Path(__file__).parents[2] / "vectors" / "ipld"
VECTORS = sorted(FOLDER.glob("*.json"))
CAR_PIECES = (1 << 30, 1, 37)


def octets(value: str | dict[str, Any]) -> bytes:
    if isinstance(value, str):
        return bytes.fromhex(value)
    count: int = value["count"]
    return bytes.fromhex(value["octet"]) * count


def read_cid(vector: dict[str, Any]) -> dict[str, Any]:
    if "text" in vector:
        return {"cid": str(CID.parse(vector["text"]))}
    return {"cid": str(CID.decode(octets(vector["binary"])))}


def read_block(vector: dict[str, Any]) -> dict[str, Any]:
    block.verify(CID.parse(vector["cid"]), octets(vector["data"]))
    return {}


def read_whole_file(vector: dict[str, Any]) -> dict[str, Any]:
    blocks = {CID.parse(cid): octets(data) for cid, data in vector["blocks"].items()}
    asked: list[CID] = []

    def get(cid: CID) -> bytes:
        asked.append(cid)
        if cid not in blocks:
            raise BlockMissing("no such block")
        return blocks[cid]

    try:
        data = b"".join(read_file(CID.parse(vector["root"]), get, path=vector["path"]))
    finally:
        assert len(asked) <= 8, "a hostile file costs no more than a few blocks"
    return {"size_bytes": len(data), "sha256": hashlib.sha256(data).hexdigest()}


def read_directory(vector: dict[str, Any]) -> dict[str, Any]:
    return {"names": [entry.name for entry in decode_directory(octets(vector["data"])).entries]}


def read_report(vector: dict[str, Any]) -> dict[str, Any]:
    node = shapes.read_report(octets(vector["data"]))
    return {"names": [node.data.name, node.meta.name]}


def read_index_root(vector: dict[str, Any]) -> dict[str, Any]:
    node = shapes.read_index_root(octets(vector["data"]))
    links = (node.contents, node.index, node.pairs)
    return {"names": [link.name for link in links if link is not None]}


def read_car(vector: dict[str, Any]) -> dict[str, Any]:
    answers = [read_car_in_pieces(octets(vector["data"]), size) for size in CAR_PIECES]
    assert all(answer == answers[0] for answer in answers)
    return answers[0]


def read_car_in_pieces(data: bytes, size: int) -> dict[str, Any]:
    reader = CarReader()
    found: list[Block] = []
    for start in range(0, len(data), size):
        found += reader.feed(data[start : start + size])
    reader.finish()
    return {
        "roots": [str(cid) for cid in reader.roots or ()],
        "cids": [str(found_block.cid) for found_block in found],
    }


def read_record(vector: dict[str, Any]) -> dict[str, Any]:
    now = datetime.fromisoformat(vector["now"])
    record = ipns.parse_record(vector["name"], octets(vector["record"]), now)
    return {
        "value": record.value,
        "sequence": record.sequence,
        "validity": record.validity.strftime("%Y-%m-%dT%H:%M:%SZ"),
        "ttl_seconds": record.ttl_seconds,
    }


READERS: dict[str, Callable[[dict[str, Any]], dict[str, Any]]] = {
    "cid": read_cid,
    "block": read_block,
    "file": read_whole_file,
    "directory": read_directory,
    "report": read_report,
    "index-root": read_index_root,
    "car": read_car,
    "ipns": read_record,
}


@pytest.mark.parametrize("path", VECTORS, ids=lambda path: path.stem)
def test_a_vector_gives_its_verdict(path: Path) -> None:
    vector = json.loads(path.read_text(encoding="utf-8"))
    try:
        verdict = READERS[vector["kind"]](vector)
    except HygieiaError as error:
        verdict = {"refused": error.code}
    assert verdict == vector["expect"], vector["what"]


def test_there_are_vectors_of_every_kind() -> None:
    kinds = {json.loads(path.read_text(encoding="utf-8"))["kind"] for path in VECTORS}
    assert kinds == set(READERS)
