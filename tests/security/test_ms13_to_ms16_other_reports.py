"""MS-13 to MS-16, MS-18, RC-01, RC-02, SN-04: the server names another root than the report's own.

The owner's index says which report this is; every lie is found before anything is changed.
"""

from __future__ import annotations

import pytest

from hygieia.client.reading import ReportFetcher
from hygieia.client.vault import open_vault
from hygieia.errors import IntegrityError
from tests.running import Person
from tests.security import forged_reports as forged
from tests.security.forged_reports import BLOOD_TEST, Forgery, Known
from tests.security.hostile import HostileProxy, json_reply
from tests.security.victims import Victim, refused, run_here, session_of, unchanged

FORGERIES: list[tuple[Forgery, str]] = [
    (forged.another_report, "meta-mismatch"),
    (forged.older_root, "rollback"),
    (forged.sibling_revision, "rollback"),
    (forged.eves_data, "meta-mismatch"),
    (forged.eves_data_under_one_header, "meta-mismatch"),
    (forged.payloads_exchanged, "note-refused"),
    (forged.meta_twice, "meta-mismatch"),
    (forged.new_data_under_the_known_session_key, "meta-mismatch"),
    (forged.resigned_by_a_reader, "note-refused"),
    (forged.resigned_as_the_author, "note-refused"),
    (forged.taken_over, "note-refused"),
    (forged.note_of_another_context, "note-refused"),
]


@pytest.fixture(scope="module")
def known(victim: Victim, tmp_path_factory: pytest.TempPathFactory) -> Known:
    return forged.known_to(victim.device(tmp_path_factory.mktemp("known") / "device"), victim)


@pytest.mark.parametrize(("forgery", "code"), FORGERIES)
def test_a_change_is_not_based_on_it(
    forgery: Forgery,
    code: str,
    known: Known,
    proxy: HostileProxy,
    victim: Victim,
    device: Person,
) -> None:
    lie = forgery(known)
    report = victim.id(BLOOD_TEST)
    proxy.serve(lie.blocks)
    proxy.change("GET", f"/api/v1/reports/{report}", lambda answer: answer | {"root": lie.root})
    with unchanged(device.home):
        error = refused(device, "edit", report, "--title", "Mine", code=code)
    if code == "rollback":
        assert "revision 2" in error["message"], "the known revision is named"
    assert not [r for r in proxy.seen if r.method == "PUT" or "uploads" in r.path]


def test_none_of_them_is_entered_in_the_index(
    known: Known, proxy: HostileProxy, victim: Victim, device: Person
) -> None:
    """The list of changes is only a hint."""
    named = [(victim.id(BLOOD_TEST), forgery(known)) for forgery, _ in FORGERIES]
    named += [forged.strangers_report(known), forged.forwarded_report(known)]
    items = [
        {"report": report, "root": lie.root, "rev": 9, "deleted": False} for report, lie in named
    ]
    proxy.serve(block for _, lie in named for block in lie.blocks)
    proxy.answer("GET", "/api/v1/changes", json_reply({"items": items, "next": "9", "more": False}))
    with unchanged(device.home):
        done = run_here(device, "--json", "ls")
    assert done.exit_code == 0, done
    listed = {report["cid"] for report in done.document["reports"]}
    assert listed == {victim.cid(name) for name in victim.reports}
    # `ls` asks under an upload of its own which blocks the server has; it sends none.
    asked = [r for r in proxy.seen if r.method not in {"GET", "HEAD"}]
    assert all(r.path.startswith("/api/v1/uploads") for r in asked)
    assert not [r for r in asked if r.path.endswith("/blocks")]


@pytest.mark.parametrize(("forgery", "code"), [c for c in FORGERIES if c[1] != "rollback"])
async def test_it_is_not_taken_for_a_version(
    forgery: Forgery, code: str, known: Known, proxy: HostileProxy, victim: Victim, device: Person
) -> None:
    lie = forgery(known)
    report = victim.id(BLOOD_TEST)
    proxy.serve(lie.blocks)

    def add(answer: dict[str, list[dict[str, object]]]) -> None:
        answer["items"].insert(0, answer["items"][0] | {"root": lie.root})

    proxy.change("GET", f"/api/v1/reports/{report}/versions", add)
    async with session_of(device) as session, open_vault(session) as (index, reader):
        entry = index.state.report(report)
        with pytest.raises(IntegrityError):
            await ReportFetcher(session, index, reader).versions(entry)
