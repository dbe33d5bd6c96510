"""``contacts``, ``share``, ``unshare``, ``shared``: two people, each with her own shell."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.cli.shell import by, environment_of, sign_up, store
from tests.cli.terminal import at_terminal
from tests.running import Person, RunningServer


@pytest.fixture(scope="module")
def ben(server: RunningServer, tmp_path_factory: pytest.TempPathFactory) -> Person:
    return sign_up(server.address, tmp_path_factory.mktemp("ben"), "ben-shares@example.org")


ANA, BEN = "test-sharing@example.org", "ben-shares@example.org"


@pytest.fixture(scope="module")
def met(ana: Person, ben: Person) -> str:
    """Both have compared the number."""
    shown = by(ana, "contacts", "show", BEN, "--json").json
    assert set(shown) == {"email", "name", "key", "state", "safety_number", "qr"}
    assert shown["state"] == "unverified"
    at_ben = by(ben, "contacts", "show", ANA, "--json").json
    number = at_ben["safety_number"]
    assert (number, at_ben["qr"]) == (shown["safety_number"], shown["qr"])
    # The line to type next leaves the number out: it is the one that he reads to her.
    told = by(ana, "contacts", "show", BEN)
    assert f"hygieia contacts verify {BEN} --number" in told.err
    assert number in told.out
    assert number not in told.err
    for person, email in ((ana, BEN), (ben, ANA)):
        assert by(person, "contacts", "verify", email, "--number", number).code == 0
    return str(number)


@pytest.mark.slow
def test_contacts_lists_them_with_their_state(ana: Person, met: str) -> None:
    [contact] = by(ana, "contacts", "--json").json["contacts"]
    assert (contact["email"], contact["state"]) == (BEN, "verified")
    assert BEN in by(ana, "contacts").out
    assert met in by(ana, "contacts", "show", BEN).out


def test_the_qr_code_holds_both_keys_and_is_as_good_as_the_number(ana: Person, met: str) -> None:
    shown = by(ana, "contacts", "show", BEN, "--qr")
    code = str(by(ana, "contacts", "show", BEN, "--json").json["qr"])
    first, low, high = code.rsplit(":", 2)
    assert first == "hygieia:safety:1"
    assert low < high
    assert sum(set(line) <= set("█▀▄ ") and "█" in line for line in shown.out.splitlines()) > 20
    assert by(ana, "contacts", "verify", BEN, "--number", code).code == 0
    swapped = f"{first}:{high}:{low}"
    for wrong, exit_code in ((swapped, 6), (code[:-1], 1), ("hygieia:safety:2:" + code[17:], 1)):
        assert by(ana, "contacts", "verify", BEN, "--number", wrong).code == exit_code, wrong


def test_a_number_that_differs_is_tampering_and_a_slip_is_not(ana: Person, met: str) -> None:
    wrong = met.translate(str.maketrans("0123456789", "1234567890"))
    done = by(ana, "contacts", "verify", BEN, "--number", wrong, "--json")
    assert (done.code, done.error["code"]) == (6, "certificate-changed")
    assert by(ana, "contacts", "verify", BEN, "--number", "123").code == 1
    assert by(ana, "contacts", "--json").json["contacts"][0]["state"] == "verified"


def test_nobody_and_oneself(ana: Person, met: str) -> None:
    nobody = by(ana, "contacts", "show", "nobody@example.org", "--json")
    assert (nobody.code, nobody.error["hint"]) == (4, "Ask them to sign up, or check the spelling.")
    assert by(ana, "contacts", "show", ANA).code == 1
    assert by(ana, "contacts", "accept", BEN).code == 1


@pytest.mark.slow
def test_a_report_is_shared_read_and_unshared(
    ana: Person, ben: Person, met: str, tmp_path: Path
) -> None:
    report = store(ana, **{"blood.txt": b"Hb 13.9 g/dl\n"})["blood.txt"]
    done = by(ana, "share", report["id"], "--with", BEN, "--json")
    assert done.code == 0, done.err
    [shared] = done.json["reports"]
    assert shared["id"] == report["id"]
    assert len(shared["readers"]) == 1
    document = by(ben, "shared", "--json").json
    assert document["next"] is None
    [received] = document["reports"]
    assert (received["title"], received["from"]) == ("blood", ANA)
    assert received["standing"] == "accepted"
    assert by(ben, "cat", report["id"][:8]).out == "Hb 13.9 g/dl\n"
    assert by(ben, "ls", "--json").json["reports"][0]["id"] == report["id"]
    again = by(ana, "share", report["id"], "--with", BEN)
    assert again.code == 0
    assert "already" in again.err
    # A reader can pass it on and change nothing else.
    assert by(ben, "edit", report["id"], "--title", "mine").code == 3
    first, second = (by(ana, "unshare", report["id"], "--with", BEN) for _ in range(2))
    assert (first.code, second.code) == (0, 0)
    assert "hygieia rekey" in first.err
    assert "already" not in first.err
    assert f"{BEN} has no access to {report['id'][:8]} already." in second.err
    assert "hygieia rekey" not in second.err
    assert by(ben, "shared", "--json").json["reports"] == []


@pytest.mark.parametrize(("command", "label"), [("share", "Sharing"), ("unshare", "Unsharing")])
def test_at_a_terminal_it_shows_how_far_it_is(
    command: str, label: str, ana: Person, met: str
) -> None:
    report = store(ana, **{f"{command}.txt": command.encode()})[f"{command}.txt"]
    environ = environment_of(ana)
    with at_terminal(command, report["id"], "--with", BEN, environ=environ) as terminal:
        assert terminal.end() == 0
    assert label in terminal.shown


@pytest.mark.slow
def test_what_cannot_be_shared_is_said_and_changes_nothing(ana: Person, met: str) -> None:
    report = store(ana, **{"eyes.txt": b"-1.5 dpt\n"})["eyes.txt"]
    rev = by(ana, "info", report["id"], "--json").json["rev"]
    assert by(ana, "share", report["id"], "--with", ANA).code == 1
    assert by(ana, "share", report["id"], "--with", "nobody@example.org").code == 4
    assert by(ana, "share", report["id"]).code == 2
    assert by(ana, "share", "--with", BEN).code == 2
    crowd = [f"p{number}@example.org" for number in range(1000)]
    done = by(ana, "share", report["id"], "--with", *crowd, "--json")
    assert (done.code, done.error["code"]) == (6, "limit-exceeded")
    assert "100" in done.error["message"]
    assert by(ana, "share", "ffffffff", "--with", BEN).code == 4
    assert by(ana, "unshare", report["id"], "--with", "nobody@example.org").code == 4
    assert by(ana, "info", report["id"], "--json").json["rev"] == rev
    by(ana, "rm", report["id"])
    assert by(ana, "share", report["id"], "--with", BEN).code == 5


@pytest.mark.slow
def test_from_a_stranger_it_waits_closed(
    ana: Person, server: RunningServer, tmp_path: Path, met: str
) -> None:
    eve = sign_up(server.address, tmp_path / "eve", "eve-shares@example.org")
    report = store(eve, **{"advert.txt": b"Buy pills\n"})["advert.txt"]
    assert by(eve, "share", report["id"], "--with", ANA).code == 0
    done = by(ana, "shared", "--json")
    [waiting] = [each for each in done.json["reports"] if each["standing"] == "stranger"]
    assert set(waiting) == {"id", "from", "standing"}, "nothing of it is shown"
    assert by(ana, "cat", report["id"]).code == 4
    accepted = by(ana, "shared", "--accept", report["id"][:8], "--json").json["reports"]
    assert accepted[0]["title"] == "advert"
    assert by(ana, "cat", report["id"]).out == "Buy pills\n"


@pytest.mark.slow
@pytest.mark.timeout(400)
def test_after_a_re_key_the_old_copies_are_gone_and_who_was_dropped_is_named(
    ana: Person, ben: Person, server: RunningServer, tmp_path: Path, met: str
) -> None:
    report = store(ana, **{"kidney.txt": b"GFR 92\n"})["kidney.txt"]
    assert by(ana, "edit", report["id"], "--title", "Kidney").code == 0
    old = by(ana, "share", report["id"], "--with", BEN, "--json").json["reports"][0]["cid"]
    told = by(ana, "unshare", report["id"], "--with", BEN)
    assert "hygieia rekey" in told.err
    done = by(ana, "rekey", report["id"], "--json")
    assert done.code == 0, done.err
    [rekeyed] = done.json["reports"]
    assert (rekeyed["id"], rekeyed["title"]) == (report["id"], "Kidney")
    assert rekeyed["revision"] == 3
    assert (rekeyed["readers"], rekeyed["left_out"], rekeyed["unnamed"]) == ([], [], 0)
    assert (rekeyed["issued_again"], rekeyed["dropped_versions"]) == (0, 1)
    assert "saved" in done.err
    assert by(ana, "cat", report["id"]).out == "GFR 92\n"
    [version] = by(ana, "versions", report["id"], "--json").json["versions"]
    assert version["cid"] == rekeyed["cid"] != old
    # Passed on by Ben to somebody whom Ana does not know.
    zoe = sign_up(server.address, tmp_path / "zoe", "zoe-shares@example.org")
    assert by(ana, "share", report["id"], "--with", BEN).code == 0
    assert by(ben, "shared").code == 0
    assert by(ben, "share", report["id"], "--with", "zoe-shares@example.org").code == 0
    kept = by(ana, "rekey", report["id"], "--earlier", "--keep", "nobody@example.org", "--json")
    assert kept.code == 4
    done = by(ana, "rekey", report["id"], "--earlier", "--json", "--quiet")
    [rekeyed] = done.json["reports"]
    [left_out] = rekeyed["left_out"]
    assert (left_out["email"], left_out["why"]) == (None, "stranger")
    assert "not among your contacts" in done.err, "said with --quiet too"
    assert rekeyed["issued_again"] == 0
    assert by(zoe, "shared", "--json").json["reports"] == []
    assert by(ben, "shared", "--json").json["reports"][0]["standing"] == "accepted"


def test_what_cannot_be_re_keyed_is_said_and_changes_nothing(
    ana: Person, ben: Person, met: str
) -> None:
    report = store(ana, **{"liver.txt": b"ALT 21\n"})["liver.txt"]
    assert by(ana, "share", report["id"], "--with", BEN).code == 0
    assert by(ben, "shared").code == 0
    refused = by(ben, "rekey", report["id"], "--json")
    assert (refused.code, refused.error["code"]) == (3, "forbidden")
    assert by(ana, "rekey").code == 2
    assert by(ana, "rekey", "ffffffff").code == 4
    by(ana, "rm", report["id"])
    assert by(ana, "rekey", report["id"]).code == 5
    by(ana, "restore", report["id"])
    assert by(ana, "info", report["id"], "--json").json["revision"] == 1
