"""Writes the IPLD vectors that are not there yet; never touches one that is."""

from __future__ import annotations

import hashlib
import json
import random
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from hygieia.ipld import dagpb, varint
from hygieia.ipld.block import Block
from hygieia.ipld.builder import Built, FileBuilder, directory, join, leaf
from hygieia.ipld.car import car_header, car_section
from hygieia.ipld.cid import CID, DAG_PB, RAW
from hygieia.ipld.dagpb import Link
from hygieia.ipld.protobuf import bytes_field
from hygieia.ipld.unixfs import Child, encode_file

FOLDER = Path(__file__).parent
MIB = 1 << 20
DAG_REFUSED = {"refused": "dag-refused"}
BLOCK_REFUSED = {"refused": "block-refused"}
CID_REFUSED = {"refused": "invalid-input"}

HEADER, HEADER_BUILT = leaf(random.Random(1).randbytes(40))
PAYLOAD, PAYLOAD_BUILT = leaf(random.Random(2).randbytes(60))
NODE, NODE_BUILT = join(HEADER_BUILT, PAYLOAD_BUILT)


def write(name: str, what: str, kind: str, expect: dict[str, Any], /, **given: object) -> None:
    path = FOLDER / f"{name}.json"
    if not path.exists():
        vector = {"what": what, "kind": kind, **given, "expect": expect}
        path.write_text(json.dumps(vector, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


def octets(data: bytes) -> object:
    if len(data) > 4096 and len(set(data)) == 1:
        return {"octet": data[:1].hex(), "count": len(data)}
    return data.hex()


def file(name: str, what: str, root: Block, below: Iterable[Block], expect: dict[str, Any]) -> None:
    blocks = {str(block.cid): octets(block.data) for block in (root, *below)}
    write(name, what, "file", expect, root=str(root.cid), path=[], blocks=blocks)


def node(data: bytes) -> Block:
    return Block(CID.of(DAG_PB, data), data)


def content(data: bytes) -> dict[str, Any]:
    return {"size_bytes": len(data), "sha256": hashlib.sha256(data).hexdigest()}


def child(built: Built, **other: int) -> Child:
    return Child(
        built.cid, other.get("size_bytes", built.size_bytes), other.get("tsize", built.tsize)
    )


def cids() -> None:
    good = NODE.cid.encode()
    write("cid-raw", "a raw leaf's CID", "cid", {"cid": str(HEADER.cid)}, text=str(HEADER.cid))
    write("cid-binary", "a node's CID in binary", "cid", {"cid": str(NODE.cid)}, binary=good.hex())
    bad: dict[str, tuple[str, bytes]] = {
        "cid-identity": ("an identity CID holds its data itself", b"\x01\x55\x00\x01\x41"),
        "cid-short-digest": ("a SHA-256 digest of 4 octets", b"\x01\x55\x12\x04" + good[4:8]),
        "cid-other-hash": ("SHA-512", b"\x01\x55\x13\x40" + bytes(64)),
        "cid-other-codec": ("dag-cbor", b"\x01\x71\x12\x20" + good[4:]),
        "cid-version-0": ("version 0", b"\x12\x20" + good[4:]),
        "cid-version-2": ("version 2", b"\x02" + good[1:]),
        "cid-long-varint": ("the version as a varint of two octets", b"\x81\x00" + good[1:]),
        "cid-trailing": ("one octet too many", good + b"\x00"),
        "cid-cut": ("one octet too few", good[:-1]),
    }
    for name, (what, data) in bad.items():
        write(name, what, "cid", CID_REFUSED, binary=data.hex())
    text = str(NODE.cid)
    upper, multibase = text.upper(), "f" + good.hex()
    write("cid-upper-case", "base32 in capitals", "cid", CID_REFUSED, text=upper)
    write("cid-base16", "another multibase", "cid", CID_REFUSED, text=multibase)
    stray = text[:-1] + chr(ord(text[-1]) + 1)
    write("cid-stray-bits", "the unused last bits are not 0", "cid", CID_REFUSED, text=stray)


def blocks() -> None:
    cid = str(HEADER.cid)
    write("block", "a block that is what it says", "block", {}, cid=cid, data=HEADER.data.hex())
    wrong = bytes((HEADER.data[0] ^ 1,)) + HEADER.data[1:]
    what = "one bit is wrong: the digest does not match"
    write("block-mis-hashed", what, "block", BLOCK_REFUSED, cid=cid, data=wrong.hex())
    large = bytes(2 * MIB + 1)
    what = "2 MiB and one octet, rightly hashed"
    write(
        "block-oversize",
        what,
        "block",
        BLOCK_REFUSED,
        cid=str(CID.of(RAW, large)),
        data=octets(large),
    )


def good_files() -> None:
    both = HEADER.data + PAYLOAD.data
    file("file-envelope", "a header leaf and a payload", NODE, [HEADER, PAYLOAD], content(both))
    empty, _ = leaf(b"")
    file("file-empty", "an empty file is one empty leaf", empty, [], content(b""))
    data = bytes(2 * MIB + 7)
    builder = FileBuilder()
    tree = builder.update(data)
    rest, built = builder.finish()
    tree += rest
    root = next(block for block in tree if block.cid == built.cid)
    file("file-three-leaves", "a tree of three leaves, two alike", root, tree, content(data))


def bad_files() -> None:
    below = [HEADER, PAYLOAD]
    h, p = child(HEADER_BUILT), child(PAYLOAD_BUILT)

    def refused(name: str, what: str, data: bytes, more: Iterable[Block] = below) -> None:
        file(name, what, node(data), more, DAG_REFUSED)

    missing = {"refused": "block-missing"}
    file("file-missing-block", "the payload's block is nowhere", NODE, [HEADER], missing)
    lie = Block(PAYLOAD.cid, HEADER.data)
    file("file-mis-hashed-block", "another block in place", NODE, [HEADER, lie], BLOCK_REFUSED)
    refused(
        "file-wrong-block-size",
        "block sizes that add up, but each is off by one",
        encode_file(
            [
                child(HEADER_BUILT, size_bytes=39, tsize=39),
                child(PAYLOAD_BUILT, size_bytes=61, tsize=61),
            ]
        ),
    )
    good = NODE.data
    refused(
        "file-wrong-file-size",
        "the file size is not the sum",
        good.replace(b"\x18\x64\x20", b"\x18\x65\x20"),
    )
    refused(
        "file-wrong-tsize",
        "Tsize is one more than the leaf",
        encode_file([child(HEADER_BUILT, tsize=41), p]),
    )
    huge = Child(PAYLOAD.cid, 1 << 63, 1 << 63)
    refused("file-huge-size", "a block size of 2^63", encode_file([h, huge]))
    refused(
        "file-empty-part",
        "a part of no bytes",
        encode_file([h, Child(leaf(b"")[0].cid, 0, 0)]),
        [HEADER, leaf(b"")[0]],
    )
    sizes = [h.size_bytes, p.size_bytes]
    links = [Link(HEADER.cid, "", 40), Link(PAYLOAD.cid, "", 60)]
    data = b"\x08\x02\x18\x64" + b"".join(b"\x20" + varint.encode(size) for size in sizes)
    refused(
        "file-data-before-links",
        "dag-pb with Data first",
        bytes_field(1, data) + dagpb.encode_node(links, b"")[: -len(b"\x0a\x00")],
    )
    refused(
        "file-long-varint",
        "the file size in two octets that need one",
        dagpb.encode_node(links, data.replace(b"\x18\x64", b"\x18\xe4\x00")),
    )
    refused("file-unknown-field", "a field that dag-pb does not have", good + b"\x18\x00")
    refused(
        "file-named-link",
        "a part with a name",
        dagpb.encode_node([links[0], Link(PAYLOAD.cid, "x", 60)], data),
    )
    refused(
        "file-inline-data",
        "content of its own",
        dagpb.encode_node(links, b"\x08\x02\x12\x01A\x18\x65" + data[4:]),
    )
    refused("file-mode", "a UNIX mode", dagpb.encode_node(links, data + b"\x38\xa4\x03"))
    refused("file-too-few-sizes", "two links, one size", dagpb.encode_node(links, data[:-2]))
    refused("file-no-links", "no parts at all", encode_file([]), [])
    refused(
        "file-symlink",
        "a symbolic link",
        dagpb.encode_node([], b"\x08\x04\x12\x04/etc\x18\x04"),
        [],
    )
    refused(
        "file-identity-link",
        "a link with an identity CID",
        encode_file([h, Child(CID(RAW, 0, b"A"), 1, 1)]),
    )
    refused(
        "file-other-layout", "three small leaves: not the profile's layout", encode_file([h, p, p])
    )
    refused(
        "file-is-directory",
        "a directory where a file should be",
        directory([("a", HEADER_BUILT)])[0].data,
    )
    refused("file-deep-chain", "a chain of nodes with one link each", *chain(40))
    refused(
        "file-diamond",
        "40 levels of two links to the same child: the nearest thing to a cycle that hashes allow",
        *diamond(40),
    )
    me = node(encode_file([h, Child(NODE.cid, 100, len(good) + 100)]))
    cycle = Block(NODE.cid, me.data)
    file(
        "file-cycle",
        "a node offered under the CID that it links: a cycle cannot hash",
        cycle,
        below,
        BLOCK_REFUSED,
    )


def chain(levels: int) -> tuple[bytes, list[Block]]:
    below, built = [PAYLOAD], PAYLOAD_BUILT
    for _ in range(levels):
        block = node(encode_file([child(built)]))
        built = Built(block.cid, built.size_bytes, built.tsize + len(block.data))
        below.append(block)
    return below[-1].data, below[:-1]


def diamond(levels: int) -> tuple[bytes, list[Block]]:
    below, built = [PAYLOAD], PAYLOAD_BUILT
    for _ in range(levels):
        block = node(encode_file([child(built), child(built)]))
        built = Built(block.cid, 2 * built.size_bytes, 2 * built.tsize + len(block.data))
        below.append(block)
    return below[-1].data, below[:-1]


def directories() -> None:
    data, meta = (
        Link(NODE.cid, "data.pgp", NODE_BUILT.tsize),
        Link(NODE.cid, "meta.pgp", NODE_BUILT.tsize),
    )

    def build(*links: Link, what: bytes = b"\x08\x01") -> str:
        return dagpb.encode_node(links, what).hex()

    names = {"names": ["data.pgp", "meta.pgp"]}
    write("report", "a report's directory", "report", names, data=build(data, meta))
    other = Link(NODE.cid, "notes.pgp", NODE_BUILT.tsize)
    write(
        "report-extra-entry",
        "an entry too many",
        "report",
        DAG_REFUSED,
        data=build(data, meta, other),
    )
    write("report-missing-entry", "no meta.pgp", "report", DAG_REFUSED, data=build(data))
    index = [
        Link(NODE.cid, name, NODE_BUILT.tsize)
        for name in ("contents", "index.pgp", "other", "pairs")
    ]
    write(
        "index-root-pairs",
        "pairs/ may stand beside",
        "index-root",
        {"names": ["contents", "index.pgp", "pairs"]},
        data=build(index[0], index[1], index[3]),
    )
    write(
        "index-root-extra-entry",
        "anything else may not",
        "index-root",
        DAG_REFUSED,
        data=build(*index[:3]),
    )
    bad = {
        "directory-duplicate-entry": ("meta.pgp twice", build(data, meta, meta)),
        "directory-unsorted": ("entries out of order", build(meta, data)),
        "directory-symlink": ("a symbolic link node", build(what=b"\x08\x04\x12\x01a")),
        "directory-hamt": (
            "a sharded directory with a fanout of 2^30",
            build(data, what=b"\x08\x05\x28\x22\x30\x80\x80\x80\x80\x04"),
        ),
        "directory-as-file": ("a file node", NODE.data.hex()),
    }
    for name, text in {
        "parent": "../x",
        "dots": "..",
        "dot": ".",
        "slash": "a/b",
        "empty": "",
        "nul": "a\0b",
        "control": "a\u009fb",
        "long": "x" * 256,
    }.items():
        bad[f"directory-name-{name}"] = (f"a bad name: {name}", build(Link(NODE.cid, text, 5)))
    raw = dagpb.encode_link(NODE.cid, b"\xff\xfe", 5) + bytes_field(1, b"\x08\x01")
    bad["directory-name-not-utf8"] = ("a name that is not UTF-8", raw.hex())
    for name, (what, data_hex) in bad.items():
        write(name, what, "directory", DAG_REFUSED, data=data_hex)


def cars() -> None:
    section = car_section(HEADER)
    both = section + car_section(NODE)
    cids = [str(HEADER.cid), str(NODE.cid)]
    write(
        "car",
        "two blocks, no roots",
        "car",
        {"roots": [], "cids": cids},
        data=(car_header() + both).hex(),
    )
    rooted = {"roots": [str(NODE.cid)], "cids": cids}
    write("car-root", "a root", "car", rooted, data=(car_header([NODE.cid]) + both).hex())
    head = car_header()
    wrong = bytearray(section)
    wrong[-1] ^= 1
    identity = b"\x05\x01\x55\x00\x01A"
    limit = {"refused": "limit-exceeded"}
    bad: dict[str, tuple[str, bytes, dict[str, Any]]] = {
        "length-2-63": ("a section of 2^63 octets", head + b"\xff" * 9 + b"\x01", BLOCK_REFUSED),
        "length-2-62": ("a section of 2^62 octets", head + b"\x80" * 8 + b"\x40" + section, limit),
        "oversize-block": ("a block over 2 MiB is not waited for", head + varint.encode(4 * MIB) + section, limit),
        "empty-section": ("a section of no octets", head + b"\0", BLOCK_REFUSED),
        "empty-sections": ("many sections of no octets", head + b"\0" * 4000, BLOCK_REFUSED),
        "long-varint": ("a length that is not minimal", head + b"\xcc\x00" + section[1:], BLOCK_REFUSED),
        "version-2": ("the pragma of CARv2", bytes.fromhex("0aa16776657273696f6e02") + bytes(40), BLOCK_REFUSED),
        "huge-header": ("a header of 16 MiB", varint.encode(16 * MIB) + head, limit),
        "no-header": ("blocks at once", section, BLOCK_REFUSED),
        "empty": ("nothing at all", b"", BLOCK_REFUSED),
        "cut-in-header": ("cut in the header", head[:-3], BLOCK_REFUSED),
        "cut-in-block": ("cut in a block", head + section[:-1], BLOCK_REFUSED),
        "cut-in-length": ("cut in a length", head + section + b"\x80", BLOCK_REFUSED),
        "mis-hashed": ("a block that is not what its CID says", head + bytes(wrong), BLOCK_REFUSED),
        "identity": ("an identity CID", head + identity, BLOCK_REFUSED),
        "cid-only-half": ("a section shorter than a CID", head + b"\x02\x01\x55", BLOCK_REFUSED),
        "header-no-roots": ("a header without roots", b"\x0a\xa1\x67version\x01", BLOCK_REFUSED),
    }  # fmt: skip
    for name, (what, data, expect) in bad.items():
        write(f"car-{name}", what, "car", expect, data=octets(data))


if __name__ == "__main__":
    for make in (cids, blocks, good_files, bad_files, directories, cars):
        make()
