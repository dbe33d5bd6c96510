"""Writes the IPNS vectors that are not there yet; never touches one that is."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from hygieia.ipld import ipns
from hygieia.ipld.protobuf import bytes_field, read_fields, varint_field
from tests.vectors.ipld.make_vectors import HEADER, NODE, write

RECORD_REFUSED = {"refused": "record-refused"}
NOW = "2026-11-21T12:00:00Z"
KEY = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))
PUBLIC = KEY.public_key().public_bytes_raw()
NAME = ipns.name_of(PUBLIC)
VALUE = f"/ipfs/{NODE.cid}"
VALIDITY = datetime(2126, 11, 21, tzinfo=UTC)


def records() -> None:
    record = make_record()

    def add(name: str, what: str, data: bytes, expect: dict[str, Any] = RECORD_REFUSED) -> None:
        write(f"ipns-{name}", what, "ipns", expect, name=NAME, record=data.hex(), now=NOW)

    said = {"value": VALUE, "sequence": 7, "validity": "2126-11-21T00:00:00Z", "ttl_seconds": 300}
    add("both", "both signatures", record, said)
    add("new-only", "the new signature only", only(record, {8, 9}), said)
    add(
        "old-signature-wrong",
        "only the old signature is wrong: it says nothing",
        flip(record, 2),
        said,
    )
    add("old-only", "the old signature only", only(record, {1, 2, 3, 4, 5, 6}))
    other = Ed25519PrivateKey.from_private_bytes(bytes(32))
    public = other.public_key().public_bytes_raw()
    foreign = make_record(other)
    add(
        "foreign-key",
        "a record of another key, which it carries",
        foreign + bytes_field(7, b"\x08\x01\x12\x20" + public),
    )
    add(
        "foreign-public-key",
        "rightly signed, but carrying another key",
        record + bytes_field(7, b"\x08\x01\x12\x20" + public),
    )
    add("bad-signature", "one bit of the signature is wrong", flip(record, 8))
    add(
        "old-value-differs",
        "the old value says something else",
        change(record, 1, f"/ipfs/{HEADER.cid}".encode()),
    )
    add("old-sequence-differs", "the old sequence says something else", change(record, 5, 8))
    add("expired", "valid until yesterday", make_record(until=datetime(2026, 11, 20, tzinfo=UTC)))
    padded = record + bytes_field(10, bytes(10241 - len(record) - 3))
    add("oversize", "10 KiB and one octet", padded)
    add("value-ipns", "its value is another name", make_record(value=f"/ipns/{NAME}"))
    add("value-path", "its value is a path below a root", make_record(value=VALUE + "/data.pgp"))
    add("value-identity", "its value holds the data itself", make_record(value="/ipfs/bafkqaaa"))
    add("field-twice", "two new signatures", record + bytes_field(8, bytes(64)))
    add("cut", "cut short", record[:-1])
    add("empty", "nothing at all", b"")


def make_record(
    key: Ed25519PrivateKey = KEY, value: str = VALUE, until: datetime = VALIDITY
) -> bytes:
    public = key.public_key().public_bytes_raw()
    return ipns.create_record(public, key.sign, value, 7, until, 300)


def only(record: bytes, numbers: set[int]) -> bytes:
    return rebuilt(record, lambda number, value: value if number in numbers else None)


def flip(record: bytes, number: int) -> bytes:
    def flipped(found: int, value: int | bytes) -> int | bytes:
        return (
            bytes((value[0] ^ 1,)) + value[1:]
            if found == number and isinstance(value, bytes)
            else value
        )

    return rebuilt(record, flipped)


def change(record: bytes, number: int, new: int | bytes) -> bytes:
    return rebuilt(record, lambda found, value: new if found == number else value)


def rebuilt(record: bytes, each: Callable[[int, int | bytes], int | bytes | None]) -> bytes:
    fields = [(number, each(number, value)) for number, value in read_fields(record)]
    return b"".join(
        varint_field(number, value) if isinstance(value, int) else bytes_field(number, value)
        for number, value in fields
        if value is not None
    )


if __name__ == "__main__":
    records()
