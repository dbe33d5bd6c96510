"""The note with which a forgotten password is reset: ``hygieia reset 1`` (docs/spec/09).

Only the holder of kit file and code can sign it. It names the server, a nonce used once and the
whole new seal, so that it is good for nothing else.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from hygieia.openpgp.parameters import KdfParams
from hygieia.openpgp.signing import sign_note

if TYPE_CHECKING:
    from hygieia.openpgp.keys import UnlockedKey

RESET_CONTEXT: Final = "hygieia reset 1"


@dataclass(frozen=True, slots=True)
class Reset:
    """What the note says.

    ``origin``: ``scheme://host[:port]`` of the server's own address, in lower case, without a
    final slash or a default port; ``nonce`` as the server gave it; ``login``: ``login_digest``.
    """

    origin: str
    account: str
    nonce: str
    seal_mac: str
    kdf: KdfParams
    login: str
    created: str

    def to_body(self) -> dict[str, Any]:
        """The JSON object that is signed."""
        return {
            "origin": self.origin,
            "account": self.account,
            "nonce": self.nonce,
            "seal_mac": self.seal_mac,
            "kdf": {"m": self.kdf.m, "t": self.kdf.t, "p": self.kdf.p},
            "login": self.login,
            "created": self.created,
        }


def login_digest(login_secret: str) -> str:
    """SHA-256 of the new login secret's 64 characters: the note does not tell the secret."""
    return hashlib.sha256(login_secret.encode()).hexdigest()


def sign_reset(key: UnlockedKey, reset: Reset) -> bytes:
    """The signed note, as bytes of JSON with ``note`` and ``signature``."""
    return sign_note(key, RESET_CONTEXT, reset.to_body())
