"""BK-01 to BK-07: gateways that lie about blocks, trees, CARs and records, to a person's own commands.

Every malformed object has its vector in tests/vectors; this is that nothing of it reaches a file.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from hygieia.blocks.gateway import GatewayReader
from hygieia.client.index_sync import IndexSync
from hygieia.client.session import Session
from hygieia.ipld.block import Block
from hygieia.ipld.builder import leaf
from hygieia.ipld.car import car_header, car_section
from hygieia.ipld.cid import DAG_PB, RAW
from hygieia.ipld.dagpb import Link, encode_node
from hygieia.ipld.ipns import create_record
from hygieia.ipld.unixfs import encode_directory
from hygieia.limits import MAX_BLOCK_BYTES
from hygieia.openpgp.times import now
from tests.running import Person, RunningServer
from tests.security.hostile import Forward, HostileProxy, Reply, Request
from tests.security.victims import (
    BLOOD_TEST,
    CONTENTS,
    SCAN,
    Victim,
    in_vault,
    refused,
    run_here,
    unchanged,
)

VECTORS = Path(__file__).parents[1] / "vectors" / "ipld"


def _lying(change: Callable[[bytes], bytes]) -> Callable[[Request, Forward], Any]:
    """Serves no CARs, and every block changed."""

    async def lie(request: Request, forward: Forward) -> Reply:
        if "format=car" in request.query:
            return Reply(406)
        return Reply(200, change((await forward()).body))

    return lie


BLOCK_LIES: dict[str, Callable[[bytes], bytes]] = {
    "flipped": lambda data: bytes([data[0] ^ 1]) + data[1:],
    "truncated": lambda data: data[:-1],
    "prolonged": lambda data: data + b"\0",
    "empty": lambda _: b"",
    "far too long": lambda _: bytes(16 * MAX_BLOCK_BYTES),
}


@pytest.mark.parametrize("lie", BLOCK_LIES)
def test_bk01_a_wrong_block_reaches_no_file_and_the_next_gateway_is_asked(
    lie: str,
    server: RunningServer,
    proxy: HostileProxy,
    victim: Victim,
    device: Person,
    tmp_path: Path,
) -> None:
    out = tmp_path / "out"
    arguments = ["get", victim.id(SCAN), "-o", str(out), "--gateway"]
    proxy.lie("GET", "/ipfs/.*", _lying(BLOCK_LIES[lie]))
    with unchanged(tmp_path):
        refused(device, *arguments, proxy.address, code="block-refused")
    both = [proxy.address, "--gateway", server.address]
    assert run_here(device, *arguments, *both).exit_code == 0
    assert out.read_bytes() == CONTENTS[SCAN]


def _car(*parts: bytes) -> bytes:
    return car_header() + b"".join(parts)


STRANGER = Block.of(RAW, b"stranger")
CAR_LIES: dict[str, bytes] = {
    "BK-06 a section of 2^63 bytes": _car(b"\x80" * 9 + b"\x01"),
    "BK-06 a million empty sections": _car(bytes(1_000_000)),
    "BK-06 a length without end": _car(b"\xff" * 64),
    "BK-06 version 2": bytes.fromhex("0aa16776657273696f6e02") + bytes(64),
    "BK-06 a stranger's blocks": _car(car_section(STRANGER) * 1000),
    "BK-06 a block that is another": _car(
        car_section(Block(STRANGER.cid, b"another"))  # what a liar would pack
    ),
    "BK-06 cut short": _car(car_section(STRANGER)[:-3]),
    "BK-06 nothing": b"",
    "BK-06 a page": b"<html>hello</html>",
}


@pytest.mark.parametrize("lie", CAR_LIES)
def test_bk06_a_hostile_car_costs_a_detour_and_nothing_else(
    lie: str, proxy: HostileProxy, victim: Victim, device: Person, tmp_path: Path
) -> None:
    """Block by block from the same gateway, the file comes after all."""

    async def answer(request: Request, forward: Forward) -> Reply:
        if "format=car" in request.query:
            return Reply(200, CAR_LIES[lie], {"Content-Type": "application/vnd.ipld.car"})
        return await forward()

    proxy.lie("GET", "/ipfs/.*", answer)
    done = run_here(device, "get", victim.id(SCAN), "-o", str(tmp_path / "out"))
    assert done.exit_code == 0, done
    assert (tmp_path / "out").read_bytes() == CONTENTS[SCAN]


def _two_links(levels: int) -> list[Block]:
    """BK-03: each level links the one below twice: 2^levels leaves in `levels` blocks."""
    block, built = leaf(b"x")
    blocks, cid, tsize = [block], built.cid, built.tsize
    for _ in range(levels):
        octets = encode_directory([Link(cid, name, tsize) for name in ("data.pgp", "meta.pgp")])
        tsize = 2 * tsize + len(octets)
        blocks.append(Block.of(DAG_PB, octets))
        cid = blocks[-1].cid
    return blocks


def _directory(*names: str) -> list[Block]:
    block, built = leaf(b"x")
    links = [Link(built.cid, name, built.tsize) for name in sorted(names)]
    return [block, Block.of(DAG_PB, encode_node(links, b"\x08\x01"))]


def _huge_sizes() -> list[Block]:
    block, built = leaf(b"x")
    links = [Link(built.cid, name, 2**62) for name in ("data.pgp", "meta.pgp")]
    return [block, Block.of(DAG_PB, encode_node(links, b"\x08\x01"))]


DAG_LIES: dict[str, list[Block]] = {
    "BK-03 forty levels of two links": _two_links(40),
    "BK-04 false sizes": _huge_sizes(),
    "BK-05 meta twice": _directory("meta.pgp", "meta.pgp"),
    "BK-05 a third entry": _directory("data.pgp", "meta.pgp", "virus.exe"),
    "BK-05 a way out": _directory("../x", "meta.pgp"),
    "BK-05 no report": _directory("index.html"),
    "BK-05 a HAMT of 2^30": [
        Block.of(DAG_PB, encode_node([], b"\x08\x05\x28\x22\x30\x80\x80\x80\x80\x04"))
    ],
    "BK-05 a symlink": [Block.of(DAG_PB, encode_node([], b"\x08\x04\x12\x0b/etc/passwd"))],
    "BK-05 not dag-pb": [Block.of(DAG_PB, b"\xff" * 100)],
    "plaintext": [Block.of(RAW, b"<html>")],
}


@pytest.mark.parametrize("lie", DAG_LIES)
def test_bk03_to_bk05_a_hostile_tree_is_refused_wherever_it_stands(
    lie: str, proxy: HostileProxy, victim: Victim, device: Person
) -> None:
    """As a report's root and as the index's root."""
    blocks, report = DAG_LIES[lie], victim.id(BLOOD_TEST)
    root = {"root": str(blocks[-1].cid)}
    proxy.serve(blocks)
    proxy.change("GET", f"/api/v1/reports/{report}", lambda answer: answer | root)
    with unchanged(device.home):
        refused(device, "edit", report, "--title", "x", code="dag-refused")
        proxy.change("GET", "/api/v1/index", lambda answer: answer | root)
        refused(device, "ls", code="dag-refused")
    asked = [request for request in proxy.seen if str(root["root"]) in request.path]
    assert len(asked) == 2
    assert len(proxy.asked("GET", "/ipfs/.*")) < 60, "its levels are not walked"


def _text(*octets: int) -> str:
    return "b" + base64.b32encode(bytes(octets)).decode().lower().rstrip("=")


STRANGE_CIDS = {
    "identity": _text(1, 0x55, 0, 4, *b"data"),
    "four bytes of digest": _text(1, 0x55, 0x12, 4, 1, 2, 3, 4),
    "SHA-1": _text(1, 0x55, 0x11, 20, *bytes(20)),
    "git": _text(1, 0x78, 0x12, 32, *bytes(32)),
    "version 0": "QmYwAPJzv5CZsnA625s3Xf2nemtYgPpHdWEz79ojWKoCX1",
    "a path": "bafybeihdwdcefgh4dqkjv67uzcmw7ojee6xedzdetojuzjevtenxquvyku/../x",
    "nothing": "",
}


@pytest.mark.parametrize("cid", STRANGE_CIDS)
def test_bk02_a_strange_cid_is_refused_before_it_is_asked_for(
    cid: str, proxy: HostileProxy, victim: Victim, device: Person
) -> None:
    report, root = victim.id(BLOOD_TEST), {"root": STRANGE_CIDS[cid]}
    for path, command in (
        (f"/api/v1/reports/{report}", ["edit", report, "--title", "x"]),
        ("/api/v1/index", ["ls"]),
    ):
        proxy.behave()
        proxy.change("GET", path, lambda answer: answer | root)
        with unchanged(device.home):
            done = run_here(device, "--json", *command)
        assert done.exit_code in {1, 6}, done
        assert "defect" not in done.stdout.decode()
        assert proxy.after_the_lie() == []


def _eves_record(root: str) -> bytes:
    key = Ed25519PrivateKey.generate()
    public = key.public_key().public_bytes_raw()
    at = now()
    return create_record(public, key.sign, f"/ipfs/{root}", 10**6, at.replace(year=2126), 300)


def _vector_record(name: str) -> bytes:
    return bytes.fromhex(json.loads((VECTORS / f"{name}.json").read_text())["record"])


@pytest.mark.parametrize("lie", ["of Eve", "of hers, expired", "ipns-both", "ipns-oversize", "cut"])
def test_bk07_a_recovery_follows_no_record_that_does_not_verify(
    lie: str, proxy: HostileProxy, victim: Victim, device: Person, new_device: Person
) -> None:
    """It falls back to the index that the kit itself names, and says so."""
    if lie == "of Eve":
        record = _eves_record(victim.cid(BLOOD_TEST))
    elif lie.startswith("ipns-"):
        record = _vector_record(lie)
    else:
        record = in_vault(device, _expired_record)
        record = record[:-10] if lie == "cut" else record
    kind = {"Content-Type": "application/vnd.ipfs.ipns-record"}
    proxy.answer("GET", "/ipns/.*", Reply(200, record, kind))
    arguments = ["recover", str(victim.kit), "--gateway", proxy.address, "--list"]
    done = run_here(new_device, "--json", *arguments)
    assert done.exit_code == 0, done
    document = done.document
    assert document["newest_by_name"] is False
    assert document["index_cid"] == json.loads(victim.kit.read_text())["index_cid"]
    assert document["warnings"]


async def _expired_record(_: Session, index: IndexSync, __: GatewayReader) -> bytes:
    long_ago = now() - timedelta(days=101 * 365)
    return index.ipns_key.sign_record(index.state.root, index.state.sequence, long_ago)
