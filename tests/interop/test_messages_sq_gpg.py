"""Envelopes and messages between ours, Debian 13's sq and gpg."""

from __future__ import annotations

import io
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from hygieia.errors import EnvelopeRefused
from hygieia.openpgp.envelope import make_header
from hygieia.openpgp.imported import Imported, Protection, open_message
from hygieia.openpgp.keys import UnlockedKey, generate_key
from hygieia.openpgp.payload import PayloadWriter, encrypt_bytes
from hygieia.openpgp.session_keys import make_session_key
from tests.interop.programs import Gpg, Sq, ana, ocb_key, old_key, secret_key_text

pytestmark = pytest.mark.interop

SESSION_KEY = make_session_key()
CONTENTS = [b"", b"Befund\n" * 30_000, bytes(range(256)) * 20_000]
KEYS: dict[str, Callable[[], UnlockedKey]] = {"gcm": ana, "version 1": old_key, "ocb": ocb_key}


@pytest.fixture
def sq(debian_chroot: Path) -> Iterator[Sq]:
    program = Sq(debian_chroot)
    for name, make in KEYS.items():
        program.write(f"{name}.key", secret_key_text(make()).encode())
        program.write(f"{name}.cert", make().certificate.armored.encode())
    yield program
    program.close()


@pytest.fixture
def gpg(tmp_path: Path) -> Iterator[Gpg]:
    program = Gpg(tmp_path / "gnupg")
    for key in (ana(), old_key()):
        program.run("--import", octets=secret_key_text(key).encode())
    yield program
    program.close()


def envelope(content: bytes) -> bytes:
    others = [generate_key(f"Reader {number}", "r@example.org").certificate for number in range(3)]
    header = make_header(SESSION_KEY, [*others, ana().certificate])
    writer = PayloadWriter(SESSION_KEY)
    return header + b"".join(writer.update(content) + writer.finish())


def imported(message: bytes, key: UnlockedKey) -> tuple[bytes, Imported]:
    out = io.BytesIO()
    found = open_message(io.BytesIO(message), key, out, spool=io.BytesIO())
    return out.getvalue(), found


@pytest.mark.parametrize("content", CONTENTS)
def test_sq_opens_our_envelopes(sq: Sq, content: bytes) -> None:
    sq.write("data.pgp", envelope(content))
    sq.run("decrypt", "--recipient-file", "gcm.key", "--output", "out", "data.pgp")
    assert sq.read("out") == content


def test_sq_opens_a_payload_by_its_session_key(sq: Sq) -> None:
    sq.write("data.pgp", encrypt_bytes(b"content", SESSION_KEY, 8192))
    key = SESSION_KEY.octets.hex()
    sq.run("decrypt", "--session-key", key, "--output", "out", "data.pgp")
    assert sq.read("out") == b"content"


@pytest.mark.parametrize("place", [-1, -20, 500])
def test_sq_refuses_our_envelope_once_changed(sq: Sq, place: int) -> None:
    octets = bytearray(envelope(CONTENTS[1]))
    octets[place] ^= 1
    sq.write("data.pgp", bytes(octets))
    with pytest.raises(subprocess.CalledProcessError):
        sq.run("decrypt", "--recipient-file", "gcm.key", "--output", "out", "data.pgp")


@pytest.mark.parametrize("compression", ["none", "pad", "zip", "zlib", "bzip2"])
@pytest.mark.parametrize("name", KEYS)
def test_we_open_what_sq_signs_and_encrypts(sq: Sq, name: str, compression: str) -> None:
    for content in CONTENTS:
        sq.write("in", content)
        choices = ["--for-file", f"{name}.cert", "--signer-file", "gcm.key"]
        format_choices = ["--compression", compression, "--binary", "--output", "out.pgp"]
        sq.run("--overwrite", "encrypt", *choices, *format_choices, "in")
        opened, found = imported(sq.read("out.pgp"), KEYS[name]())
        assert opened == content
        assert found.protection is (Protection.SEIPD1 if name == "version 1" else Protection.SEIPD2)
        assert found.content.compressed == (compression in {"zip", "zlib", "bzip2"})
        assert len(found.content.signatures) == 1


def test_we_open_what_sq_armors_without_signature(sq: Sq) -> None:
    sq.write("in", CONTENTS[1])
    sq.run("encrypt", "--for-file", "gcm.cert", "--without-signature", "--output", "out.pgp", "in")
    opened, found = imported(sq.read("out.pgp"), ana())
    assert opened == CONTENTS[1]
    assert found.content.signatures == ()


@pytest.mark.parametrize("algorithm", ["uncompressed", "zip", "zlib", "bzip2"])
@pytest.mark.parametrize("content", CONTENTS)
def test_we_open_what_gpg_encrypts(gpg: Gpg, algorithm: str, content: bytes) -> None:
    fingerprint = old_key().certificate.fingerprint
    choices = ["--compress-algo", algorithm, "--recipient", fingerprint]
    opened, found = imported(gpg.run("--encrypt", *choices, octets=content), old_key())
    assert opened == content
    assert found.protection is Protection.SEIPD1


def test_we_open_what_gpg_signs_armors_and_sends_to_nobody_named(gpg: Gpg) -> None:
    fingerprint = old_key().certificate.fingerprint
    choices = ["--armor", "--sign", "--encrypt", "--hidden-recipient", fingerprint]
    signer = ["--local-user", ana().certificate.fingerprint]
    message = gpg.run(*choices, *signer, octets=CONTENTS[1])
    opened, found = imported(message, old_key())
    assert opened == CONTENTS[1]
    assert [each.issuer for each in found.content.signatures] == [ana().certificate.fingerprint]


def test_we_open_what_gpg_encrypts_to_a_key_of_ours(gpg: Gpg) -> None:
    fingerprint = ana().certificate.fingerprint
    opened, _ = imported(gpg.run("--encrypt", "-r", fingerprint, octets=b"content"), ana())
    assert opened == b"content"


def test_we_open_what_gpg_makes_of_a_named_file(gpg: Gpg, tmp_path: Path) -> None:
    source, out = tmp_path / "scan.txt", tmp_path / "scan.gpg"
    source.write_bytes(CONTENTS[2])
    fingerprint = old_key().certificate.fingerprint
    gpg.run("--output", str(out), "--encrypt", "-r", fingerprint, str(source))
    opened, found = imported(out.read_bytes(), old_key())
    assert opened == CONTENTS[2]
    assert found.content.file_name == b"scan.txt"


def test_what_gpg_encrypts_without_integrity_is_refused(gpg: Gpg) -> None:
    """With ``--rfc2440``, gpg 2.2 still writes packets of type 9; a newer one may not."""
    fingerprint = old_key().certificate.fingerprint
    message = gpg.run("--rfc2440", "--encrypt", "-r", fingerprint, octets=b"content")
    with pytest.raises(EnvelopeRefused, match="without protection"):
        imported(message, old_key())
