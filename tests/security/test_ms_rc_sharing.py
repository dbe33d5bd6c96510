"""MS-10, MS-11, MS-18, RC-01, RC-04: a server that lies wants readers and bodies of its own.

Certificates swapped, old headers replayed, header leaves exchanged, the owner left out, bodies and
notes forged, reports hidden and reordered. Each is refused by its code, and nothing is written.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from hygieia.blocks.gateway import GatewayReader
from hygieia.client.changing import Changer
from hygieia.client.index_sync import IndexSync
from hygieia.client.received import Inbox, Received, Standing
from hygieia.client.session import Session
from hygieia.openpgp.packets import pkesk_digest
from hygieia.openpgp.times import format_time, now
from hygieia.vault.share_note import Share, sign_share
from hygieia.vault.sharing import Why
from tests.people import key_of
from tests.running import Person
from tests.security import forged_keys
from tests.security import sharers as forged
from tests.security.hostile import HostileProxy, json_reply
from tests.security.sharers import BEN, CLEO, DORA, Forged, Opened, Sharers
from tests.security.victims import in_vault, refused, run_here, unchanged

# Four people sign up first; on a busy machine that takes its time.
pytestmark = pytest.mark.timeout(300)

FIND = "/api/v1/people/find"


@pytest.fixture(scope="module")
def sharers(
    _proxy: HostileProxy, server: object, tmp_path_factory: pytest.TempPathFactory
) -> Sharers:
    _proxy.behave()
    return forged.make_sharers(_proxy.address, tmp_path_factory.mktemp("sharers"))


@pytest.fixture(scope="module")
def opened(sharers: Sharers, tmp_path_factory: pytest.TempPathFactory) -> Opened:
    home = tmp_path_factory.mktemp("opened") / "ana"
    return forged.opened_by_ana(sharers.device(sharers.ana, home), sharers)


@pytest.fixture
def ana(sharers: Sharers, proxy: HostileProxy, tmp_path: Path) -> Person:
    return sharers.device(sharers.ana, tmp_path / "ana")


@pytest.fixture
def ben(sharers: Sharers, proxy: HostileProxy, tmp_path: Path) -> Person:
    return sharers.device(sharers.ben, tmp_path / "ben")


def nothing_was_written(proxy: HostileProxy) -> bool:
    """No block, no root, no index, no deletion was sent: only questions."""
    return not [
        request
        for request in proxy.seen
        if request.method in {"PUT", "DELETE"} or "uploads" in request.path
    ]


def saying(**fields: Any) -> Callable[[dict[str, Any]], dict[str, Any]]:  # noqa: ANN401  (whatever the lie is)
    return lambda answer: answer | fields


# -- readers of the owner's reports ----------------------------------------------------------------


@pytest.mark.parametrize(("command", "person"), [("share", DORA), ("unshare", BEN)])
@pytest.mark.parametrize("which", ["alone", "with cleo"])
def test_an_old_header_is_not_taken_for_the_current_one(
    which: str, command: str, person: str, sharers: Sharers, proxy: HostileProxy, ana: Person
) -> None:
    """The root without Ben would drop him; the one with Cleo, and Ana's own note, would put her back."""
    path = f"/api/v1/reports/{sharers.report}"
    proxy.change("GET", path, saying(root=sharers.roots[which]))
    proxy.change("GET", f"{path}/shares", saying(items=sharers.notes))
    with unchanged(ana.home):
        refused(ana, command, sharers.report, "--with", person, code="rollback")
    assert nothing_was_written(proxy)


