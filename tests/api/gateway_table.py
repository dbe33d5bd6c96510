"""Requests to the gateway and the answers that the specs demand, by section.

Our own table over fixtures built here; the official suite is run by hand (``make conformance``).
TG: https://specs.ipfs.tech/http-gateways/trustless-gateway/, PG: …/path-gateway/, IPNS: …/ipns/.
A row's ``body`` is compared by digest; a header given as a pattern must match in full; a header of
``None`` must be absent.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from hygieia.ipld import dagpb, hamt, ipns
from hygieia.ipld.block import Block
from hygieia.ipld.builder import directory
from hygieia.ipld.car import car_header, car_section
from hygieia.ipld.cid import CID, DAG_PB, IDENTITY, RAW, to_base36
from tests.dags import envelope, file, linked, noise, raw, report

RAW_TYPE = "application/vnd.ipld.raw"
CAR_TYPE = "application/vnd.ipld.car"
RECORD_TYPE = "application/vnd.ipfs.ipns-record"
IMMUTABLE = re.compile(r"public, max-age=(29030400|31536000), immutable")

LEAF = raw(1, 1000)
HELLO = CID(RAW, IDENTITY, b"hello")
ABSENT = raw(2).cid
FILE, FILE_BUILT, FILE_BYTES = envelope(10, 3_000_000)
HEADER_LEAF, *_, PAYLOAD_ROOT, FILE_ROOT = FILE
PAYLOAD_LEAVES = [block for block in FILE if block.cid.codec == RAW][1:]
REPORT = report(20)
DATA_FILE, META_FILE = (dagpb.decode_node(REPORT.blocks[-1].data).links[n].cid for n in (0, 1))
DATA_BYTES = envelope(20, 3000)[2]
GAP, _gap, GAP_BYTES = envelope(30, 2_500_000)
GAP_ROOT = GAP[-1]
GAP_LOST = GAP[2]
TWICE_FILE, TWICE_BUILT = file(noise(40, 500))
TWICE, _twice = directory([("a", TWICE_BUILT), ("b", TWICE_BUILT)])
EMPTY, EMPTY_BUILT = file(b"")
CBOR = linked(REPORT)
SHOWN_AS_NODE = Block.of(DAG_PB, b"\xff\xff no node")


def _shard() -> Block:
    """A sharded directory that fits one shard."""
    links = []
    for name, built in (("first.pgp", TWICE_BUILT), ("second.pgp", FILE_BUILT)):
        place = hamt.murmur3_64(name.encode()) >> 56
        links.append(dagpb.Link(built.cid, f"{place:02X}{name}", built.tsize))
    links.sort(key=lambda link: link.name)
    return Block.of(DAG_PB, dagpb.encode_node(links, b"\x08\x05\x28\x22\x30\x80\x02"))


SHARD = _shard()
STORED = [
    LEAF,
    *FILE,
    *REPORT.blocks,
    *(block for block in GAP if block != GAP_LOST),
    *TWICE_FILE,
    TWICE,
    *EMPTY,
    CBOR.blocks[-1],
    SHARD,
    SHOWN_AS_NODE,
]
KEY = Ed25519PrivateKey.from_private_bytes(noise(50, 32))
PUBLIC = KEY.public_key().public_bytes_raw()
NAME = ipns.name_of(PUBLIC)
RECORD = ipns.create_record(
    PUBLIC, KEY.sign, f"/ipfs/{REPORT.root}", 3, datetime(2126, 1, 1, tzinfo=UTC), 300
)
NAME_ABSENT = ipns.name_of(noise(51, 32))
NAME_BASE32 = "b" + str(CID(0x72, IDENTITY, b"\x08\x01\x12\x20" + PUBLIC))[1:]

Expected = str | re.Pattern[str] | None


@dataclass(frozen=True)
class Row:
    """One request and its answer."""

    name: str
    target: str
    status: int = 200
    sends: Mapping[str, str] = field(default_factory=dict)
    headers: Mapping[str, Expected] = field(default_factory=dict)
    body: bytes | None = None
    method: str = "GET"
    cut_off: bool = False


def car(root: CID, *blocks: Block) -> bytes:
    return car_header([root]) + b"".join(map(car_section, blocks))


def _raw_rows() -> Sequence[Row]:
    path = f"/ipfs/{LEAF.cid}"
    inert: dict[str, Expected] = {
        "Content-Type": RAW_TYPE,
        "Content-Disposition": f'attachment; filename="{LEAF.cid}.bin"',
        "X-Content-Type-Options": "nosniff",
        "Content-Length": "1000",
        "Cache-Control": IMMUTABLE,
        "ETag": f'"{LEAF.cid}.raw"',
        "X-Ipfs-Path": path,
        "X-Ipfs-Roots": str(LEAF.cid),
        "Access-Control-Allow-Origin": "*",
    }
    accept = {"Accept": RAW_TYPE}
    part = {**accept, "Range": "bytes=10-19"}
    upper = "F" + LEAF.cid.encode().hex().upper()
    v0 = str(CID(DAG_PB, 0x12, REPORT.root.digest, 0))
    return (
        Row("TG 2 raw by query", f"{path}?format=raw", headers=inert, body=LEAF.data),
        Row("TG 2 raw by Accept", path, sends=accept, headers=inert, body=LEAF.data),
        Row("TG 2 query before Accept", f"{path}?format=raw", sends={"Accept": CAR_TYPE}, headers=inert),
        Row("TG 2 raw HEAD", path, sends=accept, headers=inert, body=b"", method="HEAD"),
        Row("TG 2 node as raw", f"/ipfs/{REPORT.root}?format=raw", body=REPORT.blocks[-1].data),
        Row("TG 2 CID v0", f"/ipfs/{v0}?format=raw", body=REPORT.blocks[-1].data),
        Row("TG 2 CID base36", f"/ipfs/{to_base36(LEAF.cid.encode())}?format=raw", body=LEAF.data),
        Row("TG 2 CID base16", f"/ipfs/{upper}?format=raw", body=LEAF.data),
        Row("TG 2 identity", f"/ipfs/{HELLO}?format=raw", body=b"hello"),
        Row("TG 2 raw absent", f"/ipfs/{ABSENT}?format=raw", 404, headers={"Cache-Control": "no-store"}),
        Row("TG 2 raw with path", f"/ipfs/{REPORT.root}/data.pgp?format=raw", 400),
        Row("TG 2 no CID", "/ipfs/nonsense?format=raw", 400),
        Row("TG 2 shortened digest", "/ipfs/bafkreadhhnxv?format=raw", 400),
        Row("RFC 9110 14 range", path, 206, part, {"Content-Range": "bytes 10-19/1000"}, LEAF.data[10:20]),
        Row("RFC 9110 14 suffix", path, 206, {**accept, "Range": "bytes=-5"}, body=LEAF.data[-5:]),
        Row("RFC 9110 14 from", path, 206, {**accept, "Range": "bytes=990-"}, body=LEAF.data[990:]),
        Row("RFC 9110 14 over the end", path, 206, {**accept, "Range": "bytes=990-5000"}, body=LEAF.data[990:]),
        Row("RFC 9110 14 beyond", path, 416, {**accept, "Range": "bytes=1000-"}, {"Content-Range": "bytes */1000"}),
        Row("RFC 9110 14 several ranges may be ignored", path, sends={**accept, "Range": "bytes=0-1,5-6"}, body=LEAF.data),
        Row("RFC 9110 14 nonsense is ignored", path, sends={**accept, "Range": "bites=0-1"}, body=LEAF.data),
        Row("RFC 9110 13 If-Range fits", path, 206, {**part, "If-Range": f'"{LEAF.cid}.raw"'}, body=LEAF.data[10:20]),
        Row("RFC 9110 13 If-Range does not", path, sends={**part, "If-Range": '"x"'}, body=LEAF.data),
        Row("RFC 9110 13 ETag", path, 304, {**accept, "If-None-Match": f'"x", W/"{LEAF.cid}.raw"'}, body=b""),
        Row("RFC 9110 13 any ETag", path, 304, {**accept, "If-None-Match": "*"}),
        Row("RFC 9110 13 other ETag", path, sends={**accept, "If-None-Match": '"x"'}, body=LEAF.data),
        Row("PG 3 only-if-cached had", path, sends={**accept, "Cache-Control": "only-if-cached"}),
        Row("PG 3 only-if-cached absent", f"/ipfs/{ABSENT}", 412, {"Cache-Control": "only-if-cached"}),
        Row("PG 4 filename", f"{path}?format=raw&filename=a%22b%0d%0aX:%20y/../c.pgp",
            headers={"Content-Disposition": 'attachment; filename="a_b__X: y_.._c.pgp"', "X": None}),
        Row("PG 4 filename beyond ASCII", f"{path}?format=raw&filename=%C3%A9t%C3%A9.pgp",
            headers={"Content-Disposition": "attachment; filename=\"_t_.pgp\"; filename*=UTF-8''%C3%A9t%C3%A9.pgp"}),
    )  # fmt: skip


def _car_rows() -> Sequence[Row]:
    path = f"/ipfs/{REPORT.root}"
    dir_block = REPORT.blocks[-1]
    by_cid = {block.cid: block for block in REPORT.blocks}
    data_node, meta_node = by_cid[DATA_FILE], by_cid[META_FILE]
    data_blocks = [by_cid[link.cid] for link in dagpb.decode_node(data_node.data).links]
    meta_blocks = [by_cid[link.cid] for link in dagpb.decode_node(meta_node.data).links]
    everything = car(REPORT.root, dir_block, data_node, *data_blocks, meta_node, meta_blocks[1])
    repeated = car(REPORT.root, dir_block, data_node, *data_blocks, meta_node, *meta_blocks)
    data_car = car(DATA_FILE, dir_block, data_node, *data_blocks)
    typed: dict[str, Expected] = {
        "Content-Type": f"{CAR_TYPE}; version=1; order=dfs; dups=n",
        "Content-Disposition": f'attachment; filename="{REPORT.root}.car"',
        "X-Content-Type-Options": "nosniff",
        "Accept-Ranges": "none",
        "Cache-Control": IMMUTABLE,
        "ETag": re.compile(rf'"{REPORT.root}\.car\.[0-9a-f]{{16}}"'),
        "X-Ipfs-Roots": str(REPORT.root),
        "Content-Length": None,
    }
    twice = f"/ipfs/{TWICE.cid}"
    leaf = TWICE_FILE[0]
    return (
        Row("TG 3 CAR by query", f"{path}?format=car", headers=typed, body=everything),
        Row("TG 3 CAR by Accept", path, sends={"Accept": CAR_TYPE}, headers=typed, body=everything),
        Row("TG 3 CAR HEAD", f"{path}?format=car", headers=typed, body=b"", method="HEAD"),
        Row("IPIP-412 dups=y", path, sends={"Accept": f"{CAR_TYPE}; version=1; order=dfs; dups=y"},
            headers={"Content-Type": f"{CAR_TYPE}; version=1; order=dfs; dups=y"}, body=repeated),
        Row("IPIP-412 car-dups=y", f"{path}?format=car&car-dups=y", body=repeated),
        Row("IPIP-412 query before Accept", f"{path}?format=car&car-dups=n", sends={"Accept": f"{CAR_TYPE}; dups=y"}, body=everything),
        Row("IPIP-412 order=unk", f"{path}?format=car&car-order=unk", body=everything),
        Row("IPIP-412 one file twice", f"{twice}?format=car", body=car(TWICE.cid, TWICE, leaf)),
        Row("IPIP-412 one file twice, dups", f"{twice}?format=car&car-dups=y", body=car(TWICE.cid, TWICE, leaf, leaf)),
        Row("IPIP-412 unknown order", f"{path}?format=car&car-order=bfs", 400),
        Row("IPIP-412 unknown dups", f"{path}?format=car&car-dups=maybe", 400),
        Row("TG 3 version 2", f"{path}?format=car&car-version=2", 400),
        Row("IPIP-402 path, all", f"{path}/data.pgp?format=car&dag-scope=all", body=data_car),
        Row("IPIP-402 path, entity", f"{path}/data.pgp?format=car&dag-scope=entity", body=data_car),
        Row("IPIP-402 path, block", f"{path}/data.pgp?format=car&dag-scope=block", body=car(DATA_FILE, dir_block, data_node)),
        Row("IPIP-402 directory, entity", f"{path}?format=car&dag-scope=entity", body=car(REPORT.root, dir_block)),
        Row("IPIP-402 block", f"{path}?format=car&dag-scope=block", body=car(REPORT.root, dir_block)),
        Row("IPIP-402 unknown scope", f"{path}?format=car&dag-scope=some", 400),
        Row("TG 3 sharded, entity", f"/ipfs/{SHARD.cid}?format=car&dag-scope=entity", body=car(SHARD.cid, SHARD)),
        Row("TG 3 through a shard", f"/ipfs/{SHARD.cid}/first.pgp?format=car", body=car(leaf.cid, SHARD, leaf)),
        Row("TG 3 dag-cbor, entity", f"/ipfs/{CBOR.root}?format=car&dag-scope=entity", body=car(CBOR.root, CBOR.blocks[-1])),
        Row("TG 3 through dag-cbor", f"/ipfs/{CBOR.root}/links/0/data.pgp?format=car",
            body=car(DATA_FILE, CBOR.blocks[-1], dir_block, data_node, *data_blocks)),
        Row("TG 3 no such path", f"{path}/nothing?format=car", 404),
        Row("TG 3 path below a file", f"{path}/data.pgp/x?format=car", 404),
        Row("TG 3 path too long", path + "/x" * 65 + "?format=car", 400),
        Row("TG 3 root absent", f"/ipfs/{ABSENT}?format=car", 404),
        Row("TG 3 identity", f"/ipfs/{HELLO}?format=car", body=car(HELLO)),
        Row("TG 3 a node that is none", f"/ipfs/{SHOWN_AS_NODE.cid}?format=car", body=car(SHOWN_AS_NODE.cid, SHOWN_AS_NODE)),
        Row("RFC 9110 13 ETag of a CAR", f"{path}?format=car", 304, {"If-None-Match": "*"}),
    )  # fmt: skip


def _entity_bytes_rows() -> Sequence[Row]:
    path, root, size = (
        f"/ipfs/{FILE_ROOT.cid}?format=car&entity-bytes=",
        FILE_ROOT.cid,
        len(FILE_BYTES),
    )
    payload = (FILE_ROOT, PAYLOAD_ROOT)
    first, second, third = PAYLOAD_LEAVES
    gap = f"/ipfs/{GAP_ROOT.cid}?format=car&entity-bytes="
    whole = car(root, FILE_ROOT, HEADER_LEAF, PAYLOAD_ROOT, *PAYLOAD_LEAVES)
    return (
        Row("IPIP-402 0:*", f"{path}0:*", body=whole),
        Row("IPIP-402 -9999999:*", f"{path}-9999999:*", body=whole),
        Row("IPIP-402 0:0", f"{path}0:0", body=car(root, FILE_ROOT, HEADER_LEAF)),
        Row("IPIP-402 199:200 over the header's edge", f"{path}199:200", body=car(root, FILE_ROOT, HEADER_LEAF, PAYLOAD_ROOT, first)),
        Row("IPIP-402 200:200", f"{path}200:200", body=car(root, *payload, first)),
        Row("IPIP-402 middle", f"{path}{200 + (1 << 20)}:{200 + (1 << 20)}", body=car(root, *payload, second)),
        Row("IPIP-402 -5:*", f"{path}-5:*", body=car(root, *payload, third)),
        Row("IPIP-402 200:-1", f"{path}200:-1", body=car(root, *payload, first, second, third)),
        Row("IPIP-402 over the end", f"{path}{size - 1}:{size + 99}", body=car(root, *payload, third)),
        Row("IPIP-402 beyond the end", f"{path}{size}:*", body=car(root, FILE_ROOT)),
        Row("IPIP-402 directory", f"/ipfs/{REPORT.root}?format=car&entity-bytes=0:9", body=car(REPORT.root, REPORT.blocks[-1])),
        Row("IPIP-402 nonsense", f"{path}a:b", 400),
        Row("IPIP-402 only FROM", f"{path}5", 400),
        Row("IPIP-402 before a gap", f"{gap}0:1000", body=car(GAP_ROOT.cid, GAP_ROOT, GAP[0], GAP[-2], GAP[1])),
        Row("IPIP-402 after a gap", f"{gap}2200000:*", body=car(GAP_ROOT.cid, GAP_ROOT, GAP[-2], GAP[3])),
        Row("TG 3 a gap cuts off", f"{gap}0:*", cut_off=True),
    )  # fmt: skip


def _file_rows() -> Sequence[Row]:
    path, size = f"/ipfs/{REPORT.root}/data.pgp", len(DATA_BYTES)
    large = f"/ipfs/{FILE_ROOT.cid}"
    inert: dict[str, Expected] = {
        "Content-Type": "application/octet-stream",
        "Content-Disposition": 'attachment; filename="data.pgp"',
        "Content-Security-Policy": re.compile(r"sandbox.*"),
        "X-Content-Type-Options": "nosniff",
        "Content-Length": str(size),
        "Accept-Ranges": "bytes",
        "Cache-Control": IMMUTABLE,
        "ETag": f'"{DATA_FILE}"',
        "X-Ipfs-Path": path,
        "X-Ipfs-Roots": f"{REPORT.root},{DATA_FILE}",
        "Access-Control-Allow-Origin": "*",
        "Set-Cookie": None,
    }
    part = {"Range": "bytes=150-249"}
    html = {"Accept": "text/html,application/xhtml+xml,*/*;q=0.8"}
    return (
        Row("PG 2 file by path", path, headers=inert, body=DATA_BYTES),
        Row("CL-09 as octets to a browser too", path, sends=html, headers=inert, body=DATA_BYTES),
        Row("PG 2 file HEAD", path, headers=inert, body=b"", method="HEAD"),
        Row("PG 2 file by its own CID", f"/ipfs/{DATA_FILE}", body=DATA_BYTES),
        Row("PG 2 raw leaf as file", f"/ipfs/{LEAF.cid}", headers={"Content-Length": "1000"}, body=LEAF.data),
        Row("PG 2 large file", large, headers={"Content-Length": str(len(FILE_BYTES))}, body=FILE_BYTES),
        Row("PG 2 empty file", f"/ipfs/{EMPTY_BUILT.cid}", headers={"Content-Length": "0"}, body=b""),
        Row("PG 2 file in a shard", f"/ipfs/{SHARD.cid}/second.pgp", body=FILE_BYTES),
        Row("PG 2 file through dag-cbor", f"/ipfs/{CBOR.root}/links/0/data.pgp", body=DATA_BYTES),
        Row("PG 2 identity", f"/ipfs/{HELLO}/", body=b"hello"),
        Row("RFC 9110 14 range", path, 206, part, {"Content-Range": f"bytes 150-249/{size}", "Content-Length": "100"}, DATA_BYTES[150:250]),
        Row("RFC 9110 14 across leaves", large, 206, {"Range": "bytes=1048000-1049999"}, body=FILE_BYTES[1048000:1050000]),
        Row("RFC 9110 14 suffix", large, 206, {"Range": "bytes=-100"}, body=FILE_BYTES[-100:]),
        Row("RFC 9110 14 HEAD", path, 206, part, {"Content-Length": "100"}, b"", "HEAD"),
        Row("RFC 9110 14 beyond", path, 416, {"Range": f"bytes={size}-"}, {"Content-Range": f"bytes */{size}"}),
        Row("RFC 9110 14 several ranges are answered with the whole", path, 200, {"Range": "bytes=0-9,20-29"},
            {"Content-Range": None, "Content-Length": str(size), "Content-Type": "application/octet-stream"}, DATA_BYTES),
        Row("RFC 9110 14 several ranges of a large file", large, 200, {"Range": "bytes=0-0, -1"}, {"Content-Range": None}, FILE_BYTES),
        Row("RFC 9110 14 a range of something else", path, 200, {"Range": "lines=1-2"}, {"Content-Range": None}, DATA_BYTES),
        Row("RFC 9110 13 If-Range, still it", path, 206, {**part, "If-Range": f'"{DATA_FILE}"'}, body=DATA_BYTES[150:250]),
        Row("RFC 9110 13 If-Range, another one", path, 200, {**part, "If-Range": f'"{META_FILE}"'}, body=DATA_BYTES),
        Row("RFC 9110 13 If-Range, a weak tag", path, 200, {**part, "If-Range": f'W/"{DATA_FILE}"'}, body=DATA_BYTES),
        Row("RFC 9110 13 If-Range, a date", path, 200, {**part, "If-Range": "Sat, 21 Nov 2026 00:00:00 GMT"}, body=DATA_BYTES),
        Row("RFC 9110 13 ETag", path, 304, {"If-None-Match": f'"{DATA_FILE}"'}, body=b""),
        Row("CL-09 directory", f"/ipfs/{REPORT.root}", 406),
        Row("CL-09 directory with slash", f"/ipfs/{REPORT.root}/", 406, html),
        Row("CL-09 sharded directory", f"/ipfs/{SHARD.cid}", 406),
        Row("CL-09 dag-cbor", f"/ipfs/{CBOR.root}", 406),
        Row("CL-09 no node", f"/ipfs/{SHOWN_AS_NODE.cid}", 406),
        Row("CL-09 other formats", f"{path}?format=tar", 406),
        Row("CL-09 other types", path, 406, {"Accept": "application/vnd.ipld.dag-json"}),
        Row("CL-09 nothing", f"/ipfs/{ABSENT}", 404, headers={"Cache-Control": "no-store", "Content-Type": re.compile("text/plain.*")}),
        Row("PG 2 no such entry", f"/ipfs/{REPORT.root}/nothing.pgp", 404),
        Row("PG 2 a gap cuts off", f"/ipfs/{GAP_ROOT.cid}", headers={"Content-Length": str(len(GAP_BYTES))}, cut_off=True),
        Row("PG 5 preflight", path, 204, {"Origin": "https://example.org"}, {
            "Access-Control-Allow-Origin": "*",
            "Access-Control-Allow-Methods": "GET, HEAD, OPTIONS",
            "Access-Control-Allow-Headers": re.compile(".*Content-Type.*Range.*User-Agent.*X-Requested-With.*If-None-Match.*If-Range.*"),
            "Access-Control-Expose-Headers": re.compile(".*Accept-Ranges.*Content-Length.*Content-Range.*X-Chunked-Output.*X-Ipfs-Path.*X-Ipfs-Roots.*X-Stream-Output.*"),
        }, method="OPTIONS"),
        Row("PG 1 nothing is written", path, 405, method="POST"),
    )  # fmt: skip


def _record_rows() -> Sequence[Row]:
    path = f"/ipns/{NAME}"
    typed: dict[str, Expected] = {
        "Content-Type": RECORD_TYPE,
        "Content-Disposition": f'attachment; filename="{NAME}.ipns-record"',
        "Cache-Control": "public, max-age=300",
        "X-Content-Type-Options": "nosniff",
        "Access-Control-Allow-Origin": "*",
    }
    return (
        Row("TG 4 record by query", f"{path}?format=ipns-record", headers=typed, body=RECORD),
        Row(
            "TG 4 record by Accept", path, sends={"Accept": RECORD_TYPE}, headers=typed, body=RECORD
        ),
        Row("TG 4 name in base32", f"/ipns/{NAME_BASE32}?format=ipns-record", body=RECORD),
        Row(
            "TG 4 record HEAD", f"{path}?format=ipns-record", headers=typed, body=b"", method="HEAD"
        ),
        Row("TG 4 absent", f"/ipns/{NAME_ABSENT}?format=ipns-record", 404),
        Row("TG 4 no name", "/ipns/nonsense?format=ipns-record", 400),
        Row("TG 4 no key's name", f"/ipns/{REPORT.root}?format=ipns-record", 400),
        Row("TG 4 nothing is resolved", path, 406),
        Row("TG 4 record under /ipfs/", f"/ipfs/{REPORT.root}?format=ipns-record", 400),
        Row("TG 4 ETag", f"{path}?format=ipns-record", 304, {"If-None-Match": "*"}),
    )


ROWS = (*_raw_rows(), *_car_rows(), *_entity_bytes_rows(), *_file_rows(), *_record_rows())
