"""Keys, seals and notes between ours, Debian 13's sq and gpg."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from hygieia.openpgp import kdf, sealing
from hygieia.openpgp.certificates import Certificate, Revocation
from hygieia.openpgp.kdf import Stretched
from hygieia.openpgp.keys import generate_key
from hygieia.openpgp.locked_keys import COUNT_FOR_STRETCHED, lock
from hygieia.openpgp.notes import Note, Verdict, read_note, verify_note
from hygieia.openpgp.parameters import DEFAULT_KDF
from hygieia.openpgp.recovery_code import make_code
from hygieia.openpgp.signing import sign_note
from tests.interop.programs import Gpg, Sq, ana, secret_key_text

pytestmark = pytest.mark.interop

CONTEXT = "hygieia report-meta 1"
PASSPHRASE = "5e" * 32
CREATED = "2026-03-01T10:00:00Z"


@pytest.fixture
def sq(debian_chroot: Path) -> Iterator[Sq]:
    program = Sq(debian_chroot)
    program.write("cert.pgp", ana().certificate.armored.encode())
    program.write("pass", PASSPHRASE.encode())
    yield program
    program.close()


@pytest.fixture
def gpg(tmp_path: Path) -> Iterator[Gpg]:
    program = Gpg(tmp_path / "gnupg")
    yield program
    program.close()


def test_sq_opens_our_sealed_key_and_reads_with_it(sq: Sq) -> None:
    sealed = sealing.seal_key(
        ana(),
        Stretched(PASSPHRASE, ""),
        email="ana@example.org",
        account="0" * 32,
        params=DEFAULT_KDF,
    )
    sq.write("key.pgp", sealed.armored.encode())
    words = ["--password-file", "pass", "key", "password", "--cert-file", "key.pgp"]
    sq.run(*words, "--clear-password", "--output", "open.pgp")
    sq.write("plain", b"to myself")
    words = ["encrypt", "--for-file", "cert.pgp", "--without-signature"]
    sq.run(*words, "--output", "message.pgp", "plain")
    sq.run("decrypt", "--recipient-file", "open.pgp", "--output", "out", "message.pgp")
    assert sq.read("out") == b"to myself"


def test_sq_refuses_our_sealed_key_under_another_passphrase(sq: Sq) -> None:
    sq.write("key.pgp", lock(ana(), "another", count=COUNT_FOR_STRETCHED).encode())
    words = ["--password-file", "pass", "key", "password", "--cert-file", "key.pgp"]
    with pytest.raises(subprocess.CalledProcessError):
        sq.run(*words, "--clear-password", "--output", "open.pgp")


def write_note(sq: Sq) -> str:
    outer = json.loads(sign_note(ana(), CONTEXT, {"title": "Röntgen"}))
    sq.write("note.txt", outer["note"].encode())
    sq.write("note.sig", outer["signature"].encode())
    text: str = outer["note"]
    return text


def test_sq_verifies_our_notes(sq: Sq) -> None:
    text = write_note(sq)
    words = ["verify", "--signer-file", "cert.pgp", "--signature-file", "note.sig", "note.txt"]
    sq.run(*words)
    sq.write("note.txt", text.replace("title", "titel").encode())
    with pytest.raises(subprocess.CalledProcessError):
        sq.run(*words)


def signed_by_sq(sq: Sq, body: str, *notation: str) -> Note:
    """A note whose signature sq makes, at the time that the note names."""
    text = f"{CONTEXT}\n{body}"
    sq.write("note.txt", text.encode())
    line = ["sign", "--signer-file", "key.pgp", "--signature-file", "note.sig", *notation]
    sq.run("--overwrite", "--time", CREATED, *line, "note.txt")
    return read_note(text, sq.read("note.sig").decode(), CONTEXT)


def notation(context: str) -> tuple[str, str, str]:
    return ("--signature-notation", "context@hygieia", context)


def test_we_verify_notes_that_sq_signs(sq: Sq) -> None:
    sq.write("key.pgp", secret_key_text(ana()).encode())
    body = f'{{"created":"{CREATED}","title":"Röntgen"}}'
    note = signed_by_sq(sq, body, *notation(CONTEXT))
    assert verify_note(note, ana().certificate) is Verdict.VALID
    assert note.body["title"] == "Röntgen"
    assert verify_note(note, generate_key("B", "b@example.org").certificate) is (
        Verdict.UNKNOWN_SIGNER
    )
    forged = replace(note, text=note.text.replace("title", "titel"))
    assert verify_note(forged, ana().certificate) is Verdict.INVALID


def test_a_note_that_sq_signs_without_its_context_or_at_another_time_is_invalid(sq: Sq) -> None:
    sq.write("key.pgp", secret_key_text(ana()).encode())
    body = f'{{"created":"{CREATED}"}}'
    later = body.replace("10:00", "10:01")
    for said, notations in (
        (body, ()),
        (body, notation("hygieia share 1")),
        (later, notation(CONTEXT)),
    ):
        note = signed_by_sq(sq, said, *notations)
        assert verify_note(note, ana().certificate) is Verdict.INVALID


def test_sq_opens_our_sealed_revocation_with_the_code(sq: Sq) -> None:
    code = make_code()
    sq.write("revocation.pgp", sealing.seal_revocation(ana(), code).encode())
    sq.write("code", code.encode())
    words = ["decrypt", "--password-file", "code", "--output", "revocation.asc"]
    sq.run(*words, "revocation.pgp")
    revoked = ana().certificate.with_revocation(sq.read("revocation.asc").decode())
    assert revoked.revocation_kind is Revocation.COMPROMISED


def test_we_read_the_keys_that_sq_makes(sq: Sq) -> None:
    words = [
        "key",
        "generate",
        "--shared-key",
        "--name",
        "Sequoia Sam",
        "--email",
        "sam@example.org",
    ]
    files = ["--without-password", "--output", "sam.key", "--rev-cert", "sam.rev"]
    sq.run("--overwrite", *words, *files)
    sq.run("key", "delete", "--cert-file", "sam.key", "--output", "sam.cert")
    certificate = Certificate.parse(sq.read("sam.cert").decode())
    assert (certificate.name, certificate.email) == ("Sequoia Sam", "sam@example.org")
    assert not certificate.may_sign_at(certificate.created), "its primary key only certifies"
    assert len(certificate.encryption_subkey().point) == 32


def test_gpg_reads_our_certificate_and_finds_its_signatures_good(gpg: Gpg) -> None:
    gpg.run("--import", octets=ana().certificate.armored.encode())
    listing = gpg.run("--with-colons", "--check-signatures").decode().splitlines()
    rows = [line.split(":") for line in listing]
    assert ["sig", "!"] in [row[:2] for row in rows]
    assert not [row for row in rows if row[0] == "sig" and row[1] != "!"]
    fingerprints = [row[9].lower() for row in rows if row[0] == "fpr"]
    own = ana().certificate
    assert fingerprints == [own.fingerprint, own.encryption_subkey().fingerprint.hex()]


def test_gpg_opens_our_sealed_key_and_reads_with_it(gpg: Gpg) -> None:
    loopback = ["--pinentry-mode", "loopback", "--passphrase", PASSPHRASE]
    locked = lock(ana(), PASSPHRASE, count=COUNT_FOR_STRETCHED)
    gpg.run(*loopback, "--import", octets=locked.encode())
    message = gpg.run("--encrypt", "--recipient", ana().certificate.fingerprint, octets=b"hello")
    assert gpg.run(*loopback, "--decrypt", octets=message) == b"hello"


def test_gpg_accepts_the_revocation_from_the_kit(gpg: Gpg) -> None:
    key, code = generate_key("Lost", "lost@example.org"), make_code()
    revocation = sealing.open_revocation(sealing.seal_revocation(key, code), code)
    # A revocation touches the trust database, which the model "always" never makes.
    for text in (key.certificate.armored, revocation):
        gpg.run("--trust-model=pgp", "--import", octets=text.encode())
    listing = gpg.run("--with-colons", "--list-keys").decode()
    assert "pub:r:" in listing


def test_we_read_the_keys_that_gpg_makes_and_revokes(gpg: Gpg) -> None:
    empty = ["--pinentry-mode", "loopback", "--passphrase", ""]
    words = ["--quick-generate-key", "Gerda <gerda@example.org>"]
    gpg.run(*empty, *words, "ed25519", "cert,sign", "never")
    listing = gpg.run("--with-colons", "--list-keys").decode().splitlines()
    fingerprint = next(line.split(":")[9] for line in listing if line.startswith("fpr"))
    gpg.run(*empty, "--quick-add-key", fingerprint, "cv25519", "encr", "1y")
    certificate = Certificate.parse(gpg.run("--armor", "--export").decode())
    assert certificate.fingerprint == fingerprint.lower()
    assert certificate.may_sign_at(certificate.created)
    assert len(certificate.encryption_subkey().point) == 32


def test_sq_accepts_the_revocation_from_the_kit(sq: Sq) -> None:
    code = make_code()
    revocation = sealing.open_revocation(sealing.seal_revocation(ana(), code), code)
    sq.write("revocation.asc", revocation.encode())
    sq.run("keyring", "merge", "--output", "revoked.pgp", "cert.pgp", "revocation.asc")
    assert ana().certificate.merge(Certificate.parse(sq.read("revoked.pgp").decode())).is_revoked


def test_the_argon2_command_makes_the_passphrase_that_we_make(debian_chroot: Path) -> None:
    password, account = "Grüße aus Wien", "00112233445566778899aabbccddeeff"
    salt = kdf.salt_for("ana@example.org", account)
    words = ["argon2", salt, "-id", "-t", "3", "-k", "65536", "-p", "1", "-l", "64", "-r"]
    done = subprocess.run(
        ["chroot", str(debian_chroot), *words],
        input=password.encode(),
        capture_output=True,
        check=True,
    )
    stretched = kdf.stretch(password, "ana@example.org", account, DEFAULT_KDF)
    assert done.stdout.decode().strip() == stretched.seal_passphrase + stretched.login_secret