@pytest.mark.parametrize("where", ["changes", "shared"])
def test_an_old_header_does_not_get_into_the_index_by_another_list(
    where: str, sharers: Sharers, proxy: HostileProxy, ana: Person, opened: Opened
) -> None:
    """The list of changes, or of what others share with her, names the root that Cleo could open."""
    root, eve = sharers.roots["with cleo"], key_of("eve@example.org")
    own = pkesk_digest(opened.reports["with cleo"].own_packet or b"")
    share = Share(sharers.report, opened.now.meta.owner, own, None, format_time(now()))
    note = {"sharer": eve.key_id, "note": sign_share(eve, share).decode()}
    lies: dict[str, dict[str, Any]] = {
        "changes": {"report": sharers.report, "root": root, "rev": 99, "deleted": False},
        "shared": {"root": root, "share": {"report": sharers.report, **note}},
    }
    page = {"items": [lies[where]], "next": "z" if where == "changes" else None, "more": False}
    proxy.answer("GET", f"/api/v1/{where}", json_reply(page))
    path = f"/api/v1/reports/{sharers.report}"
    proxy.change("GET", path, saying(root=root))
    proxy.change("GET", f"{path}/shares", saying(items=sharers.notes))
    with unchanged(ana.home):
        looked(ana)
        refused(ana, "share", sharers.report, "--with", DORA, code="rollback")
    assert nothing_was_written(proxy)


@pytest.mark.parametrize("own_note", ["shown too", "hidden"])
def test_a_strangers_note_does_not_put_back_who_was_taken_off(
    own_note: str, sharers: Sharers, proxy: HostileProxy, ana: Person
) -> None:
    """The server has Eve, a key of its own, say that the packet dropped for Cleo is hers."""
    path, eve = f"/api/v1/reports/{sharers.report}", key_of("eve@example.org")
    [cleos] = [note for note in sharers.notes if note["reader"] == contact_key(sharers.cleo)]
    share = Share(sharers.report, eve.key_id, cleos["pkesk"], None, format_time(now()))
    forged_note = cleos | {"sharer": eve.key_id, "note": sign_share(eve, share).decode()}
    shown = [note for note in sharers.notes if note != cleos or own_note == "shown too"]
    proxy.change("GET", path, saying(root=sharers.roots["with cleo"]))
    proxy.change("GET", f"{path}/shares", saying(items=[*shown, forged_note]))
    with unchanged(ana.home):
        refused(ana, "share", sharers.report, "--with", DORA, code="rollback")
    assert nothing_was_written(proxy)


def contact_key(person: Person) -> str:
    async def work(session: Session, _: IndexSync, __: GatewayReader) -> str:
        return session.key.key_id

    return in_vault(person, work)


def test_who_was_taken_off_is_not_carried_into_a_new_session_key(
    sharers: Sharers, proxy: HostileProxy, ana: Person, opened: Opened
) -> None:
    """G9: the server replays the root that Cleo could open, and Ana's own old note for her."""
    path = f"/api/v1/reports/{sharers.report}"
    proxy.change("GET", path, saying(root=sharers.roots["with cleo"]))
    proxy.change("GET", f"{path}/shares", saying(items=sharers.notes))

    async def work(session: Session, index: IndexSync, reader: GatewayReader) -> list[str]:
        changer = Changer(session, index, reader)
        current = await changer.current(index.state.report(sharers.report))
        going_on = await changer.going_on(current)
        assert [each.why for each in going_on.left_out] == [Why.REMOVED]
        return [certificate.email for certificate in going_on.certificates]

    assert in_vault(ana, work) == [BEN]


FORGED: list[tuple[Callable[[Opened], Forged], str]] = [
    (forged.header_of_another_report, "integrity"),
    (forged.without_the_owner, "envelope-refused"),
    (forged.with_a_ghost, "recipient-refused"),
    (forged.another_body, "meta-mismatch"),
    (forged.bodies_exchanged, "note-refused"),
    (forged.another_report, "meta-mismatch"),
]


@pytest.mark.parametrize(("forgery", "code"), FORGED)
def test_no_change_of_readers_is_based_on_what_was_forged(
    forgery: Callable[[Opened], Forged],
    code: str,
    opened: Opened,
    sharers: Sharers,
    proxy: HostileProxy,
    ana: Person,
) -> None:
    lie = forgery(opened)
    proxy.serve(lie.blocks)
    proxy.change("GET", f"/api/v1/reports/{sharers.report}", saying(root=lie.root))
    with unchanged(ana.home):
        refused(ana, "share", sharers.report, "--with", DORA, code=code)
    assert nothing_was_written(proxy)


