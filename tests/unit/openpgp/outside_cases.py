"""Messages as outsiders write them, and as attackers would: built by hand, never by our writer."""

from __future__ import annotations

import bz2
import hashlib
import io
import zlib
from typing import TYPE_CHECKING

from cryptography.hazmat.decrepit.ciphers.modes import CFB
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms
from cryptography.hazmat.primitives.ciphers.aead import AESGCM, AESOCB3
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from cryptography.hazmat.primitives.keywrap import aes_key_wrap

from hygieia.openpgp.aead import OCB, Suite
from hygieia.openpgp.imported import Imported, open_message
from hygieia.openpgp.outside_content import ImportLimits
from hygieia.openpgp.packets import Tag
from hygieia.openpgp.session_keys import SessionKey, checksum, wrap_to_subkey
from tests.unit.openpgp.openpgp_cases import packet

if TYPE_CHECKING:
    from hygieia.openpgp.keys import UnlockedKey

AES_256 = 9
SESSION = bytes(range(100, 132))
ZIP, ZLIB, BZIP2 = 1, 2, 3


def imported(message: bytes, key: UnlockedKey, limits: ImportLimits | None = None) -> Opened:
    out, spool = io.BytesIO(), io.BytesIO()
    found = open_message(
        io.BytesIO(message), key, out, spool=spool, limits=limits or ImportLimits()
    )
    return Opened(out.getvalue(), found)


class Opened:
    def __init__(self, content: bytes, found: Imported) -> None:
        self.content = content
        self.found = found


def ecdh_fields(key: UnlockedKey, octets: bytes) -> bytes:
    """ECDH fields that wrap any octets: our own wrap, with its last step done again."""
    from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey

    from hygieia.openpgp.session_keys import _key_encryption_key

    subkey = key.encryption_subkey
    secret = X25519PrivateKey.generate()
    shared = secret.exchange(X25519PublicKey.from_public_bytes(subkey.point))
    count = 8 - len(octets) % 8
    padded = octets + bytes([count]) * count
    wrapped = aes_key_wrap(_key_encryption_key(shared, subkey), padded)
    point = secret.public_key().public_bytes_raw()
    return b"\x01\x07\x40" + point + bytes([len(wrapped)]) + wrapped


def pkesk_3(
    key: UnlockedKey, session: bytes = SESSION, cipher: int = AES_256, *, named: bool = True
) -> bytes:
    recipient = key.encryption_subkey.fingerprint[-8:] if named else bytes(8)
    fields = ecdh_fields(key, bytes([cipher]) + session + checksum(session))
    return packet(Tag.PKESK, b"\x03" + recipient + b"\x12" + fields)


def pkesk_6(key: UnlockedKey, session: bytes = SESSION, *, named: bool = True) -> bytes:
    recipient = b"\x15\x04" + key.encryption_subkey.fingerprint if named else b"\x00"
    fields = ecdh_fields(key, session + checksum(session))
    return packet(Tag.PKESK, b"\x06" + recipient + b"\x12" + fields)


def seipd_1(inner: bytes, session: bytes = SESSION, *, mdc: bytes | None = None) -> bytes:
    prefix = bytes(range(16))
    plain = prefix + prefix[-2:] + inner
    digest = hashlib.sha1(plain + b"\xd3\x14", usedforsecurity=False).digest()
    plain += b"\xd3\x14" + digest if mdc is None else mdc
    encryptor = Cipher(algorithms.AES(session), CFB(bytes(16))).encryptor()
    return packet(Tag.SEIPD, b"\x01" + encryptor.update(plain) + encryptor.finalize())


def seipd_2(inner: bytes, session: bytes = SESSION, suite: Suite | None = None) -> bytes:
    suite = suite or Suite(mode=OCB, chunk_octet=6)
    nonce_bytes = 15 if suite.mode == OCB else 12
    salt = bytes(range(32))
    info = suite.associated
    derived = HKDF(hashes.SHA256(), len(session) + nonce_bytes - 8, salt, info).derive(session)
    key, start = derived[: len(session)], derived[len(session) :]
    cipher = AESOCB3(key) if suite.mode == OCB else AESGCM(key)
    body = info[1:] + salt
    number = 0
    for number, at in enumerate(range(0, len(inner), suite.chunk_bytes), 1):
        nonce = start + (number - 1).to_bytes(8, "big")
        body += cipher.encrypt(nonce, inner[at : at + suite.chunk_bytes], info)
    total = len(inner).to_bytes(8, "big")
    return packet(
        Tag.SEIPD, body + cipher.encrypt(start + number.to_bytes(8, "big"), b"", info + total)
    )


def compressed(inner: bytes, algorithm: int = ZLIB) -> bytes:
    if algorithm == BZIP2:
        return packet(Tag.COMPRESSED, bytes([algorithm]) + bz2.compress(inner))
    packer = zlib.compressobj(9, wbits=-15 if algorithm == ZIP else 15)
    return packet(Tag.COMPRESSED, bytes([algorithm]) + packer.compress(inner) + packer.flush())


def one_pass(key_id: bytes = bytes(8)) -> bytes:
    return packet(Tag.ONE_PASS_SIGNATURE, b"\x03\x00\x08\x16" + key_id + b"\x01")


def signature(issuer: bytes = b"\x0b" * 8) -> bytes:
    hashed = b"\x05\x02" + bytes(4)
    unhashed = b"\x09\x10" + issuer
    areas = len(hashed).to_bytes(2, "big") + hashed + len(unhashed).to_bytes(2, "big") + unhashed
    return packet(Tag.SIGNATURE, b"\x04\x00\x16\x08" + areas + b"\x00\x00" + bytes(66))


def pkesk_of_vault(key: UnlockedKey) -> bytes:
    return wrap_to_subkey(SessionKey(SESSION), key.encryption_subkey)
