"""Chunks of a SEIPD packet of version 2, sealed and opened (RFC 9580 §5.13.2).

**Why no nonce is used twice.** Message key and nonce prefix come from HKDF over the session key
and a salt. Every payload has a fresh random salt of 32 octets, so no two payloads share a key,
even under one session key. Within a payload the nonce ends in a counter that only rises; the
final tag has the next value, and nothing is sealed after it. The one way to seal twice under one
salt is to resume an upload (docs/spec/12 §6), which seals the same octets again, or stops.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.ciphers.aead import AESGCM, AESOCB3
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from hygieia.errors import EnvelopeRefused, IntegrityError, LimitExceeded
from hygieia.limits import AEAD_CHUNK_OCTET
from hygieia.openpgp.packets import AEAD_TAG_BYTES, AES_256, GCM, SALT_BYTES, Tag

if TYPE_CHECKING:
    from hygieia.openpgp.session_keys import SessionKey

OCB: Final = 2
_MAX_CHUNK_OCTET: Final = 16  # 4 MiB; RFC 9580 §5.13.2 allows no writer more
_KEY_BYTES: Final = {7: 16, 8: 24, 9: 32}
_NONCE_BYTES: Final = {OCB: 15, GCM: 12}


@dataclass(frozen=True, slots=True)
class Suite:
    """Cipher, AEAD mode and chunk size octet of a payload, by their OpenPGP numbers."""

    cipher: int = AES_256
    mode: int = GCM
    chunk_octet: int = AEAD_CHUNK_OCTET

    @property
    def chunk_bytes(self) -> int:
        """Plaintext octets in every chunk but the last."""
        return 1 << (self.chunk_octet + 6)

    @property
    def associated(self) -> bytes:
        """Associated data of each chunk, and info of the key derivation."""
        return bytes([0xC0 | Tag.SEIPD, 2, self.cipher, self.mode, self.chunk_octet])


VAULT_SUITE: Final = Suite()
"""The only suite of vault objects: AES-256, GCM, chunks of 256 KiB (docs/spec/04)."""


class _Chunks:
    """What sealing and opening share: derived key, counter, total."""

    def __init__(self, session_key: bytes, salt: bytes, suite: Suite) -> None:
        self.suite = suite
        nonce_bytes = _NONCE_BYTES.get(suite.mode)
        key_bytes = _KEY_BYTES.get(suite.cipher)
        if nonce_bytes is None or key_bytes is None:
            raise EnvelopeRefused("The message is encrypted in a way that is not supported.")
        if suite.chunk_octet > _MAX_CHUNK_OCTET:
            raise LimitExceeded("The message is encrypted in chunks that are too large.")
        if len(session_key) != key_bytes or len(salt) != SALT_BYTES:
            raise EnvelopeRefused("The session key does not fit the message's cipher.")
        derived = HKDF(hashes.SHA256(), key_bytes + nonce_bytes - 8, salt, suite.associated).derive(
            session_key
        )
        kind: type[AESGCM | AESOCB3] = AESGCM if suite.mode == GCM else AESOCB3
        self._cipher = kind(derived[:key_bytes])
        self._prefix = derived[key_bytes:]
        self._associated = suite.associated
        self._index = 0
        self._total_bytes = 0

    def _next_nonce(self) -> bytes:
        nonce = self._prefix + self._index.to_bytes(8, "big")
        self._index += 1
        return nonce

    def _final_associated(self) -> bytes:
        return self._associated + self._total_bytes.to_bytes(8, "big")


class ChunkSealer(_Chunks):
    """Seals the chunks of one payload in order; :meth:`finish` ends it."""

    def __init__(self, session_key: SessionKey, salt: bytes) -> None:
        super().__init__(session_key.octets, salt, VAULT_SUITE)
        self._finished = False

    def seal(self, chunk: bytes | bytearray | memoryview) -> bytes:
        """Ciphertext and tag of the next chunk."""
        self._count(chunk)
        return self._cipher.encrypt(self._next_nonce(), chunk, self._associated)

    def seal_into(self, chunk: bytes | bytearray | memoryview, place: memoryview) -> None:
        """As :meth:`seal`, into ``place``, which is 16 octets longer than the chunk."""
        self._count(chunk)
        self._cipher.encrypt_into(self._next_nonce(), chunk, self._associated, place)

    def finish(self) -> bytes:
        """The final tag, which covers the number of octets sealed."""
        self._count(b"")
        self._finished = True
        return self._cipher.encrypt(self._next_nonce(), b"", self._final_associated())

    def _count(self, chunk: bytes | bytearray | memoryview) -> None:
        if self._finished:
            raise RuntimeError("The payload has ended; its nonces may not be used again.")
        self._total_bytes += len(chunk)


class ChunkOpener(_Chunks):
    """Opens the chunks of one payload from a stream of octets; releases authentic ones only."""

    def __init__(self, session_key: bytes, salt: bytes, suite: Suite = VAULT_SUITE) -> None:
        super().__init__(session_key, salt, suite)
        self._sealed_bytes = suite.chunk_bytes + AEAD_TAG_BYTES
        self._carry = bytearray()

    def update(self, data: memoryview) -> list[bytes]:
        """Open the chunks that are certainly whole, each of ``chunk_bytes``.

        The last 16 octets of the stream are the final tag, so 16 more than a chunk must be there.

        Raises:
            IntegrityError: a chunk is not authentic, or not in its place.
        """
        opened = []
        need = self._sealed_bytes + AEAD_TAG_BYTES
        offset = 0
        while len(self._carry) + len(data) - offset >= need:
            if self._carry:
                taken = need - len(self._carry)
                self._carry += data[offset : offset + taken]
                opened.append(self._open(bytes(memoryview(self._carry)[: self._sealed_bytes])))
                # What is left over is at the end of both: keep it in only one of them.
                back = min(taken, AEAD_TAG_BYTES)
                offset += taken - back
                self._carry = self._carry[self._sealed_bytes : len(self._carry) - back]
            else:
                opened.append(self._open(data[offset : offset + self._sealed_bytes]))
                offset += self._sealed_bytes
        self._carry += data[offset:]
        return opened

    def finish(self) -> bytes | None:
        """Open the last, shorter chunk, if there is one, and check the final tag.

        Raises:
            IntegrityError: cut short, or either is not authentic.
        """
        last, tag = bytes(self._carry[:-AEAD_TAG_BYTES]), bytes(self._carry[-AEAD_TAG_BYTES:])
        if len(tag) < AEAD_TAG_BYTES or 0 < len(last) <= AEAD_TAG_BYTES:
            raise IntegrityError("The message is cut short.")
        opened = self._open(last) if last else None
        self._decrypt(tag, self._final_associated())
        return opened

    def _open(self, sealed: bytes | memoryview) -> bytes:
        opened = self._decrypt(sealed, self._associated)
        self._total_bytes += len(opened)
        return opened

    def _decrypt(self, sealed: bytes | memoryview, associated: bytes) -> bytes:
        try:
            return self._cipher.decrypt(self._next_nonce(), sealed, associated)
        except InvalidTag:
            raise IntegrityError(
                "The content was altered, cut short, or is not for this key."
            ) from None