def test_a_hidden_report_is_not_shared_and_stays_listed(
    sharers: Sharers, proxy: HostileProxy, ana: Person
) -> None:
    gone = json_reply({"code": "not-found", "detail": "There is no such report."}, 404)
    proxy.answer("GET", f"/api/v1/reports/{sharers.report}", gone)
    changes = {"items": [_gone(sharers.report), _gone(sharers.other)], "next": "z", "more": False}
    proxy.answer("GET", "/api/v1/changes", json_reply(changes))
    with unchanged(ana.home):
        refused(ana, "share", sharers.report, "--with", DORA, code="not-found", exit_code=4)
        listed = run_here(ana, "--json", "ls").document["reports"]
    assert {report["id"] for report in listed} == {sharers.report, sharers.other, sharers.unseen}


def _gone(report: str) -> dict[str, Any]:
    return {"report": report, "root": None, "rev": 99, "deleted": True}


# -- certificates ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("certificate", "code", "exit_code"),
    [
        (lambda _: forged_keys.grafted(key_of("eve@example.org").certificate.armored), "certificate-refused", 6),
        (lambda true: true.replace("A", "B"), "certificate-refused", 6),
        (lambda _: "", "certificate-refused", 6),
    ],
    ids=["grafted", "damaged", "none"],
)  # fmt: skip
def test_what_is_no_sound_certificate_is_refused_and_the_pin_stays(
    certificate: Callable[[str], str],
    code: str,
    exit_code: int,
    sharers: Sharers,
    proxy: HostileProxy,
    ana: Person,
) -> None:
    def swap(answer: dict[str, Any]) -> dict[str, Any]:
        return answer | {"certificate": certificate(answer["certificate"])}

    proxy.change("POST", FIND, swap)
    with unchanged(ana.home):
        refused(ana, "share", sharers.other, "--with", BEN, code=code, exit_code=exit_code)
    assert nothing_was_written(proxy)


def test_ones_own_key_is_not_somebody_elses(
    sharers: Sharers, proxy: HostileProxy, ana: Person, opened: Opened
) -> None:
    def own(session: Session) -> str:
        return session.key.certificate.armored

    async def work(session: Session, _: IndexSync, __: GatewayReader) -> str:
        return own(session)

    proxy.change("POST", FIND, saying(certificate=in_vault(ana, work)))
    with unchanged(ana.home):
        refused(ana, "share", sharers.other, "--with", BEN, code="invalid-input", exit_code=1)
    assert nothing_was_written(proxy)


def test_a_swapped_certificate_stops_sharing_until_the_person_decides(
    sharers: Sharers, proxy: HostileProxy, ana: Person
) -> None:
    """MS-11. Only the contact's state is entered; the pin and the report are as they were."""
    number = forged.done(sharers.cleo, "contacts", "show", forged.ANA)["safety_number"]
    proxy.change("POST", FIND, saying(certificate=key_of("eve@example.org").certificate.armored))
    refused(ana, "share", sharers.other, "--with", CLEO, code="certificate-changed")
    assert not proxy.asked("PUT", "/api/v1/reports/.*"), "nothing was shared"
    refused(ana, "contacts", "verify", CLEO, "--number", number, code="certificate-changed")
    proxy.behave()
    refused(ana, "share", sharers.other, "--with", CLEO, code="certificate-changed")
    shown = run_here(ana, "--json", "contacts", "show", CLEO).document
    assert (shown["state"], shown["safety_number"]) == ("changed", number), "the pin has stayed"
    assert run_here(ana, "contacts", "verify", CLEO, "--number", number).exit_code == 0
    [cleo] = [
        each
        for each in run_here(ana, "--json", "contacts").document["contacts"]
        if each["email"] == CLEO
    ]
    assert cleo["state"] == "verified", "one lie does not part two people for good"


def test_a_first_look_up_is_believed_only_so_far(
    sharers: Sharers, proxy: HostileProxy, ana: Person
) -> None:
    """MS-10: unverified, one report at a time, and the numbers tell."""
    eve = key_of("eve@example.org").certificate.armored
    person = {"email": "finn@example.org", "name": "Finn", "certificate": eve}
    proxy.answer("POST", FIND, json_reply(person))
    both = (sharers.report, sharers.other)
    refused(ana, "share", *both, "--with", "finn@example.org", code="forbidden", exit_code=3)
    number = forged.done(sharers.cleo, "contacts", "show", forged.ANA)["safety_number"]
    refused(
        ana,
        "contacts",
        "verify",
        "finn@example.org",
        "--number",
        number,
        code="certificate-changed",
    )
    assert not proxy.asked("PUT", "/api/v1/reports/.*")


