"""MS-19, MS-20, RC-07: readers whom nobody delegated to, ends that are hidden, delegations that grow.

The server names a ghost, replays what has ended and lets in whom the owner shut out; a delegate
passes on more than was given. What the owner's own index says is what counts.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from hygieia.blocks.gateway import GatewayReader
from hygieia.client.index_sync import IndexSync
from hygieia.client.messages import Messages
from hygieia.client.session import Session
from hygieia.openpgp.certificates import Certificate
from hygieia.openpgp.times import format_time, now
from hygieia.vault import words
from hygieia.vault.delegation import Delegation, Right, Scope, sign_delegation
from tests.running import Person
from tests.security.hostile import HostileProxy
from tests.security.sharers import done
from tests.security.victims import in_vault, refused, sign_up

# Three people sign up first; on a busy machine that takes its time.
pytestmark = pytest.mark.timeout(600)

PATIENT, DOCTOR, EVE = "patient-19@example.org", "doctor-19@example.org", "eve-19@example.org"
INBOX, REPORTS = "/api/v1/inbox", "/api/v1/reports"


@dataclass(frozen=True)
class Story:
    """A patient who let her doctor read and pass on cardiology, and somebody he knows."""

    patient: Person
    doctor: Person
    eve: Person
    given: dict[str, Any]
    keys: dict[str, str]


@pytest.fixture(scope="module")
def _story(_proxy: HostileProxy, server: object, tmp_path_factory: pytest.TempPathFactory) -> Story:
    _proxy.behave()
    folder = tmp_path_factory.mktemp("delegations")
    people = {
        email: sign_up(Person(folder / email.partition("-")[0], _proxy.address), email)
        for email in (PATIENT, DOCTOR, EVE)
    }
    patient, doctor, eve = people.values()
    keys = {}
    for one, other in ((PATIENT, DOCTOR), (DOCTOR, EVE), (EVE, PATIENT)):
        shown = done(people[one], "contacts", "show", other)
        keys[other] = shown["key"]
        for here, there in ((one, other), (other, one)):
            done(people[here], "contacts", "verify", there, "--number", shown["safety_number"])
    said = ("--category", "cardiology", "--rights", "read,redelegate")
    given = done(patient, "delegate", DOCTOR, *said)["delegation"]
    done(doctor, "delegations")
    return Story(patient, doctor, eve, given, keys)


@pytest.fixture
def story(_story: Story, proxy: HostileProxy) -> Story:
    """Everybody's devices, before a server that is honest until the test says otherwise."""
    return _story


def send(sender: Person, to: str, said: Delegation) -> None:
    """Post a note that no client of ours would make, signed by the sender."""

    async def work(session: Session, index: IndexSync, reader: GatewayReader) -> None:
        note = sign_delegation(session.key, said)
        contact = next(each for each in index.state.contacts() if each.email == to)
        people = [session.key.certificate, Certificate.parse(contact.certificate)]
        await Messages(session, reader).post(note, people, [to], "delegation")

    in_vault(sender, work)


def delegation(giver: str, receiver: str, **changes: Any) -> Delegation:  # noqa: ANN401  (fields of Delegation)
    plain: dict[str, Any] = {
        "id": words.make_id(),
        "giver": giver,
        "receiver": receiver,
        "scope": Scope(),
        "rights": frozenset(Right),
        "created": format_time(now()),
        "expires": format_time(now() + timedelta(days=30)),
    }
    return Delegation(**(plain | changes))


def readers(person: Person, report: str) -> list[str]:
    async def work(_: Session, index: IndexSync, __: GatewayReader) -> list[str]:
        return [each.key for each in (await index.readers(report)).readers]

    return in_vault(person, work)


def store(person: Person, folder: Path, *options: str) -> str:
    path = folder / "ecg.txt"
    path.write_text(f"sinus rhythm {words.make_id()}\n")
    report: str = done(person, "put", *options, str(path))["reports"][0]["id"]
    return report


