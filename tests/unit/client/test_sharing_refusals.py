"""What cannot be shared is refused with its reason, and nothing is written anywhere."""

from __future__ import annotations

import secrets
from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from hygieia.client import Vault
from hygieia.client import readers as client_readers
from hygieia.client import sharing as client_sharing
from hygieia.client.batches import BatchSender
from hygieia.client.commits import NewRoot, commit_reports, upload_for
from hygieia.client.contacts import Contacts
from hygieia.client.received import Standing
from hygieia.client.transport import Answer
from hygieia.errors import CertificateRefused, Conflict, HygieiaError, InvalidInput, NoteRefused
from hygieia.openpgp.certificates import Certificate
from hygieia.openpgp.notes import Verdict
from hygieia.openpgp.packets import parse_header_leaf, pkesk_digest
from hygieia.openpgp.recovery_code import make_code
from hygieia.openpgp.sealing import open_revocation, seal_revocation
from hygieia.openpgp.times import format_time, now
from hygieia.recovery.recover import Password, recover_from
from hygieia.vault.index import PutContact
from hygieia.vault.people import ContactState
from hygieia.vault.share_note import Share, sign_share
from hygieia.vault.sharing import Reshared, drop_readers
from hygieia.vault.words import make_id
from tests.unit.client.conftest import Person
from tests.unit.client.delegating import email as email_of
from tests.unit.client.people import (
    CONTENT,
    contact_of,
    content_of,
    meet,
    received,
    share,
    stored,
    two_who_share,
    unshare,
)
from tests.unit.client.vaults import PASSWORD
from tests.unit.openpgp import forge


def expired_certificate() -> Certificate:
    """Somebody's whose key ended a hundred days after the first of January 2026."""
    somebody = forge.Person("Xaver Abgelaufen")
    packets = somebody.packets
    lasting = somebody.certify(forge.flags(3), forge.key_expiration(100 * 86400))
    packets[2] = forge.sig(lasting)
    return Certificate.parse(forge.certificate(packets))


async def test_nothing_is_encrypted_to_a_revoked_or_expired_key_or_to_oneself(
    person: Person, tmp_path: Path
) -> None:
    ana, boris = await person("Ana"), await person("Boris")
    await meet(ana, boris)
    entry = await stored(ana, tmp_path)
    good, code = contact_of(ana, boris), make_code()
    key = boris.session.key
    revocation = open_revocation(seal_revocation(key, code), code)
    revoked = key.certificate.with_revocation(revocation).armored
    expired = expired_certificate()
    me = replace(good, key=ana.session.key.key_id, certificate=ana.session.key.certificate.armored)
    sequence, rev = ana.index.state.sequence, (await ana.sharing.changer.current(entry)).rev
    cases: list[tuple[object, type[HygieiaError]]] = [
        (replace(good, certificate=revoked), CertificateRefused),
        (replace(good, key=expired.key_id, certificate=expired.armored), CertificateRefused),
    ]
    for contact, error in cases:
        with pytest.raises(error):
            await ana.sharing.share([entry], [contact])  # type: ignore[list-item]  # a contact
    [unchanged] = await ana.sharing.share([entry], [me])
    assert not unchanged.changed, "she reads it already"
    with pytest.raises(InvalidInput):
        await ana.contacts.look_up("ana@example.org")
    assert (await ana.sharing.changer.current(entry)).rev == rev
    assert ana.index.state.sequence == sequence
    assert await boris.inbox.look() == []
    # A revocation seen once sticks, whatever the server shows later.
    await ana.index.change([PutContact(replace(good, certificate=revoked))])
    seen = await ana.contacts.look_up("boris@example.org")
    with pytest.raises(CertificateRefused):
        await ana.sharing.share([entry], [seen.contact])


def clock_ahead(minutes: int) -> Callable[[], datetime]:
    return lambda: now() + timedelta(minutes=minutes)


