"""An IPNS record says what a name stands for, signed by the key in the name."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from hygieia.errors import InvalidInput, RecordRefused
from hygieia.ipld import dagcbor, ipns
from hygieia.ipld.cid import CID, RAW
from hygieia.ipld.ipns import IpnsRecord
from hygieia.ipld.protobuf import bytes_field

NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)
LATER = datetime(2126, 11, 21, tzinfo=UTC)
KEY = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))
PUBLIC = KEY.public_key().public_bytes_raw()
NAME = ipns.name_of(PUBLIC)
VALUE = f"/ipfs/{CID.of(RAW, b'root')}"


def record(**other: object) -> bytes:
    """A record with only the new signature, over whatever is asked for."""
    signed: dict[str, dagcbor.Value] = {
        "Value": VALUE.encode(),
        "ValidityType": 0,
        "Validity": b"2126-11-21T00:00:00.5Z",
        "Sequence": 7,
        "TTL": 300 * 10**9,
    }
    signed.update(other)  # type: ignore[arg-type]  # typed as object only
    data = dagcbor.encode({key: value for key, value in signed.items() if value is not None})
    return signed_record(data)


def signed_record(data: bytes) -> bytes:
    return bytes_field(8, KEY.sign(b"ipns-signature:" + data)) + bytes_field(9, data)


def test_a_record_is_made_and_read() -> None:
    made = ipns.create_record(PUBLIC, KEY.sign, VALUE, 7, LATER, 300)
    read = ipns.parse_record(NAME, made, NOW)
    assert read == IpnsRecord(VALUE, 7, LATER, 300)
    assert ipns.value_cid(read) == CID.of(RAW, b"root")


def test_a_validity_in_another_zone_is_written_in_utc() -> None:
    east = timezone(timedelta(hours=2))
    made = ipns.create_record(PUBLIC, KEY.sign, VALUE, 7, LATER.astimezone(east), 300)
    assert ipns.parse_record(NAME, made, NOW).validity == LATER


def test_a_signer_of_another_key_is_found_out_before_anything_is_published() -> None:
    other = Ed25519PrivateKey.generate()
    with pytest.raises(RecordRefused):
        ipns.create_record(PUBLIC, other.sign, VALUE, 7, LATER, 300)


def test_a_name_and_its_key_are_the_same_thing() -> None:
    assert NAME.startswith("k51qzi5uqu5d")
    assert ipns.public_key_of(NAME) == PUBLIC
    assert ipns.public_key_of_any(NAME) == PUBLIC
    with pytest.raises(InvalidInput):
        ipns.name_of(PUBLIC[1:])


@pytest.mark.parametrize(
    "name",
    [
        "",
        "k51",
        "k",
        str(CID.of(RAW, b"x")),
        NAME[:-1],
        NAME + "0",
        "K" + NAME[1:].upper(),
        "1" * 9,
        "1" * 52,
    ],
)
def test_what_is_no_name_is_refused(name: str) -> None:
    with pytest.raises(InvalidInput):
        ipns.public_key_of(name)
    with pytest.raises(RecordRefused):
        ipns.parse_record(name, record(), NOW)


@pytest.mark.parametrize(
    "change",
    [
        {"ValidityType": 1},
        {"ValidityType": None},
        {"Value": None},
        {"Value": "text"},
        {"Value": b"\xff"},
        {"Sequence": -1},
        {"Sequence": 1 << 53},
        {"Sequence": None},
        {"TTL": -1},
        {"TTL": "300"},
        {"Validity": b"2126-11-21"},
        {"Validity": b"2126-13-21T00:00:00Z"},
        {"Validity": b"2126-11-21T00:00:00+00:00"},
        {"Validity": "2126-11-21T00:00:00Z"},
        {"Validity": b"2026-11-21T12:00:00Z"},
        {"Value": b"/ipfs/"},
    ],
)
def test_signed_nonsense_is_refused(change: dict[str, object]) -> None:
    assert ipns.parse_record(NAME, record(), NOW).sequence == 7
    with pytest.raises(RecordRefused):
        ipns.parse_record(NAME, record(**change), NOW)


@pytest.mark.parametrize("data", [b"", b"\x01", b"\xa0", b"\xff", b"\x81\x01"])
def test_signed_data_of_another_shape_is_refused(data: bytes) -> None:
    with pytest.raises(RecordRefused):
        ipns.parse_record(NAME, signed_record(data), NOW)


def test_further_signed_fields_are_let_be() -> None:
    assert ipns.parse_record(NAME, record(_note="kept"), NOW).value == VALUE


def test_the_gateway_verifies_an_expired_record_or_one_that_names_another_name() -> None:
    old = record(Validity=b"2020-01-01T00:00:00Z", Value=f"/ipns/{NAME}".encode())
    assert ipns.verify_record(PUBLIC, old).value == f"/ipns/{NAME}"
