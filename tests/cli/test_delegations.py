"""``delegate``, ``delegations``, ``undelegate``, ``put --for``: patient, doctor, second doctor."""

from __future__ import annotations

import asyncio
import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from hygieia.client import Device
from hygieia.client.messages import Messages
from hygieia.openpgp.certificates import Certificate
from tests.cli.shell import PASSWORD, by, sign_up, store
from tests.running import Person, RunningServer

# Some forty commands one after the other; on a busy machine that takes its time.
pytestmark = pytest.mark.timeout(600)

SOON = (datetime.now(UTC) + timedelta(days=100)).date().isoformat()
PATIENT, DOCTOR, SECOND = "test-delegations@example.org", "doc@example.org", "second@example.org"


@pytest.fixture(scope="module")
def doctor(server: RunningServer, tmp_path_factory: pytest.TempPathFactory) -> Person:
    return sign_up(server.address, tmp_path_factory.mktemp("doctor"), DOCTOR)


@pytest.fixture(scope="module")
def second(server: RunningServer, tmp_path_factory: pytest.TempPathFactory) -> Person:
    return sign_up(server.address, tmp_path_factory.mktemp("second"), SECOND)


def meet(one: Person, one_email: str, other: Person, other_email: str) -> None:
    number = by(one, "contacts", "show", other_email, "--json").json["safety_number"]
    for person, email in ((one, other_email), (other, one_email)):
        done = by(person, "contacts", "verify", email, "--number", number)
        assert done.code == 0, done.err


@pytest.fixture(scope="module")
def met(ana: Person, doctor: Person, second: Person) -> None:
    meet(ana, PATIENT, doctor, DOCTOR)
    meet(doctor, DOCTOR, second, SECOND)


def delegations(person: Person) -> dict[str, Any]:
    done = by(person, "delegations", "--json")
    assert done.code == 0, done.err
    document: dict[str, Any] = done.json
    return document


@pytest.mark.slow
def test_the_story_of_a_patient_and_two_doctors(  # noqa: PLR0915  (one story, told in order)
    ana: Person, doctor: Person, second: Person, met: None, tmp_path: Path
) -> None:
    past = store(ana, **{"past.txt": b"ECG of last year\n"})["past.txt"]
    given = by(
        ana,
        *("delegate", DOCTOR, "--rights", "read,redelegate,upload"),
        *("--category", "other,cardiology", "--expires", SOON, "--past", "--json"),
    )
    assert given.code == 0, given.err
    assert given.json["past"] == 1
    assert 'no report of yours has the category "cardiology" yet' in given.err
    assert '"other"' not in given.err
    delegation = given.json["delegation"]
    assert (delegation["to_email"], delegation["state"]) == (DOCTOR, "active")
    assert delegation["categories"] == ["cardiology", "other"]
    assert delegation["expires"] == f"{SOON}T23:59:59Z"
    again = by(
        ana,
        *("delegate", DOCTOR, "--rights", "upload,redelegate,read"),
        *("--category", "cardiology", "--category", "other"),
        *("--expires", SOON, "--past", "--json"),
    )
    assert again.json["delegation"]["id"] == delegation["id"], "run again, it goes on"
    assert again.json["past"] == 0

    report = store(ana, **{"ecg.txt": b"sinus rhythm\n"})["ecg.txt"]
    shared = by(doctor, "shared", "--json").json["reports"]
    assert {each["id"] for each in shared} == {report["id"], past["id"]}
    assert by(doctor, "cat", report["id"]).out == "sinus rhythm\n"
    [held] = delegations(doctor)["delegations"]
    assert (held["id"], held["side"]) == (delegation["id"], "received")

    letter = tmp_path / "letter.txt"
    letter.write_bytes(b"Dear patient\n")
    done = by(doctor, "put", "--for", PATIENT, "--as", "physician", "--json", str(letter))
    assert done.code == 0, done.err
    [stored] = done.json["reports"]
    assert by(ana, "cat", stored["id"]).out == "Dear patient\n"
    said = by(ana, "info", stored["id"], "--json").json
    assert said["signature"] == "valid"
    assert (said["signed_by"]["email"], said["signed_by"]["you"]) == (DOCTOR, False)
    assert [each["email"] for each in said["read_by"]] == [DOCTOR]

    on = by(doctor, "delegate", SECOND, "--pass-on", held["id"][:8], "--category", "cardiology")
    assert on.code == 0, on.err
    assert "confirmed" in on.err
    [request] = delegations(ana)["waiting"]
    assert (request["from_email"], request["to_email"]) == (DOCTOR, SECOND)
    refused = by(ana, "delegations", "confirm", request["id"][:8], "--json")
    assert (refused.code, refused.error["code"]) == (3, "forbidden")
    meet(ana, PATIENT, second, SECOND)
    assert by(ana, "delegations", "confirm", request["id"][:8]).code == 0
    heart = tmp_path / "heart.txt"
    heart.write_bytes(b"murmur\n")
    done = by(ana, "put", "--category", "cardiology", "--json", str(heart))
    [third] = done.json["reports"]
    assert [each["id"] for each in by(second, "shared", "--json").json["reports"]] == [third["id"]]

    ended = by(ana, "undelegate", DOCTOR, "--json")
    assert ended.code == 0, ended.err
    assert set(ended.json["ended"]) == {delegation["id"], request["id"]}
    still = {each["id"] for each in ended.json["still_reads"]}
    assert still == {past["id"], report["id"], stored["id"], third["id"]}
    assert {each["earlier_version"] for each in ended.json["still_reads"]} == {False}
    assert {each["id"]: each["by"] for each in ended.json["still_reads"]} == {
        past["id"]: [DOCTOR],
        report["id"]: [DOCTOR],
        stored["id"]: [DOCTOR],
        third["id"]: [DOCTOR, SECOND],
    }
    assert f"{SECOND} reads {third['id'][:8]}." in ended.err
    assert ended.json["unsettled"] == []
    after = store(ana, **{"after.txt": b"for me alone\n"})["after.txt"]
    for person in (doctor, second):
        listed = by(person, "shared", "--json").json["reports"]
        assert after["id"] not in {each["id"] for each in listed}
    # Another file: the same one would be stored again all the same.
    letter.write_bytes(b"Dear patient, once more\n")
    forbidden = by(doctor, "put", "--for", PATIENT, "--json", str(letter))
    assert (forbidden.code, forbidden.error["code"]) == (6, "delegation-refused")
    assert [each["state"] for each in delegations(ana)["delegations"]] == ["ended", "ended"]


