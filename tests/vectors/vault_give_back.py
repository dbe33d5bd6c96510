"""Reports given back after a lost key (docs/spec/19-re-key-and-give-back.md §5).

Ingrid made a new key in March; her doctor shares what he holds of hers to it. Each vector is what her
client finds: a report that her new key opens, and one note that claims to give it back.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from typing import Any

from hygieia.errors import HygieiaError
from hygieia.ipld.block import verify
from hygieia.ipld.cid import CID
from hygieia.openpgp.certificates import Certificate
from hygieia.openpgp.keys import UnlockedKey, assemble_key
from hygieia.openpgp.times import parse_time
from hygieia.vault.give_back import check_given_back
from hygieia.vault.people import Contact, ContactState, FormerKey, People
from hygieia.vault.reading import read_now
from hygieia.vault.report import Expected, Report
from hygieia.vault.report_build import seal_report
from hygieia.vault.report_meta import Draft
from hygieia.vault.report_read import read_report
from hygieia.vault.share_note import Share, open_share, sign_share
from hygieia.vault.sharing import add_readers
from tests.unit.vault.factories import Blocks, blocks_of
from tests.vectors.vault_parts import Recorder, key_parts
from tests.vectors.writing import Vector

EMAIL = "ingrid@example.org"
STORED, GIVEN = "2026-02-01T08:00:00Z", "2026-03-24T12:00:00Z"


def _made(name: str, time: str, email: str | None = None) -> UnlockedKey:
    """A key of this time, from public words."""
    said = f"{name} {time} gives back"
    secrets = [hashlib.sha256(f"{said} {use}".encode()).digest() for use in ("sign", "decrypt")]
    of = email or f"{name.lower()}@example.org"
    return assemble_key(name, of, parse_time(time), secrets[0], secrets[1])


OLD = _made("Ingrid", "2026-01-01T00:00:00Z")
NEW = _made("Ingrid", "2026-03-01T00:00:00Z")
NEWER = _made("Ingrid", "2026-03-20T00:00:00Z")
DOCTOR = _made("Boris", "2025-06-01T00:00:00Z")
OTHER = _made("Cleo", "2025-06-01T00:00:00Z")
FOREIGN = _made("Mallory", "2026-01-01T00:00:00Z")
Change = Callable[[Share], Share]


def _former(key: UnlockedKey, certificate: UnlockedKey | None = None) -> FormerKey:
    return FormerKey(key.key_id, (certificate or key).certificate.armored)


def _contact(key: UnlockedKey, state: ContactState = ContactState.VERIFIED) -> Contact:
    of = key.certificate
    return Contact(key.key_id, of.armored, state, of.name, of.email)


def _lost(owner: UnlockedKey, author: UnlockedKey) -> tuple[Report, Blocks]:
    """A report of the owner's, as her doctor holds it."""
    made = (owner.certificate.created, author.certificate.created)
    stored = max(parse_time(STORED), *made)
    built = seal_report(
        Draft(
            title="Blutbild",
            file_name="blutbild.txt",
            media_type="text/plain",
            owner=owner.key_id,
            author=author.key_id,
            subject=owner.key_id,
            category="laboratory",
        ),
        b"Hb 13.9 g/dl\n",
        [owner.certificate, DOCTOR.certificate],
        key=author,
        created=stored.strftime("%Y-%m-%dT%H:%M:%SZ"),
    )
    blocks = blocks_of(built)
    known = People(DOCTOR.certificate, (), [_contact(owner), _contact(OTHER)])
    return read_now(read_report(built.root.cid, DOCTOR, known), blocks.get), blocks


def _given(
    what: str,
    change: Change = lambda share: share,
    *,
    owner: UnlockedKey = OLD,
    author: UnlockedKey | None = None,
    by: UnlockedKey = DOCTOR,
    contacts: Sequence[Contact] | None = None,
) -> dict[str, Any]:
    """A vector: the doctor's note as it would be, changed, signed by whom ``by`` says."""
    report, blocks = _lost(owner, author or owner)
    former = _former(owner)
    had = {NEW.key_id: former}
    shared = add_readers(report, [NEW.certificate], key=DOCTOR, created=GIVEN, former=had)
    blocks.add(*shared.blocks)
    [added] = shared.added
    note = sign_share(
        by, change(Share(report.meta.id, NEW.key_id, added.pkesk, None, GIVEN, former))
    )
    known = [_contact(DOCTOR)] if contacts is None else contacts
    recorder = Recorder(blocks)
    vector: dict[str, Any] = {
        "what": what,
        "kind": "give-back",
        "owner": key_parts(NEW),
        "contacts": [each.to_json() for each in known],
        "report": report.meta.id,
        "signer": DOCTOR.key_id,
        "data": note.decode(),
        "root": str(shared.root.cid),
    }
    expect = _judge(vector, NEW, recorder)
    return vector | {"blocks": recorder.dump(), "expect": expect}