async def test_a_clock_may_be_wrong_by_ten_minutes_and_not_by_more(
    person: Person, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ana, boris = await person("Ana"), await person("Boris")
    await meet(ana, boris)
    entry = await stored(ana, tmp_path)
    for minutes, why in ((60, "Set your device's clock"), (-60, "not signed")):
        monkeypatch.setattr(client_sharing, "now", clock_ahead(minutes))
        with pytest.raises(NoteRefused, match=why):
            await share(ana, entry, boris)
    assert await boris.inbox.look() == []
    monkeypatch.setattr(client_sharing, "now", clock_ahead(8))
    await share(ana, entry, boris)
    assert (await received(boris)).id == entry.id


async def test_what_came_from_a_stranger_and_was_taken_in_is_told_apart_by_recover(
    person: Person, tmp_path: Path
) -> None:
    eve, boris = await person("Eve"), await person("Boris")
    known, odd = await stored(eve, tmp_path, b"true"), await stored(eve, tmp_path, b"odd!")
    await share(eve, odd, boris)
    [waiting] = await boris.inbox.look()
    assert waiting.standing is Standing.STRANGER
    before = await restored_by(boris, tmp_path / "before")
    assert before == {}, "what waits is not in the vault"
    await boris.inbox.accept(waiting)
    after = await restored_by(boris, tmp_path / "after")
    assert after == {odd.id: Verdict.UNKNOWN_SIGNER}
    await meet(boris, eve)
    await share(eve, known, boris)
    await boris.inbox.look()
    both = await restored_by(boris, tmp_path / "both")
    assert both == {odd.id: Verdict.VALID, known.id: Verdict.VALID}


async def restored_by(vault: Vault, out: Path) -> dict[str, object]:
    """What ``recover`` restores from a fresh kit and the gateway alone, with each verdict."""
    kit = await vault.fresh_kit_file()
    result = await recover_from(kit, Password(PASSWORD), vault.reader, out)
    assert result.missing == []
    return {one.entry.id: one.verdict for one in result.restored}


async def test_a_pinned_key_is_not_moved_to_another_email(
    person: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Else whoever it belonged to would be met anew, under whatever key the server shows next."""
    ana, boris, mallory = [await person(name) for name in ("Ana", "Boris", "Mallory")]
    await meet(ana, boris)
    before, find = list(ana.contacts.list()), Contacts._find

    async def lying(self: Contacts, email: str) -> Answer:
        shown = {"carol@example.org": "boris@example.org", "boris@example.org": email_of(mallory)}
        return await find(self, shown[email])

    monkeypatch.setattr(Contacts, "_find", lying)
    with pytest.raises(CertificateRefused):
        await ana.contacts.look_up("carol@example.org")
    assert list(ana.contacts.list()) == before
    # Nor by a device that had not pinned it yet.
    moved = replace(before[0], email="carol@example.org", state=ContactState.UNVERIFIED)
    await ana.index.change([PutContact(moved)])
    assert list(ana.contacts.list()) == before
    seen = await ana.contacts.look_up("boris@example.org")
    assert (seen.contact.state, seen.contact.key) == (ContactState.CHANGED, before[0].key)


@pytest.mark.parametrize("also_shared", [True, False])
async def test_a_note_that_calls_the_owners_own_packet_somebody_elses_locks_nobody_out(
    also_shared: bool, person: Person, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A contact signed it, and the server shows it: taking him off would take her off."""
    if also_shared:
        ana, boris, entry = await two_who_share(person, tmp_path)
    else:
        ana, boris = await person("Ana"), await person("Boris")
        await meet(ana, boris)
        entry = await stored(ana, tmp_path)
    own = (await ana.read(entry)).own_packet
    assert own is not None
    him, notes = boris.session.key, client_readers._notes
    share = Share(entry.id, him.key_id, pkesk_digest(own), None, format_time(now()))

    async def lying(*asked: Any) -> AsyncIterator[Mapping[str, Any]]:  # noqa: ANN401  (passed on)
        async for each in notes(*asked):
            yield each
        yield {"sharer": him.key_id, "note": sign_share(him, share).decode()}

    monkeypatch.setattr(client_readers, "_notes", lying)
    await unshare(ana, entry, boris)
    [left] = (await ana.sharing.changer.current(ana.find(entry.id))).report.packets
    assert left == own
    assert await content_of(ana, ana.find(entry.id), tmp_path) == CONTENT


async def test_a_reader_who_stores_the_readers_without_him_is_taken_off_after_a_re_key(
    person: Person, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each root is committed once at a server: he was faster with the one that takes him off."""
    # Packets come in random order: he would store the list in each. Here there is one.
    monkeypatch.setattr(secrets.SystemRandom, "shuffle", lambda _self, packets: packets.sort())
    ana, boris, cleo = [await person(name) for name in ("Ana", "Boris", "Cleo")]
    await meet(ana, boris)
    await meet(ana, cleo)
    entry = await share(ana, await stored(ana, tmp_path), boris, cleo)
    his = pkesk_digest((await boris.read(await received(boris))).own_packet or b"")
    without_him = drop_readers(await ana.read(entry), [his], ana.sharing.changer.people)
    await commit_as_his(boris, without_him)

    with pytest.raises(Conflict, match="new session key") as refused:
        await unshare(ana, entry, boris)
    assert f"hygieia rekey {entry.id[:8]}" in str(refused.value.hint)
    assert (await ana.index.readers(entry.id)).removed == ()
    rekeyed = (await ana.rekeying.rekey(ana.find(entry.id))).entry
    await unshare(ana, rekeyed, boris)
    assert await boris.inbox.look() == []
    assert (await received(cleo)).id == entry.id


async def commit_as_his(boris: Vault, built: Reshared) -> None:
    """As a report of his own, with a note for the packet that is not his, of somebody made up."""
    transport, key = boris.session.transport, boris.session.key
    report, packet = make_id(), parse_header_leaf(built.blocks[0].data)[1]
    note = sign_share(key, Share(report, "f" * 64, pkesk_digest(packet), None, format_time(now())))
    async with upload_for(transport) as upload:
        await BatchSender(transport, upload).send_all(built.blocks)
        await commit_reports(transport, upload, [NewRoot(report, str(built.root.cid), (note,))])