# -- what others share -----------------------------------------------------------------------------


def looked(person: Person) -> dict[str, Received]:
    """What her inbox makes of the server's list."""

    async def work(
        session: Session, index: IndexSync, reader: GatewayReader
    ) -> dict[str, Received]:
        return {each.id: each for each in await Inbox(session, index, reader).look()}

    return in_vault(person, work)


@pytest.mark.parametrize(
    ("forgery", "code"),
    [
        (forged.another_body, "meta-mismatch"),
        (forged.bodies_exchanged, "note-refused"),
        (forged.header_of_another_report, "envelope-refused"),
        (forged.another_report, "envelope-refused"),
    ],
)
def test_a_reader_takes_no_other_body(
    forgery: Callable[[Opened], Forged],
    code: str,
    opened: Opened,
    sharers: Sharers,
    proxy: HostileProxy,
    ben: Person,
) -> None:
    lie = forgery(opened)
    proxy.serve(lie.blocks)
    proxy.change("GET", "/api/v1/shared", _each(root=lie.root))
    with unchanged(ben.home):
        received = looked(ben)[sharers.report]
        assert received.standing is Standing.REFUSED
        assert received.error is not None
        assert received.error.code == code
    assert nothing_was_written(proxy)
    assert run_here(ben, "cat", sharers.report).stdout == b"blood.txt: all is well\n"


def _each(**fields: Any) -> Callable[[dict[str, Any]], dict[str, Any]]:  # noqa: ANN401  (whatever the lie is)
    return lambda answer: {
        "items": [
            item | {name: value for name, value in fields.items() if name in item}
            | {"share": item["share"] | {n: v for n, v in fields.items() if n in item["share"]}}
            for item in answer["items"]
        ],
        "next": None,
    }  # fmt: skip


@pytest.mark.parametrize("what", ["by eve", "by eve as ana", "another report", "another note"])
def test_a_forged_note_enters_nothing(
    what: str, sharers: Sharers, proxy: HostileProxy, tmp_path: Path, opened: Opened
) -> None:
    """MS-18 and RC-04: what Eve signed waits as a stranger's, whatever the server says of it."""
    eve, cleos_note = key_of("eve@example.org"), sharers.notes[-1]
    cleo = sharers.device(sharers.cleo, tmp_path / "cleo")
    [item] = _listed_to(cleo)
    share = Share(sharers.unseen, item["reader"], item["pkesk"], None, format_time(now()))
    forgeries: dict[str, dict[str, str]] = {
        "by eve": {"sharer": eve.key_id, "note": sign_share(eve, share).decode()},
        "by eve as ana": {"note": sign_share(eve, share).decode()},
        "another report": {"report": sharers.other},
        "another note": {"note": cleos_note["note"]},
    }
    proxy.change("GET", "/api/v1/shared", _each(**forgeries[what]))
    with unchanged(cleo.home):
        [found] = looked(cleo).values()
    if what == "by eve":
        assert found.standing is Standing.STRANGER
    else:
        assert found.standing is Standing.REFUSED
        assert found.error is not None
        assert found.error.code in {"note-refused", "meta-mismatch"}
    assert nothing_was_written(proxy)


def _listed_to(person: Person) -> list[dict[str, Any]]:
    async def work(session: Session, _: IndexSync, __: GatewayReader) -> list[dict[str, Any]]:
        items = (await session.transport.call("GET", "/shared")).document["items"]
        return [item["share"] for item in items]

    return in_vault(person, work)


def test_what_a_reader_has_accepted_is_neither_hidden_nor_reordered(
    sharers: Sharers, proxy: HostileProxy, ben: Person
) -> None:
    proxy.answer("GET", "/api/v1/shared", json_reply({"items": [], "next": None}))
    with unchanged(ben.home):
        assert looked(ben) == {}
        listed = run_here(ben, "--json", "ls").document["reports"]
        assert [report["id"] for report in listed] == [sharers.report]
        assert run_here(ben, "cat", sharers.report).exit_code == 0
    assert not [request for request in proxy.seen if request.method == "PUT"]
