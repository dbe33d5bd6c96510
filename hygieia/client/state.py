"""What a client remembers between calls: one folder a profile, no secret in clear.

``$HYGIEIA_HOME``, else ``$XDG_CONFIG_HOME/hygieia`` (0700)::

    profiles/NAME/profile.json    who, where, the pinned seal, the highest index seen, the sealed part
    profiles/NAME/refused-seals.json    how often a server's sealed key was refused (MS-08)
    profiles/NAME/uploads/        uploads under way, each sealed
    profiles/NAME/stored-digests  which contents are stored already, sealed; may be lost

The sealed part (session and device token) is AES-256-GCM under the state key, HKDF-SHA-256 of the
seal passphrase (RFC 5869). So a wrong password cannot even present this device's token, and a
copied folder signs nobody in.
"""

from __future__ import annotations

import base64
import binascii
import contextlib
import fcntl
import json
import os
import re
import secrets
from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING, Any, Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from hygieia.errors import CredentialsError, Failed, UsageError
from hygieia.folders import make_folder, sync_folder

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

FORMAT: Final = 1
_NONCE_BYTES: Final = 12
_PROFILE_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
_STATE_KEY_INFO: Final = b"hygieia client-state 1"


@dataclass(frozen=True, slots=True)
class IndexFloor:
    """The highest vault index this device has acknowledged; it never goes below (docs/spec/13)."""

    sequence: int
    root: str


@dataclass(frozen=True, slots=True)
class Profile:
    """One account on this machine, as remembered. Nothing here is secret but ``sealed``."""

    server: str
    email: str
    name: str
    account: str
    kdf: dict[str, int]
    certificate: str
    seal_certificate: str
    sealed_key: str
    seal_mac: str
    key_id: str
    fingerprint: str
    ipns_name: str
    index_floor: IndexFloor | None = None
    sealed: str | None = None
    sealed_first_index: str | None = None
    signed_in: bool = False
    keyring: bool = False


class StateKey:
    """Seals this device's own secrets under the account's password."""

    __slots__ = ("_cipher",)

    def __init__(self, seal_passphrase: str) -> None:
        key = HKDF(hashes.SHA256(), 32, None, _STATE_KEY_INFO).derive(seal_passphrase.encode())
        self._cipher = AESGCM(key)

    def seal(self, context: str, document: Mapping[str, Any]) -> str:
        """Seal a JSON document; ``context`` says what it is and is authenticated with it."""
        # 96 random bits: a device seals some thousand documents in its life, far from the
        # 2^32 messages that SP 800-38D §8.3 allows a key with random nonces.
        nonce = secrets.token_bytes(_NONCE_BYTES)
        plain = json.dumps(document, separators=(",", ":")).encode()
        return base64.b64encode(
            nonce + self._cipher.encrypt(nonce, plain, context.encode())
        ).decode()

    def open(self, context: str, sealed: str) -> dict[str, Any]:
        """Open what ``seal`` made.

        Raises:
            CredentialsError: another password sealed it, or it was changed.
        """
        try:
            raw = base64.b64decode(sealed, validate=True)
            plain = self._cipher.decrypt(raw[:_NONCE_BYTES], raw[_NONCE_BYTES:], context.encode())
        except (InvalidTag, ValueError, binascii.Error):
            raise CredentialsError(
                "The password is wrong.",
                hint="Was it changed on another device? Then sign in with the new one: "
                "hygieia login EMAIL",
            ) from None
        opened: dict[str, Any] = json.loads(plain)
        return opened


