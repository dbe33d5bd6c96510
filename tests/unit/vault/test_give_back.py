"""What a give-back may claim, and what a former key is still good for."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta

import pytest

from hygieia.errors import (
    CertificateChanged,
    CertificateRefused,
    InvalidInput,
    NoteRefused,
)
from hygieia.openpgp.keys import UnlockedKey, assemble_key
from hygieia.openpgp.notes import Verdict, parse_note
from hygieia.openpgp.packets import pkesk_digest
from hygieia.openpgp.session_keys import make_session_key, wrap
from hygieia.openpgp.signing import sign_note
from hygieia.openpgp.times import format_time, now
from hygieia.vault.contacts import check_recipients, compared, verified
from hygieia.vault.give_back import as_opened_by, check_given_back, keys_before, theirs
from hygieia.vault.people import Contact, ContactState, FormerKey, People
from hygieia.vault.reading import read_now
from hygieia.vault.report import Expected, Report
from hygieia.vault.report_build import seal_report
from hygieia.vault.report_change import edit_report
from hygieia.vault.report_entry import ReportEntry
from hygieia.vault.report_meta import META_CONTEXT
from hygieia.vault.report_read import read_report
from hygieia.vault.share_note import Share, VerifiedShare, open_share, sign_share
from hygieia.vault.sharing import Reshared, add_readers
from tests.unit.vault.factories import (
    NOW,
    Blocks,
    blocks_of,
    boris,
    contact,
    draft,
    entry,
    key_of,
    make_report,
)

EMAIL = "ingrid@example.org"


def ingrid(hours_ago: int, *, email: str = EMAIL) -> UnlockedKey:
    """Ingrid's key as it was made so long ago."""
    secret = bytes([hours_ago]) * 32
    return assemble_key("Ingrid", email, now() - timedelta(hours=hours_ago), secret, secret)


OLD, NEW = ingrid(48), ingrid(1)
DOCTOR = ingrid(72, email="doctor@example.org")


def former(key: UnlockedKey = OLD) -> FormerKey:
    return FormerKey(key.key_id, key.certificate.armored)


def her() -> Contact:
    """Ingrid as Boris knows her, once compared."""
    return contact(NEW, email=EMAIL, former_keys=(former(),))


def lost_report(
    owner: UnlockedKey = OLD, author: UnlockedKey | None = None
) -> tuple[Report, Blocks]:
    """A report of the owner's as Boris opens it."""
    built = seal_report(
        draft(author or owner, owner=owner.key_id, subject=owner.key_id),
        b"Hb 13.9 g/dl",
        [owner.certificate, boris().certificate],
        key=author or owner,
        created=format_time(max(owner.certificate.created, now() - timedelta(hours=24))),
    )
    known = People(
        boris().certificate, (), [her(), contact(author or owner, email="x@example.org")]
    )
    blocks = blocks_of(built)
    return read_now(read_report(built.root.cid, boris(), known), blocks.get), blocks


def given_back(
    report: Report, blocks: Blocks, said: FormerKey | None, to: UnlockedKey = NEW
) -> tuple[Report, VerifiedShare, Reshared]:
    """The report shared by Boris, as the one he gives it to opens it, and what his note says."""
    had = {to.key_id: said} if said is not None else {}
    shared = add_readers(report, [to.certificate], key=boris(), created=NOW, former=had)
    blocks.add(*shared.blocks)
    extra = (said,) if said is not None else ()
    known = People(to.certificate, extra, [contact(boris())])
    opened = read_now(read_report(shared.root.cid, to, known, Expected()), blocks.get)
    plain = People(to.certificate, (), [contact(boris())])
    note = open_share(shared.notes[0], report=report.meta.id, signer=boris().key_id, people=plain)
    return opened, note, shared


def judged(opened: Report, said: VerifiedShare, contacts: list[Contact] | None = None) -> FormerKey:
    contacts = [contact(boris())] if contacts is None else contacts
    known = People(NEW.certificate, (), contacts)
    return check_given_back(opened, said, NEW.certificate, known, contacts).former


def test_what_a_verified_contact_gives_back_names_the_key_that_it_belonged_to() -> None:
    report, blocks = lost_report()
    opened, said, _ = given_back(report, blocks, former())
    assert opened.verdict is Verdict.VALID
    assert judged(opened, said) == former()


