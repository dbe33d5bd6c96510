"""Keys, seals and notes between ours and OpenPGP.js 6."""

from __future__ import annotations

import json
import subprocess
from typing import Any

import pytest

from hygieia.openpgp import sealing
from hygieia.openpgp.certificates import Certificate, Revocation
from hygieia.openpgp.keys import UnlockedKey
from hygieia.openpgp.locked_keys import COUNT_FOR_CODE, COUNT_FOR_STRETCHED, lock, unlock
from hygieia.openpgp.notes import Verdict, parse_note, verify_note
from hygieia.openpgp.recovery_code import make_code
from hygieia.openpgp.signing import sign_note
from tests.interop.programs import ana
from tests.node_program import NODE_FOLDER

CONTEXT = "hygieia report-meta 1"


def ask(question: str, **request: object) -> dict[str, Any]:
    done = subprocess.run(
        ["node", "keys.mjs"],
        cwd=NODE_FOLDER,
        input=json.dumps({"ask": question, **request}),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    answer: dict[str, Any] = json.loads(done.stdout)
    return answer


@pytest.fixture(scope="module")
def theirs() -> dict[str, Any]:
    """A key that OpenPGP.js made, locked by a passphrase, and the same one revoked."""
    return ask("generate", passphrase="pass phrase")


def test_openpgpjs_finds_nothing_wrong_with_our_certificate() -> None:
    certificate = ana().certificate
    assert ask("inspect", certificate=certificate.armored) == {
        "fingerprint": certificate.fingerprint,
        "user": "Ana Probe <ana@example.org>",
        "signing": certificate.fingerprint,
        "encryption": certificate.encryption_subkey().fingerprint.hex(),
        "revoked": False,
        "features": [9],
        "suites": [[9, 3], [9, 2]],
    }


@pytest.mark.parametrize("count", [COUNT_FOR_STRETCHED, COUNT_FOR_CODE])
def test_openpgpjs_opens_what_we_lock(count: int) -> None:
    locked = lock(ana(), "pass phrase", count=count)
    answer = ask("unlock", key=locked, passphrase="pass phrase")
    assert answer == {"fingerprint": ana().certificate.fingerprint, "text": "to myself"}


def test_openpgpjs_verifies_our_notes_and_sees_the_context() -> None:
    outer = json.loads(
        sign_note(ana(), CONTEXT, {"title": "Röntgen", "created": "2026-06-01T00:00:00Z"})
    )
    certificate = ana().certificate.armored
    assert ask("verify", **outer, certificate=certificate) == {
        "valid": True,
        "created": "2026-06-01T00:00:00.000Z",
        "notations": [["context@hygieia", CONTEXT, False]],
    }
    outer["note"] += " "
    assert not ask("verify", **outer, certificate=certificate)["valid"]


def test_we_verify_notes_that_openpgpjs_signs() -> None:
    text = f'{CONTEXT}\n{{"title":"Röntgen","created":"2026-06-01T00:00:00Z"}}'
    answer = ask(
        "sign",
        note=text,
        context=CONTEXT,
        created="2026-06-01T00:00:00Z",
        key=lock(ana(), "p", count=COUNT_FOR_STRETCHED),
        passphrase="p",
    )
    note = parse_note(json.dumps({"note": text, **answer}), CONTEXT)
    assert verify_note(note, ana().certificate) is Verdict.VALID


def test_openpgpjs_accepts_the_revocation_from_the_kit() -> None:
    code = make_code()
    revocation = sealing.open_revocation(sealing.seal_revocation(ana(), code), code)
    own = ana().certificate
    answer = ask("revoke", certificate=own.armored, revocation=revocation)
    assert own.merge(Certificate.parse(answer["certificate"])).is_revoked


def test_we_read_certificates_that_openpgpjs_makes(theirs: dict[str, Any]) -> None:
    certificate = Certificate.parse(theirs["certificate"])
    assert (certificate.name, certificate.email) == ("Jana Script", "jana@example.org")
    assert ask("inspect", certificate=theirs["certificate"])["encryption"] == (
        certificate.encryption_subkey().fingerprint.hex()
    )
    assert certificate.may_sign_at(certificate.created)


def test_we_see_that_openpgpjs_revoked_a_key(theirs: dict[str, Any]) -> None:
    pinned = Certificate.parse(theirs["certificate"])
    merged = pinned.merge(Certificate.parse(theirs["revoked"]))
    assert merged.revocation_kind is Revocation.COMPROMISED


def test_we_open_a_key_that_openpgpjs_locked(theirs: dict[str, Any]) -> None:
    """The browser seals with OpenPGP.js, the command line must open it."""
    opened = unlock(theirs["key"], "pass phrase")
    certificate = Certificate.parse(theirs["certificate"])
    key = UnlockedKey(certificate, opened.signing_secret, opened.decryption_secret)
    assert key.key_id == certificate.key_id
