"""``give-back``: Ingrid loses her key, signs up again, and has back what Boris held."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.cli.shell import by, newcomer, run, sign_up, store
from tests.running import Person, RunningServer

# Some forty commands, each a process of its own: on a busy machine that takes its time.
pytestmark = pytest.mark.timeout(600)

INGRID, BORIS = "ingrid-lost@example.org", "boris-holds@example.org"


@dataclass(frozen=True)
class Story:
    """Both after the loss: what Boris was given, and what Ingrid gave nobody."""

    ingrid: Person
    boris: Person
    shared: str
    kept: str


def compare(one: Person, other: str) -> str:
    """The number on the one's screen."""
    return str(by(one, "contacts", "show", other, "--json").json["safety_number"])


@pytest.fixture(scope="module")
def story(server: RunningServer, tmp_path_factory: pytest.TempPathFactory) -> Story:
    folder = tmp_path_factory.mktemp("lost")
    before = sign_up(server.address, folder / "before", INGRID)
    boris = sign_up(server.address, folder / "boris", BORIS)
    number = compare(before, BORIS)
    for person, email in ((before, BORIS), (boris, INGRID)):
        assert by(person, "contacts", "verify", email, "--number", number).code == 0
    files = store(before, **{"heart.txt": b"EF 61 %\n", "diary.txt": b"for nobody\n"})
    assert by(before, "share", files["heart.txt"]["id"], "--with", BORIS).code == 0
    assert by(boris, "shared").code == 0
    reset = run("admin", "accounts", "reset", INGRID, "--data", str(server.data), "--json")
    anew = newcomer(server.address, folder / "anew")
    kit = ("--kit", str(folder / "kit"))
    made = by(anew, "signup", INGRID, "--name", "Ingrid", *kit, "--invite", reset.json["invite"])
    assert made.code == 0, made.err
    return Story(anew, boris, files["heart.txt"]["id"], files["diary.txt"]["id"])


def test_she_is_told_what_her_new_key_does_not_open(story: Story) -> None:
    listed = by(story.ingrid, "ls", "--json")
    assert listed.json["reports"] == []
    assert "2" in listed.err
    assert "give-back" in listed.err


def test_he_sees_a_request_and_nothing_is_shared_without_the_number(story: Story) -> None:
    asked = by(story.boris, "give-back", "--json")
    [request] = asked.json["requests"]
    assert (request["email"], request["state"]) == (INGRID, "changed")
    assert [each["id"] for each in request["reports"]] == [story.shared]
    assert asked.json["found"] == []
    assert "thief" in asked.err
    assert INGRID in by(story.boris, "give-back").out
    right = compare(story.boris, INGRID)
    wrong = right.translate(str.maketrans("0123456789", "1234567890"))
    for number in ((), ("--number", wrong)):
        refused = by(story.boris, "give-back", INGRID, *number, "--json")
        assert (refused.code, refused.error["code"]) == (6, "certificate-changed")
    assert by(story.boris, "give-back", INGRID, "--number", "1").code == 1
    assert by(story.boris, "share", story.shared, "--with", INGRID).code == 6
    assert by(story.boris, "give-back", "nobody@example.org").code == 4
    assert by(story.boris, "give-back", "--number", right).code == 2
    assert by(story.boris, "give-back", INGRID, "--confirm", "ab").code == 2
    assert by(story.ingrid, "give-back", "--json").json["found"] == []


def test_one_action_gives_back_and_she_owns_it_again(story: Story) -> None:
    number = compare(story.ingrid, BORIS)
    assert by(story.ingrid, "contacts", "verify", BORIS, "--number", number).code == 0
    given = by(story.boris, "give-back", INGRID, "--number", number, "--json")
    assert given.code == 0, given.err
    assert [each["id"] for each in given.json["reports"]] == [story.shared]
    assert given.json["failed"] == []
    waiting = by(story.ingrid, "give-back", "--json")
    [found] = waiting.json["found"]
    assert found["givers"] == [BORIS]
    assert [each["title"] for each in found["reports"]] == ["heart"]
    assert found["former_key"][:16] in waiting.err
    assert by(story.ingrid, "ls", "--json").json["reports"] == [], "not before she says so"
    for nonsense, code in (("ab", 1), ("f" * 16, 4)):
        assert by(story.ingrid, "give-back", "--confirm", nonsense).code == code
    mine = by(story.ingrid, "give-back", "--confirm", found["former_key"][:16], "--json")
    assert mine.code == 0, mine.err
    assert (mine.json["former_key"], mine.json["failed"]) == (found["former_key"], [])
    again = by(story.ingrid, "give-back", "--confirm", found["former_key"][:16], "--json")
    assert again.json == {**mine.json, "reports": []}, "nothing is left to do"
    assert by(story.ingrid, "cat", story.shared).out == "EF 61 %\n"
    assert by(story.ingrid, "cat", story.kept).code == 4, "what was never shared stays lost"
    assert by(story.ingrid, "edit", story.shared, "--title", "Mine again").code == 0
    assert by(story.ingrid, "rekey", story.shared).code == 0
    assert by(story.boris, "shared").code == 0
    assert by(story.boris, "info", story.shared, "--json").json["title"] == "Mine again"
    assert by(story.boris, "give-back", "--json").json["requests"] == []


def test_where_there_is_nothing_it_says_so(server: RunningServer, tmp_path: Path) -> None:
    person = sign_up(server.address, tmp_path, "nobody-lost@example.org")
    done = by(person, "give-back", "--json")
    assert done.json == {"requests": [], "found": []}
    assert "Nobody asks" in done.err
    assert by(person, "give-back").out == ""