def test_a_report_that_somebody_else_wrote_for_her_is_hers_by_its_owner() -> None:
    report, blocks = lost_report(author=DOCTOR)
    opened, said, _ = given_back(report, blocks, former())
    assert opened.verdict is Verdict.UNKNOWN_SIGNER
    assert judged(opened, said) == former()


def test_of_two_packets_for_her_the_one_that_gives_back_counts() -> None:
    report, blocks = lost_report()
    plain, _, _ = given_back(report, blocks, None)
    assert plain.own_packet is not None
    assert report.own_packet is not None
    opened, said, _ = given_back(plain, blocks, former())
    other = replace(opened, own_packet=plain.own_packet)
    with pytest.raises(NoteRefused):
        judged(other, said)
    assert judged(as_opened_by(other, said.share.pkesk, NEW), said) == former()
    # Neither somebody else's packet is hers nor one that is not there.
    for digest in (pkesk_digest(report.own_packet), "0" * 64):
        assert as_opened_by(other, digest, NEW) is other
    # Nor one that opens to another session key: anybody may have slipped it in.
    false = wrap(make_session_key(), NEW.certificate)
    laden = replace(other, packets=(*other.packets, false))
    assert as_opened_by(laden, pkesk_digest(false), NEW) is laden


def test_a_false_claim_gives_nothing_back() -> None:
    report, blocks = lost_report()
    opened, said, shared = given_back(report, blocks, former())
    other = key_of("Zoe")
    false: list[tuple[str, Callable[[], FormerKey]]] = [
        ("no claim", lambda: judged(opened, replace_share(said, former=None))),
        ("another reader", lambda: judged(opened, replace_share(said, reader=other.key_id))),
        ("another packet", lambda: judged(opened, replace_share(said, pkesk="0" * 64))),
        ("another key", lambda: judged(opened, replace_share(said, former=former(ingrid(30))))),
        ("her own key", lambda: judged(opened, replace_share(said, former=former(NEW)))),
        ("unverified", lambda: judged(opened, said, [contact(boris(), state=UNVERIFIED)])),
        ("changed", lambda: judged(opened, said, [contact(boris(), state=CHANGED)])),
        ("a stranger", lambda: judged(opened, said, [])),
        ("a contact's key", lambda: judged(opened, said, [contact(boris()), contact(OLD)])),
        ("bad signature", lambda: judged(opened, replace(said, verdict=Verdict.CHANGED_KEY))),
        ("unsigned report", lambda: judged(replace(opened, verdict=Verdict.UNKNOWN_SIGNER), said)),
    ]
    for what, claim in false:
        with pytest.raises(NoteRefused):
            pytest.fail(f"{what}: {claim()}")
    assert shared.added[0].key == NEW.key_id


UNVERIFIED, CHANGED = ContactState.UNVERIFIED, ContactState.CHANGED


def replace_share(said: VerifiedShare, **changes: object) -> VerifiedShare:
    return replace(said, share=replace(said.share, **changes))  # type: ignore[arg-type]  # fields by name


def test_a_former_certificate_is_of_her_email_and_older_than_her_own() -> None:
    newer = ingrid(0)
    foreign = ingrid(40, email="mallory@example.org")
    garbled = FormerKey(OLD.key_id, foreign.certificate.armored)
    for key, claim in ((newer, former(newer)), (foreign, former(foreign)), (OLD, garbled)):
        report, blocks = lost_report(key)
        opened, said, _ = given_back(report, blocks, former(key))
        with pytest.raises(CertificateRefused):
            judged(opened, replace_share(said, former=claim))


def test_a_note_that_gives_back_is_read_as_it_was_written() -> None:
    plain = Share("0" * 32, NEW.key_id, "0" * 64, None, NOW)
    for share in (plain, replace(plain, former=former())):
        note = parse_note(sign_share(boris(), share), "hygieia share 1")
        assert Share.from_body(note.body) == share
    assert "former" not in plain.to_body()
    for wrong in ("key", {}, {"key": OLD.key_id}, {"key": "x", "certificate": "y"}, None):
        with pytest.raises(NoteRefused):
            Share.from_body(plain.to_body() | {"former": wrong})


def test_what_is_hers_is_found_by_the_keys_she_had() -> None:
    mine, hers, written, gone = (
        entry(),
        entry(owner=OLD.key_id, author=OLD.key_id),
        entry(author=OLD.key_id),
        entry(owner=OLD.key_id, deleted="2026-11-21T10:00:00Z"),
    )
    held = [mine, hers, written, gone]
    assert theirs(her(), held) == [hers, written]
    changed = contact(OLD, email=EMAIL, state=CHANGED)
    assert theirs(changed, held) == [hers, written]
    assert theirs(contact(OLD, email=EMAIL), held) == []
    assert keys_before(contact(OLD)) == frozenset()