class ProfileStore:
    """Reads and writes one profile's folder, atomically, one process at a time."""

    def __init__(self, home: Path, name: str) -> None:
        if not _PROFILE_NAME.fullmatch(name):
            raise UsageError(
                "A profile's name is letters, digits, dots, dashes and underscores, 64 at most."
            )
        self.name = name
        self.folder = home / "profiles" / name
        self._file = self.folder / "profile.json"

    @property
    def uploads_folder(self) -> Path:
        """Where uploads under way keep their sealed state."""
        return self.folder / "uploads"

    @property
    def digests_file(self) -> Path:
        """Where the digests of stored contents are remembered, sealed."""
        return self.folder / "stored-digests"

    @property
    def to_do_file(self) -> Path:
        """What is still to be gone through for delegates."""
        return self.folder / "delegates.todo"

    @property
    def refusals_file(self) -> Path:
        """Where sign-ins count the sealed keys they refused."""
        return self.folder / "refused-seals.json"

    def load(self) -> Profile | None:
        """The remembered account, or None when nobody signed in here."""
        try:
            fields = json.loads(self._file.read_text("utf-8"))
        except FileNotFoundError:
            return None
        except NotADirectoryError:
            raise _no_folder(self.folder) from None
        except (OSError, ValueError):
            raise _damaged(self._file) from None
        if not isinstance(fields, dict) or fields.pop("format", None) != FORMAT:
            raise _damaged(self._file)
        floor = fields.pop("index_floor", None)
        try:
            return Profile(**fields, index_floor=IndexFloor(**floor) if floor else None)
        except TypeError:
            raise _damaged(self._file) from None

    def save(self, profile: Profile) -> None:
        """Write the profile: whole or not at all, durable when this returns."""
        self._make_folder()
        write_atomically(
            self._file, json.dumps({"format": FORMAT, **asdict(profile)}, indent=1).encode()
        )

    def save_keeping_floor(self, profile: Profile) -> Profile:
        """Save all of a profile but a lower floor than the one on disk for the same index."""
        with self.locked():
            known = self.load()
            floor = known.index_floor if known is not None else None
            same = known is not None and known.ipns_name == profile.ipns_name
            lower = profile.index_floor is None or (
                floor is not None and floor.sequence > profile.index_floor.sequence
            )
            if same and lower:
                profile = replace(profile, index_floor=floor)
            self.save(profile)
            return profile

    def raise_floor(self, floor: IndexFloor) -> None:
        """Remember a newer index; an older one is ignored, whatever wrote it."""
        with self.locked():
            profile = self.load()
            if profile is None:
                return
            known = profile.index_floor
            if known is None or floor.sequence > known.sequence:
                self.save(replace(profile, index_floor=floor))

    def put_back(self, profile: Profile | None) -> None:
        """Undo a ``save``: what stood here before, or nothing."""
        if profile is None:
            self._file.unlink(missing_ok=True)
        else:
            self.save(profile)

    def forget(self) -> None:
        """Remove the profile and everything that was remembered beside it."""
        for file in (self._file, self.refusals_file, self.digests_file, self.to_do_file):
            file.unlink(missing_ok=True)
        if self.uploads_folder.is_dir():
            for entry in self.uploads_folder.iterdir():
                entry.unlink(missing_ok=True)

    @contextlib.contextmanager
    def locked(self) -> Iterator[None]:
        """Keep other processes of this profile out meanwhile."""
        self._make_folder()
        lock = os.open(self.folder / "lock", os.O_WRONLY | os.O_CREAT, 0o600)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield
        finally:
            os.close(lock)

    def _make_folder(self) -> None:
        try:
            for folder in (self.folder.parent.parent, self.folder.parent, self.folder):
                make_folder(folder)
        except OSError:
            raise _no_folder(self.folder) from None


def write_atomically(path: Path, data: bytes) -> None:
    """Write a file readable by its owner only: whole or not at all, durable when this returns.

    Raises:
        Failed: the disk is full or the folder cannot be written.
    """
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
    try:
        descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(descriptor)
        temporary.replace(path)
        sync_folder(path.parent)
    except OSError as error:
        temporary.unlink(missing_ok=True)
        raise Failed(
            f"{path.name} could not be written: {error.strerror or 'unknown reason'}.",
            hint="Make room or correct the folder's permissions, then run again.",
        ) from None


def _no_folder(folder: Path) -> UsageError:
    return UsageError(
        f"The folder {str(folder)!r} cannot be made: this machine remembers your account there.",
        hint="Have HYGIEIA_HOME name a folder of yours.",
    )


def _damaged(path: Path) -> Failed:
    return Failed(
        f"The saved profile {path} is damaged.",
        hint="Move it away and sign in again; your records are on the server and in your kit.",
    )