def test_a_server_that_counts_one_recipient_more_is_refused(
    story: Story, proxy: HostileProxy, tmp_path: Path
) -> None:
    def with_a_ghost(answer: dict[str, Any]) -> None:
        answer["reports"][0]["report"]["readers"] += 1

    proxy.change("POST", REPORTS, with_a_ghost)
    path = tmp_path / "alone.txt"
    path.write_text("for me alone\n")
    refused(story.patient, "put", str(path), code="recipient-refused")


def test_a_ghost_in_the_inbox_never_comes_to_read(story: Story, tmp_path: Path) -> None:
    """Eve says that the doctor gave it, then that she may pass on what the patient never gave her."""
    keys = story.keys
    send(story.eve, PATIENT, delegation(keys[DOCTOR], keys[PATIENT]))
    passed_on = {"parent": story.given["id"], "owner": keys[PATIENT], "email": DOCTOR}
    send(story.eve, PATIENT, delegation(keys[EVE], keys[DOCTOR], **passed_on))
    document = done(story.patient, "delegations")
    assert [each["code"] for each in document["refused"]] == ["delegation-refused"] * 2
    assert [each["id"] for each in document["delegations"]] == [story.given["id"]]
    assert document["waiting"] == []
    assert readers(story.patient, store(story.patient, tmp_path)) == []


@pytest.mark.parametrize(
    "wider",
    [
        {"scope": Scope()},
        {"rights": frozenset(Right)},
        {"expires": format_time(now() + timedelta(days=366))},
    ],
    ids=["categories", "rights", "time"],
)
def test_what_is_passed_on_never_grows(story: Story, wider: dict[str, Any]) -> None:
    """RC-07: the doctor's own client refuses it; a client that does not is refused by hers."""
    keys = story.keys
    plain: dict[str, Any] = {
        "scope": Scope(categories=frozenset({"cardiology"})),
        "rights": frozenset({Right.READ}),
        "parent": story.given["id"],
        "owner": keys[PATIENT],
        "email": EVE,
    }
    send(story.doctor, PATIENT, delegation(keys[DOCTOR], keys[EVE], **(plain | wider)))
    document = done(story.patient, "delegations")
    assert [each["code"] for each in document["refused"]] == ["delegation-refused"]
    assert document["waiting"] == []


def test_the_doctors_own_client_passes_no_more_on_than_he_was_given(story: Story) -> None:
    said = ("delegate", EVE, "--pass-on", story.given["id"], "--rights", "read,upload")
    refused(story.doctor, *said, "--category", "cardiology", code="delegation-refused")


def test_what_has_ended_does_not_come_back(
    story: Story, proxy: HostileProxy, tmp_path: Path
) -> None:
    """MS-20: the server shows the note again, and lets him in all the same."""
    other = done(story.patient, "delegate", DOCTOR, "--rights", "read,upload", "--category", "lab")
    inbox: list[dict[str, Any]] = []

    def keep(answer: dict[str, Any]) -> None:
        inbox.extend(answer["items"])

    proxy.change("GET", INBOX, keep)
    done(story.doctor, "delegations")
    assert inbox
    proxy.behave()
    ended = other["delegation"]["id"]
    done(story.patient, "undelegate", ended)
    done(story.doctor, "delegations")
    proxy.change("GET", INBOX, lambda answer: answer | {"items": inbox})
    for person in (story.doctor, story.patient):
        listed = done(person, "delegations")["delegations"]
        assert {each["id"]: each["state"] for each in listed}[ended] == "ended"
    proxy.behave()
    assert readers(story.patient, store(story.patient, tmp_path, "--category", "lab")) == []
    path = tmp_path / "letter.txt"
    path.write_text("Dear patient\n")
    said = ("put", "--for", PATIENT, "--category", "lab", str(path))
    refused(story.doctor, *said, code="delegation-refused")
