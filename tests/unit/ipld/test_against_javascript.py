"""Byte for byte what the JavaScript implementations write, and they read what we write."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from hygieia.errors import RecordRefused
from hygieia.ipld import hamt, ipns
from hygieia.ipld.car import CarReader, car_header, car_section
from hygieia.ipld.cid import CID, parse_any
from hygieia.ipld.layout import PROFILE, Layout
from hygieia.ipld.unixfs import decode_any
from hygieia.ipld.walk import FileWalk
from tests.unit.ipld.factories import Blocks, noise
from tests.unit.ipld.oracle import Oracle, from_base64, to_base64

MIB = 1 << 20
NOW = datetime(2026, 11, 21, tzinfo=UTC)
VALUE = "/ipfs/bafkreihdwdcefgh4dqkjv67uzcmw7ojee6xedzdetojuzjevtenxquvyku"


def as_text(blocks: Blocks) -> dict[str, str]:
    return {str(cid): to_base64(data) for cid, data in blocks.data.items()}


@pytest.mark.parametrize("size", [0, 1, 100, MIB - 1, MIB, MIB + 1, 3 * MIB + 5])
def test_a_file_becomes_the_same_blocks_as_the_importer_makes(oracle: Oracle, size: int) -> None:
    ours = Blocks()
    data = noise(size)
    root = ours.file(data)
    theirs = oracle.ask("import", files=[{"path": "f", "data": to_base64(data)}])
    assert str(root.cid) == theirs["root"]
    assert as_text(ours) == theirs["blocks"]


@pytest.mark.parametrize("leaves", [2, 3, 4, 9, 10, 12, 27, 28, 29, 81, 82, 85, 100])
def test_a_tree_of_any_height_has_the_same_layout(oracle: Oracle, leaves: int) -> None:
    """Three links a node and leaves of 16 bytes stand for 1024 links and 1 MiB."""
    ours = Blocks()
    data = noise(leaves * 16 - 3)
    root = ours.file(data, Layout(16, 3))
    theirs = oracle.ask("import", files=[{"path": "f", "data": to_base64(data)}], chunk=16, width=3)
    assert str(root.cid) == theirs["root"]
    assert as_text(ours) == theirs["blocks"]


def test_more_than_1024_leaves_take_two_levels_of_nodes(oracle: Oracle) -> None:
    ours = Blocks()
    data = noise(1030 * 8)
    root = ours.file(data, Layout(8, 1024))
    theirs = oracle.ask("import", files=[{"path": "f", "data": to_base64(data)}], chunk=8)
    assert str(root.cid) == theirs["root"]


def test_a_directory_becomes_the_same_block(oracle: Oracle) -> None:
    ours = Blocks()
    files = {name: noise(50, seed) for seed, name in enumerate(("b", "a", "ä", "Z", "a.pgp", "aa"))}
    root = ours.directory({name: ours.file(data) for name, data in files.items()})
    theirs = oracle.ask(
        "import",
        files=[{"path": name, "data": to_base64(data)} for name, data in files.items()],
        wrap=True,
    )
    assert str(root.cid) == theirs["root"]
    assert as_text(ours) == theirs["blocks"]


@pytest.mark.parametrize(
    ("offset", "length"),
    [(None, None), (0, 10), (90, 20), (100, 5), (101, MIB), (MIB, MIB + 7), (2 * MIB + 99, 2)],
)
def test_the_exporter_reads_our_header_leaf_files(
    oracle: Oracle, offset: int | None, length: int | None
) -> None:
    ours = Blocks()
    header, payload = noise(100, 1), noise(2 * MIB + 7, 2)
    root = ours.directory({"data.pgp": ours.envelope(header, payload)})
    answer = oracle.ask(
        "export", path=f"{root.cid}/data.pgp", blocks=as_text(ours), offset=offset, length=length
    )
    start = offset or 0
    expected = (header + payload)[start : None if length is None else start + length]
    assert answer["size"] == len(header + payload)
    assert from_base64(answer["data"]) == expected


def test_cars_are_read_by_the_javascript_reader(oracle: Oracle) -> None:
    ours = Blocks()
    root = ours.envelope(noise(100), noise(MIB + 1))
    blocks = [ours.block(cid) for cid in ours.order]
    car = car_header([root.cid]) + b"".join(map(car_section, blocks))
    answer = oracle.ask("carRead", car=to_base64(car))
    assert answer["roots"] == [str(root.cid)]
    assert answer["blocks"] == [[str(b.cid), to_base64(b.data)] for b in blocks]


def test_cars_of_the_javascript_writer_are_ours_byte_for_byte(oracle: Oracle) -> None:
    ours = Blocks()
    root = ours.envelope(noise(100), noise(300))
    blocks = [ours.block(cid) for cid in ours.order]
    answer = oracle.ask(
        "carWrite", roots=[str(root.cid)], blocks=[[str(b.cid), to_base64(b.data)] for b in blocks]
    )
    car = from_base64(answer["car"])
    assert car == car_header([root.cid]) + b"".join(map(car_section, blocks))
    reader = CarReader()
    assert reader.feed(car) == blocks
    reader.finish()


def test_names_in_a_sharded_directory_are_found_where_the_importer_put_them(oracle: Oracle) -> None:
    files = [{"path": f"entry {n}", "data": to_base64(noise(10, n))} for n in range(300)]
    answer = oracle.ask("import", files=files, wrap=True, shard=True)
    blocks = {parse_any(cid): from_base64(data) for cid, data in answer["blocks"].items()}
    for number in (0, 1, 7, 150, 299):
        cid, depth, found = parse_any(answer["root"]), 0, False
        while not found:
            link, found = hamt.look_up(decode_any(blocks[cid]), f"entry {number}", depth)
            cid, depth = link.cid, depth + 1
        assert blocks[cid] == noise(10, number)


def test_an_imported_file_of_another_layout_is_read_by_the_lenient_walk(oracle: Oracle) -> None:
    data = noise(1000)
    answer = oracle.ask("import", files=[{"path": "f", "data": to_base64(data)}], chunk=64, width=3)
    blocks = Blocks({parse_any(cid): from_base64(data) for cid, data in answer["blocks"].items()})
    walk = FileWalk(parse_any(answer["root"]), any_layout=True, start=10, end=900)
    read = b""
    while not walk.finished:
        for cid in walk.wanted(4):
            read += b"".join(walk.feed(blocks.block(cid)))
    assert read == data[10:900]
    assert PROFILE.level(len(data)) == 0


def test_cids_have_the_same_text_in_every_base(oracle: Oracle) -> None:
    for cid in (CID.of(0x70, b"node"), CID.of(0x55, b"leaf")):
        answer = oracle.ask("cidForms", cid=str(cid))
        assert [parse_any(form) for form in answer["forms"]] == [cid] * 4
    v0 = oracle.ask("cidForms", cid=str(CID.of(0x70, b"node")))["v0"]
    assert str(parse_any(v0)) == v0
    assert parse_any(v0).digest == CID.of(0x70, b"node").digest


def test_our_ipns_records_verify_in_javascript(oracle: Oracle) -> None:
    key = Ed25519PrivateKey.generate()
    public = key.public_key().public_bytes_raw()
    validity = datetime(2126, 11, 21, tzinfo=UTC)
    record = ipns.create_record(public, key.sign, VALUE, 12, validity, 300)
    answer = oracle.ask("ipnsVerify", name=ipns.name_of(public), record=to_base64(record))
    assert answer == {
        "value": VALUE,
        "sequence": "12",
        "validity": "2126-11-21T00:00:00.000000000Z",
        "ttl": str(300 * 10**9),
    }


@pytest.mark.parametrize("old", [True, False], ids=["both signatures", "new signature only"])
def test_ipns_records_of_javascript_verify_here(oracle: Oracle, old: bool) -> None:
    seed = noise(32)
    answer = oracle.ask(
        "ipnsCreate",
        seed=to_base64(seed),
        value=VALUE,
        sequence=5,
        expiration="2027-01-01T00:00:00.123456789Z",
        old=old,
    )
    public = Ed25519PrivateKey.from_private_bytes(seed).public_key().public_bytes_raw()
    assert answer["name"] == ipns.name_of(public)
    assert ipns.public_key_of_any(answer["peer"]) == public
    record = ipns.parse_record(answer["name"], from_base64(answer["record"]), NOW)
    assert (record.value, record.sequence) == (VALUE, 5)
    with pytest.raises(RecordRefused, match="expired"):
        ipns.parse_record(
            answer["name"], from_base64(answer["record"]), datetime(2027, 1, 2, tzinfo=UTC)
        )
