"""IPNS names and records for Ed25519 keys (https://specs.ipfs.tech/ipns/ipns-record/).

A record says, signed, what a name stands for. It is written with both signatures, the old one for
old readers; only the new one, over the dag-cbor ``data``, is believed.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from hygieia.errors import DagRefused, InvalidInput, RecordRefused
from hygieia.ipld import dagcbor
from hygieia.ipld.cid import (
    CID,
    IDENTITY,
    LIBP2P_KEY,
    decode_any,
    from_base58,
    parse_any,
    to_base36,
)
from hygieia.ipld.protobuf import bytes_field, read_fields, varint_field
from hygieia.limits import MAX_INTEGER, MAX_IPNS_RECORD_BYTES

if TYPE_CHECKING:
    from collections.abc import Callable

_KEY_HEAD: Final = b"\x08\x01\x12\x20"  # libp2p PublicKey: type Ed25519, 32 bytes of data
_V2_CONTEXT: Final = b"ipns-signature:"
_NANOSECONDS: Final = 10**9
_TIME: Final = re.compile(r"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(?:\.\d{1,9})?Z")
_VALUE_PREFIX: Final = "/ipfs/"

_VALUE, _SIGNATURE_V1, _VALIDITY_TYPE, _VALIDITY, _SEQUENCE, _TTL = 1, 2, 3, 4, 5, 6
_PUBLIC_KEY, _SIGNATURE_V2, _DATA = 7, 8, 9
_DATA_KEYS: Final = {
    _VALUE: "Value",
    _VALIDITY_TYPE: "ValidityType",
    _VALIDITY: "Validity",
    _SEQUENCE: "Sequence",
    _TTL: "TTL",
}


@dataclass(frozen=True, slots=True)
class IpnsRecord:
    """What a verified record says. ``value`` is a path such as ``/ipfs/CID``."""

    value: str
    sequence: int
    validity: datetime
    ttl_seconds: int


def name_of(public_key: bytes) -> str:
    """Return the name of a 32-byte Ed25519 public key: base36, ``k51…``."""
    if len(public_key) != 32:
        raise InvalidInput("An Ed25519 public key has 32 bytes.")
    return to_base36(CID(LIBP2P_KEY, IDENTITY, _KEY_HEAD + public_key).encode())


def public_key_of(name: str) -> bytes:
    """Return the public key in a vault's name, which has one form; raises ``InvalidInput``."""
    key = public_key_of_any(name)
    if name_of(key) != name:
        raise InvalidInput("This IPNS name is not written in its one form.")
    return key


def public_key_of_any(name: str) -> bytes:
    """Return the public key in any form of an Ed25519 name (CID in any base, ``12D3Koo…``).

    Raises ``InvalidInput``; names of other keys hold only a digest and cannot be checked alone.
    """
    if name.startswith("1") and len(name) < 64:
        cid = decode_any(b"\x01\x72" + from_base58(name))
    else:
        cid = parse_any(name)
    if cid.hash_code != IDENTITY or cid.codec != LIBP2P_KEY:
        raise InvalidInput("This is not the IPNS name of an Ed25519 key.")
    if len(cid.digest) != 36 or cid.digest[:4] != _KEY_HEAD:
        raise InvalidInput("This is not the IPNS name of an Ed25519 key.")
    return cid.digest[4:]


def create_record(
    public_key: bytes,
    sign: Callable[[bytes], bytes],
    value: str,
    sequence: int,
    validity: datetime,
    ttl_seconds: int,
) -> bytes:
    """Return a record: ``value`` until ``validity`` (aware), higher ``sequence`` wins.

    ``sign`` makes a bare Ed25519 signature; it is called twice. The key itself stands in the name,
    not in the record; the record is verified under it before it is returned, so that a signer of
    another key raises ``RecordRefused`` here and not at every reader.
    """
    octets = value.encode()
    until = validity.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.000000000Z").encode()
    ttl = ttl_seconds * _NANOSECONDS
    data = dagcbor.encode(
        {
            "Value": octets,
            "ValidityType": 0,
            "Validity": until,
            "Sequence": sequence,
            "TTL": ttl,
        }
    )
    record = b"".join(
        (
            bytes_field(_VALUE, octets),
            bytes_field(_SIGNATURE_V1, sign(octets + until + b"EOL")),
            varint_field(_VALIDITY_TYPE, 0),
            bytes_field(_VALIDITY, until),
            varint_field(_SEQUENCE, sequence),
            varint_field(_TTL, ttl),
            bytes_field(_SIGNATURE_V2, sign(_V2_CONTEXT + data)),
            bytes_field(_DATA, data),
        )
    )
    verify_record(public_key, record)
    return record