@pytest.mark.parametrize("command", ["confirm", "refuse"])
def test_what_was_refused_is_told_though_another_command_came_first(
    command: str, ana: Person, doctor: Person, met: None
) -> None:
    async def send() -> None:
        async with Device(doctor.home).open(PASSWORD) as vault:
            find = {"email": PATIENT}
            answer = await vault.session.transport.call("POST", "/people/find", body=find)
            hers = Certificate.parse(answer.document["certificate"])
            note = json.dumps({"note": "nobody knows this kind 1\n{}", "signature": command})
            people = [vault.session.key.certificate, hers]
            await Messages(vault.session, vault.reader).post(
                note.encode(), people, [PATIENT], "delegation"
            )

    asyncio.run(send())
    assert by(ana, "delegations", command, "ffffffff").code == 4
    refused = {"from": DOCTOR, "code": "note-refused"}
    assert delegations(ana)["refused"] == [refused]
    assert delegations(ana)["refused"] == []


def test_an_earlier_version_that_still_opens_is_listed_as_one(
    ana: Person, doctor: Person, met: None, tmp_path: Path
) -> None:
    assert by(ana, "delegate", DOCTOR, "--category", "eye").code == 0
    first = tmp_path / "eye.txt"
    first.write_bytes(b"first\n")
    done = by(ana, "put", "--category", "eye", "--json", str(first))
    [report] = done.json["reports"]
    assert by(ana, "unshare", report["id"], "--with", DOCTOR).code == 0
    first.write_bytes(b"second\n")
    assert by(ana, "update", report["id"], str(first)).code == 0
    ended = by(ana, "undelegate", DOCTOR)
    assert ended.code == 0, ended.err
    [line] = [each for each in ended.out.splitlines() if report["id"][:8] in each]
    assert line.endswith("an earlier version")
    assert "Of 1 it is an earlier version alone: hygieia rekey closes that." in ended.err
    assert by(ana, "rekey", report["id"]).code == 0
    again = by(ana, "delegate", DOCTOR, "--category", "eye")
    assert again.code == 0, again.err
    ended = by(ana, "undelegate", DOCTOR, "--json")
    assert report["id"] not in {each["id"] for each in ended.json["still_reads"]}


def test_what_cannot_be_delegated_is_said_and_changes_nothing(
    ana: Person, doctor: Person, met: None, server: RunningServer, tmp_path: Path
) -> None:
    before = delegations(ana)
    refusals = {
        ("delegate", PATIENT): (1, "invalid-input"),
        ("delegate", "nobody@example.org"): (4, "not-found"),
        ("delegate", DOCTOR, "--rights", "read,delete"): (1, "invalid-input"),
        ("delegate", DOCTOR, "--category", "EYE"): (1, "invalid-input"),
        ("delegate", DOCTOR, "--subject", "Nobody"): (4, "not-found"),
        ("delegate", DOCTOR, "--expires", "2026-01-01"): (1, "invalid-input"),
        ("delegate", DOCTOR, "--expires", "tomorrow"): (1, "invalid-input"),
        ("delegate", DOCTOR, "--expires", "2136-01-01"): (1, "invalid-input"),
        ("delegate", DOCTOR, "--pass-on", "ffffffff"): (4, "not-found"),
        ("undelegate", "ffffffff"): (4, "not-found"),
        ("undelegate", "nobody@example.org"): (4, "not-found"),
        ("delegations", "confirm", "ffffffff"): (4, "not-found"),
    }
    for words, (code, name) in refusals.items():
        done = by(ana, *words, "--json")
        assert (done.code, done.error["code"]) == (code, name), words
    eve = sign_up(server.address, tmp_path / "eve", "eve-delegates@example.org")
    unverified = by(ana, "delegate", "eve-delegates@example.org", "--json")
    assert (unverified.code, unverified.error["code"]) == (3, "forbidden")
    assert "contacts show" in unverified.error["hint"]
    assert delegations(ana) == before
    assert delegations(eve)["delegations"] == []