def read_give_back_vector(vector: dict[str, Any]) -> dict[str, Any]:
    """What a reader makes of a vector of kind ``give-back``."""
    parts = vector["owner"]
    secrets = (bytes.fromhex(parts[name]) for name in ("signing_secret", "decryption_secret"))
    key = UnlockedKey(Certificate.parse(parts["certificate"]), *secrets)
    blocks = Blocks()
    blocks.add(
        *(verify(CID.parse(cid), bytes.fromhex(data)) for cid, data in vector["blocks"].items())
    )
    return _judge(vector, key, blocks)


def _judge(vector: dict[str, Any], key: UnlockedKey, blocks: Blocks) -> dict[str, Any]:
    contacts = [Contact.from_json(each) for each in vector["contacts"]]
    people = People(key.certificate, (), contacts)
    try:
        said = open_share(
            vector["data"].encode(),
            report=vector["report"],
            signer=vector["signer"],
            people=people,
        )
        # The former key as if it were confirmed, to judge what it signed.
        claimed = [] if said.share.former is None else [said.share.former]
        as_if = People(key.certificate, claimed, contacts)
        reading = read_report(CID.parse(vector["root"]), key, as_if, Expected(id=said.share.report))
        report = read_now(reading, blocks.get)
        given = check_given_back(report, said, key.certificate, people, contacts)
    except HygieiaError as error:
        return {"refused": error.code}
    return {"former": given.former.key, "giver": given.giver.key, "verdict": report.verdict.value}


def give_backs() -> Iterator[Vector]:
    """Every vector of the folder."""
    yield "ok-her-own", _given("A report that she stored under her former key.")
    written = _given("Hers, and written by somebody she does not know any more.", author=OTHER)
    yield "ok-written-by-another", written
    yield from _wrong_notes()
    yield from _wrong_keys()
    yield from _wrong_givers()


def _wrong_notes() -> Iterator[Vector]:
    cases: list[tuple[str, str, Change]] = [
        ("no-former", "A share note that gives nothing back.", lambda s: replace(s, former=None)),
        (
            "for-another-reader",
            "The note is for somebody else.",
            lambda s: replace(s, reader=OTHER.key_id),
        ),
        (
            "another-packet",
            "The note names another packet than the one that opened.",
            lambda s: replace(s, pkesk="0" * 64),
        ),
        (
            "for-another-report",
            "The note is for another report.",
            lambda s: replace(s, report="b2" * 16),
        ),
    ]
    for name, what, change in cases:
        yield name, _given(what, change)


def _wrong_keys() -> Iterator[Vector]:
    def claims(former: FormerKey) -> Change:
        return lambda share: replace(share, former=former)

    yield "key-not-in-the-report", _given("The report names another key.", claims(_former(NEWER)))
    present = _given("The former key is her present one.", claims(_former(NEW)), author=NEW)
    yield "her-present-key", present
    theirs = [_contact(DOCTOR), _contact(OLD)]
    yield "key-of-a-contact", _given("The key is a contact's of hers.", contacts=theirs)
    garbled = claims(_former(OLD, NEWER))
    yield "certificate-of-another-key", _given("The certificate is another key's.", garbled)
    foreign = _given("The certificate has another email address.", owner=FOREIGN)
    yield "certificate-of-another-email", foreign
    yield "certificate-newer", _given("The former key is newer than her own.", owner=NEWER)


def _wrong_givers() -> Iterator[Vector]:
    for state in (ContactState.UNVERIFIED, ContactState.CHANGED):
        known = [_contact(DOCTOR, state)]
        yield f"giver-{state}", _given(f"The giver is {state}.", contacts=known)
    yield "giver-a-stranger", _given("The giver is nobody she knows.", contacts=[])
    yield "signed-by-another", _given("Another signed in the giver's name.", by=OTHER)