def parse_record(name: str, record: bytes, now: datetime) -> IpnsRecord:
    """Verify a vault's record for ``name`` at ``now`` (aware); raises ``RecordRefused`` (BK-07).

    Its value is ``/ipfs/`` and one vault CID, nothing that would have to be resolved further.
    """
    try:
        key = public_key_of(name)
    except InvalidInput as error:
        raise RecordRefused("This is not a vault's IPNS name.") from error
    found = verify_record(key, record)
    if found.validity <= now:
        raise RecordRefused("An IPNS record has expired.")
    value_cid(found)
    return found


def value_cid(record: IpnsRecord) -> CID:
    """Return the root that a vault's record names; raises ``RecordRefused``."""
    if not record.value.startswith(_VALUE_PREFIX):
        raise RecordRefused("An IPNS record does not name a root under /ipfs/.")
    try:
        return CID.parse(record.value.removeprefix(_VALUE_PREFIX))
    except InvalidInput as error:
        raise RecordRefused("An IPNS record does not name one root of the vault.") from error


def verify_record(public_key: bytes, record: bytes) -> IpnsRecord:
    """Verify any Ed25519 record's size, signature and agreement; expiry is left to the caller.

    Raises ``RecordRefused``: over 10 KiB, unreadable, without the new signature, signed by another
    key, or old fields that contradict the signed ones.
    """
    if len(record) > MAX_IPNS_RECORD_BYTES:
        raise RecordRefused("An IPNS record is over 10 KiB.")
    fields = _fields(record)
    signature, data = fields.get(_SIGNATURE_V2), fields.get(_DATA)
    if not isinstance(signature, bytes) or not isinstance(data, bytes):
        raise RecordRefused("An IPNS record has no version 2 signature.")
    if fields.get(_PUBLIC_KEY, _KEY_HEAD + public_key) != _KEY_HEAD + public_key:
        raise RecordRefused("An IPNS record carries another key than its name.")
    try:
        Ed25519PublicKey.from_public_bytes(public_key).verify(signature, _V2_CONTEXT + data)
        signed = dagcbor.decode(data)
    except (InvalidSignature, ValueError) as error:
        raise RecordRefused("An IPNS record's signature does not verify.") from error
    except DagRefused as error:
        raise RecordRefused("An IPNS record cannot be read.") from error
    if not isinstance(signed, dict):
        raise RecordRefused("An IPNS record cannot be read.")
    _check_agreement(fields, signed)
    return _record(signed)


def _fields(record: bytes) -> dict[int, int | bytes]:
    fields: dict[int, int | bytes] = {}
    try:
        for number, value in read_fields(record):
            if number in fields:
                raise RecordRefused("An IPNS record has a field twice.")
            fields[number] = value
    except ValueError as error:
        raise RecordRefused("An IPNS record cannot be read.") from error
    return fields


def _check_agreement(fields: dict[int, int | bytes], signed: dict[str, dagcbor.Value]) -> None:
    """Refuse old fields that say something else; absent old fields say nothing (spec, step 6)."""
    if _SIGNATURE_V1 not in fields and _VALUE not in fields:
        return
    for number, key in _DATA_KEYS.items():
        # Writers leave a zero out, as protobuf lets them.
        default = 0 if number in (_VALIDITY_TYPE, _SEQUENCE, _TTL) else None
        if fields.get(number, default) != signed.get(key):
            raise RecordRefused("An IPNS record's old and new fields do not agree.")


def _record(signed: dict[str, dagcbor.Value]) -> IpnsRecord:
    value, validity = signed.get("Value"), signed.get("Validity")
    sequence, ttl = signed.get("Sequence"), signed.get("TTL")
    if signed.get("ValidityType") != 0 or not isinstance(value, bytes):
        raise RecordRefused("An IPNS record has an unknown kind of validity or no value.")
    if not isinstance(sequence, int) or not 0 <= sequence <= MAX_INTEGER:
        raise RecordRefused("An IPNS record has no usable sequence.")
    if not isinstance(ttl, int) or ttl < 0 or not isinstance(validity, bytes):
        raise RecordRefused("An IPNS record has no usable TTL or validity.")
    try:
        return IpnsRecord(value.decode(), sequence, _time(validity.decode()), ttl // _NANOSECONDS)
    except ValueError as error:
        raise RecordRefused("An IPNS record has no usable value or validity.") from error


def _time(text: str) -> datetime:
    match = _TIME.fullmatch(text)
    if match is None:
        raise ValueError("not a time in UTC")
    return datetime.fromisoformat(match[1]).replace(tzinfo=UTC)
