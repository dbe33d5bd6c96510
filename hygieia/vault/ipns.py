"""The account's IPNS key and the records it signs (docs/spec/13-index.md §7).

A record says which index is the newest. It is signed here, on the client, for a hundred years:
anyone may republish it without a key, and freshness comes from the sequence, not from expiry.
"""

from __future__ import annotations

import secrets
from datetime import timedelta
from typing import TYPE_CHECKING, Final

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from hygieia.errors import InvalidInput
from hygieia.ipld.ipns import create_record, name_of
from hygieia.limits import IPNS_TTL_SECONDS, IPNS_VALIDITY_YEARS

if TYPE_CHECKING:
    from datetime import datetime

    from hygieia.ipld.cid import CID

_KEY_BYTES: Final = 32
# A hundred years of 365.25 days, less than the year 9999 that a record can write.
_VALIDITY: Final = timedelta(days=IPNS_VALIDITY_YEARS * 1461 // 4)


class IpnsKey:
    """A 32-byte Ed25519 seed, used for nothing but IPNS records. Never printed."""

    __slots__ = ("_private", "secret")

    def __init__(self, secret: bytes) -> None:
        if len(secret) != _KEY_BYTES:
            raise InvalidInput("An IPNS key has 32 bytes.")
        self.secret: Final = secret
        self._private = Ed25519PrivateKey.from_private_bytes(secret)

    @classmethod
    def make(cls) -> IpnsKey:
        """A new random key."""
        return cls(secrets.token_bytes(_KEY_BYTES))

    def __repr__(self) -> str:
        return f"IpnsKey({self.name})"

    def __reduce__(self) -> str:
        raise TypeError("An IPNS key is not pickled.")

    @property
    def name(self) -> str:
        """The public IPNS name, ``k51…``."""
        return name_of(self._private.public_key().public_bytes_raw())

    def sign_record(self, root: CID, sequence: int, now: datetime) -> bytes:
        """A record that names ``root``; ``sequence`` is that of the index's note."""
        return create_record(
            self._private.public_key().public_bytes_raw(),
            self._private.sign,
            f"/ipfs/{root}",
            sequence,
            now + _VALIDITY,
            IPNS_TTL_SECONDS,
        )
