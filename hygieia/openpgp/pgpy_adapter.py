"""What pgpy does here, and the one place of key handling that imports it.

pgpy is a second reader: nothing is sealed that it cannot open, so that a fault in our own few
lines shows on the day of sign-up and not on the day of recovery. It also writes and opens the
small passphrase-encrypted message around a revocation. It never checks a certificate, because it
checks neither bindings nor revocations, and never sees a file (it holds whole messages).

Importing it costs 210 ms, so its callers import this module when they need it.
"""

from __future__ import annotations

import warnings
from typing import Final

from hygieia.errors import CertificateRefused, Failed, KitRefused, LimitExceeded
from hygieia.openpgp import key_packets as kp
from hygieia.openpgp.armor import MESSAGE, ArmorError, dearmor

# pgpy 0.6.0 names ciphers that `cryptography` has since moved to its decrepit module. The filter
# stays: catch_warnings around each call would change other threads' filters under their feet.
warnings.filterwarnings("ignore", module=r"pgpy(\.|$)")

import pgpy  # noqa: E402 - after its warnings are silenced
from pgpy.constants import CompressionAlgorithm  # noqa: E402  (after its warnings are filtered)

_MAX_TEXT_MESSAGE_BYTES: Final = 16_384
_TAG_PASSPHRASE: Final = 3  # SKESK, RFC 9580 §5.3
_TAG_SEIPD: Final = 18


def confirm_opens(armored: str, passphrase: str, fingerprint: str) -> None:
    """Raise Failed unless pgpy opens this locked key and finds this fingerprint."""
    try:
        key, _ = pgpy.PGPKey.from_blob(armored)
        with key.unlock(passphrase):
            opened = key.is_unlocked
    except Exception as error:  # pgpy lets out whatever its parsers meet
        raise Failed("A second program could not open the key just sealed.") from error
    if not opened or str(key.fingerprint).replace(" ", "").lower() != fingerprint:
        raise Failed("A second program found another key in the one just sealed.")


def encrypt_text(text: str, passphrase: str) -> str:
    """``text`` as an armored message: SKESK v4 with iterated S2K, SEIPD version 1, AES-256."""
    message = pgpy.PGPMessage.new(text, compression=CompressionAlgorithm.Uncompressed)
    return str(message.encrypt(passphrase))


def decrypt_text(armored: str, passphrase: str) -> str:
    """The text inside what :func:`encrypt_text` wrote; raises KitRefused."""
    _check_shape(armored)
    try:
        text = pgpy.PGPMessage.from_blob(armored).decrypt(passphrase).message
    except Exception as error:  # as above, and here the octets are not ours
        raise KitRefused("The sealed revocation does not open with this code.") from error
    return text if isinstance(text, str) else bytes(text).decode("ascii", errors="replace")


def _check_shape(armored: str) -> None:
    """Exactly one SKESK v4 and one SEIPD v1, before pgpy parses anything."""
    try:
        data = dearmor(MESSAGE, armored, max_bytes=_MAX_TEXT_MESSAGE_BYTES)
        packets = kp.split_packets(data, max_packets=2)
    except (ArmorError, CertificateRefused, LimitExceeded) as error:
        raise KitRefused("The sealed revocation is not an armored OpenPGP message.") from error
    shape = [(packet.tag, packet.body[:1]) for packet in packets]
    if shape != [(_TAG_PASSPHRASE, b"\x04"), (_TAG_SEIPD, b"\x01")]:
        raise KitRefused("The sealed revocation is not a message of the form this project writes.")