def test_comparing_is_the_one_step_from_changed_to_verified() -> None:
    changed = contact(OLD, email=EMAIL, state=CHANGED)
    done = compared(changed, NEW.certificate)
    assert (done.key, done.state) == (NEW.key_id, ContactState.VERIFIED)
    assert [each.key for each in done.former_keys] == [OLD.key_id]
    assert compared(done, NEW.certificate) == done
    assert compared(changed, OLD.certificate).state is ContactState.VERIFIED
    with pytest.raises((CertificateChanged, InvalidInput)):
        compared(done, key_of("Mallory").certificate)


def test_a_changed_key_that_was_accepted_and_not_compared_is_nobodys() -> None:
    taken = contact(NEW, email=EMAIL, state=UNVERIFIED, superseded=(former(),))
    known = People(boris().certificate, (), [taken])
    assert known.certificate(NEW.key_id) is None
    assert known.certificate(OLD.key_id) is not None
    with pytest.raises(CertificateChanged):
        check_recipients([taken], 1)
    sure = verified(taken, NEW.key_id)
    assert People(boris().certificate, (), [sure]).certificate(NEW.key_id) is not None
    assert len(check_recipients([sure], 10)) == 1
    assert contact(NEW, state=UNVERIFIED).is_confirmed, "met for the first time"


@pytest.mark.parametrize(("minutes", "verdict"), [(9, Verdict.VALID), (11, Verdict.CHANGED_KEY)])
def test_a_former_key_signs_no_more_once_its_successor_is_made(
    minutes: int, verdict: Verdict
) -> None:
    created = format_time(NEW.certificate.created + timedelta(minutes=minutes))
    note = parse_note(sign_note(OLD, META_CONTEXT, {"created": created}), META_CONTEXT)
    of_contact = People(boris().certificate, (), [her()])
    of_oneself = People(NEW.certificate, (former(),))
    assert of_contact.judge(note, OLD.key_id) is verdict
    assert of_oneself.judge(note, OLD.key_id) is verdict
    pinned = People(boris().certificate, (), [contact(OLD, email=EMAIL)])
    assert pinned.judge(note, OLD.key_id) is Verdict.VALID


def test_a_later_revision_by_a_former_key_is_refused_and_an_early_one_is_not() -> None:
    early = format_time(NEW.certificate.created - timedelta(minutes=5))
    late = format_time(NEW.certificate.created + timedelta(minutes=30))
    first = make_report(author=OLD, recipients=[boris().certificate], owner=OLD.key_id)
    report, blocks = lost_report()
    assert first.entry.revision == 1
    of_old = People(OLD.certificate)
    for created, is_refused in ((early, False), (late, True)):
        edited = edit_report(report, key=OLD, people=of_old, created=created, title=created[:10])
        blocks.add(*edited.blocks)
        known = People(boris().certificate, (), [her()])
        expected = Expected(entry=of_entry(report))
        reading = read_report(edited.root.cid, boris(), known, expected)
        if is_refused:
            with pytest.raises(NoteRefused, match="given up"):
                read_now(reading, blocks.get)
        else:
            assert read_now(reading, blocks.get).verdict is Verdict.VALID


def of_entry(report: Report) -> ReportEntry:
    encrypted = report.encrypted
    return ReportEntry.of(
        report.meta, cid=str(encrypted.root), meta_payload_cid=str(encrypted.meta.cid)
    )


def test_her_next_revision_names_her_new_key_and_is_good_for_who_never_knew_the_old() -> None:
    report, blocks = lost_report()
    opened, _, shared = given_back(report, blocks, former())
    me = People(NEW.certificate, (former(),), [contact(boris())])
    edited = edit_report(opened, key=NEW, people=me, created=NOW, title="Mine again")
    blocks.add(*edited.blocks)
    assert (edited.meta.owner, edited.meta.author) == (NEW.key_id, NEW.key_id)
    assert edited.meta.origin is None
    stranger = People(boris().certificate, (), [contact(NEW, email=EMAIL)])
    seen = read_now(read_report(edited.root.cid, boris(), stranger), blocks.get)
    assert seen.verdict is Verdict.VALID
    assert shared.root.cid != edited.root.cid
