"""Other people's OpenPGP programs, and our keys in the form they read."""

from __future__ import annotations

import os
import secrets
import shutil
import subprocess
import tempfile
from dataclasses import replace
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from unittest.mock import patch

from hygieia.openpgp import key_packets as kp
from hygieia.openpgp import keys
from hygieia.openpgp import signature_packets as sp
from hygieia.openpgp.armor import PRIVATE_KEY, PUBLIC_KEY, armor, dearmor
from hygieia.openpgp.keys import UnlockedKey
from tests.node_program import NodeProgram

_CREATED = datetime(2026, 1, 2, tzinfo=UTC)


@cache
def ana() -> UnlockedKey:
    """A key as the vault makes it: SEIPD version 2 with GCM preferred."""
    return keys.assemble_key(
        "Ana Probe", "ana@example.org", _CREATED, secrets.token_bytes(32), secrets.token_bytes(32)
    )


@cache
def key_that_wants(
    features: bytes, aead_suites: bytes, compression: bytes = b"\x00"
) -> UnlockedKey:
    """A key that asks outsiders for another kind of encryption."""
    wishes = {
        sp.FEATURES: features,
        sp.PREFERRED_AEAD_SUITES: aead_suites,
        sp.PREFERRED_COMPRESSION: compression,
    }
    wanted = tuple(
        replace(each, body=wishes.get(each.kind, each.body))
        for each in keys._OWN_USER_ID_SUBPACKETS
    )
    with patch.object(keys, "_OWN_USER_ID_SUBPACKETS", wanted):
        return keys.assemble_key(
            "Old Ana", "old@example.org", _CREATED, secrets.token_bytes(32), secrets.token_bytes(32)
        )


def old_key(compression: bytes = b"\x00") -> UnlockedKey:
    """A key of the time before SEIPD version 2."""
    return key_that_wants(b"\x01", b"\x09\x02", compression)


def ocb_key(compression: bytes = b"\x00") -> UnlockedKey:
    """A key that prefers OCB."""
    return key_that_wants(b"\x09", b"\x09\x02", compression)


def secret_key_text(key: UnlockedKey) -> str:
    """The armored secret key, unlocked, as every program reads it (RFC 9580 §5.5.3)."""
    signing, decryption = key.secrets()
    by_tag = {6: (5, signing), 14: (7, decryption[::-1])}
    octets = dearmor(PUBLIC_KEY, key.certificate.armored, max_bytes=100_000)
    result = b""
    for packet in kp.split_packets(octets, max_packets=20):
        if packet.tag not in by_tag:
            result += kp.write_packet(packet.tag, packet.body)
            continue
        tag, secret = by_tag[packet.tag]
        number = kp.write_mpi(secret.lstrip(b"\x00"))
        total = (sum(number) & 0xFFFF).to_bytes(2, "big")
        result += kp.write_packet(tag, packet.body + b"\x00" + number + total)
    return armor(PRIVATE_KEY, result)


class OpenPgpJs(NodeProgram):
    """OpenPGP.js under Node; use it as a context."""

    script = "messages.mjs"


class Sq:
    """Debian 13's sq, run in the chroot on files of its own folder."""

    def __init__(self, chroot: Path) -> None:
        self._chroot = chroot
        self._folder = Path(tempfile.mkdtemp(prefix="sq-", dir=chroot / "tmp"))

    def close(self) -> None:
        shutil.rmtree(self._folder)

    def write(self, name: str, octets: bytes) -> None:
        (self._folder / name).write_bytes(octets)

    def read(self, name: str) -> bytes:
        return (self._folder / name).read_bytes()

    def remove(self, name: str) -> None:
        (self._folder / name).unlink()

    def run(self, *words: str) -> None:
        """Run sq in the folder; raises CalledProcessError when it fails."""
        inside = "/" + str(self._folder.relative_to(self._chroot))
        line = ["chroot", str(self._chroot), "env", f"--chdir={inside}", "HOME=/tmp", "sq", *words]
        subprocess.run(line, check=True, capture_output=True, stdin=subprocess.DEVNULL)


class Gpg:
    """gpg with a home folder of its own."""

    def __init__(self, home: Path) -> None:
        self._home = home
        home.mkdir(mode=0o700, exist_ok=True)

    def run(self, *words: str, octets: bytes = b"") -> bytes:
        line = ["gpg", "--batch", "--quiet", "--trust-model=always", *words]
        environment = {**os.environ, "GNUPGHOME": str(self._home)}
        done = subprocess.run(line, input=octets, capture_output=True, check=True, env=environment)
        return done.stdout

    def close(self) -> None:
        environment = {**os.environ, "GNUPGHOME": str(self._home)}
        subprocess.run(["gpgconf", "--kill", "all"], env=environment, check=False)
