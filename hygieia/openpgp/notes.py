"""Signed notes, read and verified (docs/spec/05-notes.md, threat SN-04).

Every statement that must not be forged is a note. Verifying one yields a :class:`Verdict` that
the caller has to show or act upon; it is an enum and not a boolean, so it cannot be dropped in an
``and``. This module handles no secret.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from datetime import datetime
from enum import Enum
from typing import Any, Final

from hygieia.errors import CertificateRefused, InvalidInput, NoteRefused
from hygieia.limits import MAX_NOTE_BYTES, MAX_SIGNATURE_BYTES
from hygieia.openpgp import key_packets as kp
from hygieia.openpgp import signature_packets as sp
from hygieia.openpgp.armor import SIGNATURE, ArmorError, dearmor
from hygieia.openpgp.certificates import CLOCK_SKEW, Certificate, Revocation
from hygieia.openpgp.signature_packets import SignaturePacket
from hygieia.openpgp.strict_json import loads_object
from hygieia.openpgp.times import now as current_time
from hygieia.openpgp.times import parse_time

CONTEXT_NOTATION: Final = "context@hygieia"
NOTE_HASHES: Final = (sp.SHA256, sp.SHA512)

_CONTEXT: Final = re.compile(r"hygieia [a-z]+(?:-[a-z]+)* [1-9][0-9]{0,3}", re.ASCII)


class Verdict(Enum):
    """What became of a note's signature; ``value`` is the word shown."""

    VALID = "valid"
    UNKNOWN_SIGNER = "unknown signer"
    CHANGED_KEY = "changed key"
    """Rightly signed, by a key that its owner has since called compromised."""
    INVALID = "invalid"


@dataclass(frozen=True, slots=True)
class Note:
    """A parsed note. Nothing in it is true until :func:`verify_note` gives its verdict.

    ``text`` is what was signed, context line included; ``signature`` is armored; ``created`` is
    the body's own ``created``, which the signature's time must equal. ``repr`` shows nothing of
    what it says: a note ``hygieia key 1`` holds a secret key.
    """

    context: str
    body: dict[str, Any] = field(repr=False)
    text: str = field(repr=False)
    signature: str = field(repr=False)
    created: datetime
    packet: SignaturePacket = field(repr=False)

    def is_by(self, certificate: Certificate) -> bool:
        """Whether the signature names this certificate's primary key; proves nothing."""
        return self.packet.names_issuer(bytes.fromhex(certificate.fingerprint))


def check_context(context: str) -> str:
    """The context itself; raises NoteRefused unless it reads ``hygieia WORD NUMBER``."""
    if not _CONTEXT.fullmatch(context):
        raise NoteRefused("A note's context is not of the form: hygieia WORD NUMBER.")
    return context


def parse_note(
    data: bytes | str, expected_context: str, *, max_bytes: int = MAX_NOTE_BYTES
) -> Note:
    """Read the JSON of a note whose context must be ``expected_context``; raises NoteRefused."""
    check_context(expected_context)
    try:
        outer = loads_object(data, max_bytes=max_bytes)
    except InvalidInput as error:
        raise NoteRefused(f"A note cannot be read: {error}") from error
    text, signature = outer.get("note"), outer.get("signature")
    if len(outer) != 2 or not isinstance(text, str) or not isinstance(signature, str):
        raise NoteRefused("A note is an object of exactly two strings, note and signature.")
    return read_note(text, signature, expected_context, max_bytes=max_bytes)


def read_note(
    text: str, signature: str, expected_context: str, *, max_bytes: int = MAX_NOTE_BYTES
) -> Note:
    """A note from its two parts, as a kit or request carries them; raises NoteRefused."""
    context, line_feed, body_text = text.partition("\n")
    if context != expected_context or not line_feed:
        raise NoteRefused(f"A note is not of the context expected: {expected_context}.")
    try:
        body = loads_object(body_text, max_bytes=max_bytes)
        created = parse_time(body.get("created"))
    except InvalidInput as error:
        raise NoteRefused(f"A note cannot be read: {error}") from error
    if not body_text.endswith("}") or not body_text.startswith("{"):
        raise NoteRefused("A note has something around its JSON object.")
    return Note(context, body, text, signature, created, _parse_signature(signature))


def _parse_signature(armored: str) -> SignaturePacket:
    """The one detached signature in the armor; raises NoteRefused."""
    try:
        data = dearmor(SIGNATURE, armored, max_bytes=MAX_SIGNATURE_BYTES)
        packets = kp.split_packets(data, max_packets=1)
        body = b"".join(each.body for each in packets if each.tag == kp.TAG_SIGNATURE)
        return sp.parse_signature(body)
    except (ArmorError, ValueError, CertificateRefused) as error:
        raise NoteRefused("A note does not carry exactly one EdDSA signature.") from error


def verify_note(note: Note, certificate: Certificate, *, now: datetime | None = None) -> Verdict:
    """Judge a note against the pinned certificate of who should have signed it.

    A note is judged at its signature's time (docs/spec/05 §3): a key superseded, retired or expired
    since leaves it valid, a key compromised since makes it ``CHANGED_KEY``.
    """
    packet = note.packet
    if not note.is_by(certificate):
        return Verdict.UNKNOWN_SIGNER
    if not _is_acceptable(note, packet, now or current_time()):
        return Verdict.INVALID
    if not sp.verifies(packet, certificate.signing_point, (note.text.encode(),)):
        return Verdict.INVALID
    if not certificate.may_sign_at(note.created):
        return Verdict.INVALID
    if certificate.revocation_kind is Revocation.COMPROMISED:
        return Verdict.CHANGED_KEY
    return Verdict.VALID


def _is_acceptable(note: Note, packet: SignaturePacket, now: datetime) -> bool:
    """Type, hash, time and notation, all before the signature itself."""
    notations = [value for name, value in packet.notations() if name == CONTEXT_NOTATION]
    return (
        packet.kind == sp.BINARY_DOCUMENT
        and packet.hash_algorithm in NOTE_HASHES
        and packet.created == note.created
        and note.created <= now + CLOCK_SKEW
        and not packet.expires_after_seconds
        and notations == [note.context]
    )


def require_valid(note: Note, certificate: Certificate, *, now: datetime | None = None) -> Note:
    """The note, if its verdict is ``VALID``; raises NoteRefused naming the verdict otherwise."""
    verdict = verify_note(note, certificate, now=now)
    if verdict is not Verdict.VALID:
        raise NoteRefused(f"The signature of a note ({note.context}): {verdict.value}.")
    return note
