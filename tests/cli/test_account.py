"""``signup``, ``login``, ``logout``, ``whoami``, ``passwd``, ``sessions``, ``delete-account``."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.cli.shell import OTHER_PASSWORD, PASSWORD, by, newcomer, sign_up
from tests.running import Person, RunningServer, running_server


def device_of(person: Person, folder: Path) -> Person:
    """Another machine of the same person, not signed in yet."""
    return newcomer(person.server, folder)


def signed_in_device(person: Person, folder: Path, email: str) -> Person:
    device = device_of(person, folder)
    assert by(device, "login", email).code == 0
    return device


def test_sign_up_makes_account_and_kit_and_says_so_in_json(
    server: RunningServer, tmp_path: Path
) -> None:
    person = newcomer(server.address, tmp_path / "cleo")
    kit = tmp_path / "kit"
    done = by(person, "--json", "signup", "Cleo@Example.org", "--name", "Cleo", "--kit", str(kit))
    assert done.code == 0, done.err
    document = done.json
    assert set(document) == {"email", "name", "fingerprint", "ipns_name", "kit", "page"}
    assert (document["email"], document["name"]) == ("cleo@example.org", "Cleo")
    assert len(document["fingerprint"]) == 40
    assert document["ipns_name"].startswith("k51")
    assert Path(document["kit"]).is_file()
    assert Path(document["page"]).is_file()
    again = by(person, "signup", "cleo@example.org", "--kit", str(tmp_path / "k2"))
    assert again.code == 5
    assert "signed in" in again.err
    assert "no recovery kit" not in again.err, "there is one"
    assert not (tmp_path / "k2").exists()
    elsewhere = newcomer(server.address, tmp_path / "elsewhere")
    assert by(elsewhere, "signup", "cleo@example.org", "--kit", str(tmp_path / "k3")).code == 5


def test_nothing_secret_lies_in_clear_in_the_clients_folder(
    server: RunningServer, tmp_path: Path
) -> None:
    person = sign_up(server.address, tmp_path / "dora", "dora@example.org")
    for path in person.home.rglob("*"):
        assert path.stat().st_mode & 0o077 == 0, path
        if path.is_file():
            text = path.read_text("utf-8", errors="replace")
            assert PASSWORD not in text
            assert '"token"' not in text


def test_whoami_tells_what_is_promised(ana: Person) -> None:
    document = by(ana, "whoami", "--json").json
    assert {"email", "name", "fingerprint", "ipns_name", "quota"} <= set(document)
    assert document["email"] == "test-account@example.org"
    assert document["name"] == "Ana Test"
    assert set(document["quota"]) == {"used_bytes", "limit_bytes"}
    assert 0 < document["quota"]["used_bytes"] < document["quota"]["limit_bytes"]


def test_a_wrong_password_is_refused_and_nothing_changes(ana: Person, tmp_path: Path) -> None:
    wrong = newcomer(ana.server, tmp_path / "w", "not the password at all")
    done = by(wrong, "--json", "login", "test-account@example.org")
    assert done.code == 3
    assert done.error["code"] == "credentials-refused"
    unknown = by(wrong, "--json", "login", "nobody@example.org")
    assert (unknown.code, unknown.error) == (3, done.error)
    assert by(wrong, "whoami").code == 3


@pytest.mark.parametrize("email", ["", "ana", "ana@", "ana@exa mple.org", "änna@example.org"])
def test_an_address_that_is_none_is_refused_before_a_password_is_asked(
    server: RunningServer, tmp_path: Path, email: str
) -> None:
    person = newcomer(server.address, tmp_path / "x")
    done = by(person, "--json", "signup", email, HYGIEIA_PASSWORD_FILE=None)
    assert done.code == 1
    assert done.error["code"] == "invalid-input"
    assert not (tmp_path / "hygieia-kit.json").exists()


@pytest.mark.parametrize("password", ["short", "password1234", "x" * 128, "hedda@example.org"])
def test_a_weak_or_overlong_password_makes_no_account(
    server: RunningServer, tmp_path: Path, password: str
) -> None:
    person = newcomer(server.address, tmp_path / "hedda", password)
    done = by(person, "--json", "signup", "hedda@example.org", "--kit", str(tmp_path / "kit"))
    assert done.code == 1
    assert done.error["code"] == "invalid-input"
    assert not person.home.exists()


def test_one_profile_is_one_account_and_another_profile_another(
    server: RunningServer, tmp_path: Path
) -> None:
    person = sign_up(server.address, tmp_path / "e", "emil@example.org")
    by(person, "logout")
    refused = by(person, "signup", "edda@example.org", "--kit", str(tmp_path / "k"))
    assert refused.code == 2
    assert "--profile" in refused.err
    other = ("--profile", "work")
    made = by(person, *other, "signup", "edda@example.org", "--kit", str(tmp_path / "k"))
    assert made.code == 0, made.err
    assert by(person, *other, "whoami", "--json").json["email"] == "edda@example.org"
    assert by(person, "login", "emil@example.org").code == 0
    assert by(person, "whoami", "--json").json["email"] == "emil@example.org"


def test_logout_and_login_again_on_a_device_that_is_known(
    server: RunningServer, tmp_path: Path
) -> None:
    person = sign_up(server.address, tmp_path / "f", "fee@example.org")
    done = by(person, "logout", "--json")
    assert done.json == {"signed_in": False, "server_told": True}
    assert by(person, "logout").code == 0
    assert by(person, "whoami").code == 3
    assert by(person, "login", "fee@example.org", "--json").json["email"] == "fee@example.org"
    assert by(person, "whoami").code == 0
    assert by(person, "logout", "--forget").code == 0
    assert not (person.home / "profiles" / "default" / "profile.json").exists()


def test_logout_works_without_the_server_and_without_the_password(tmp_path: Path) -> None:
    with running_server(tmp_path / "server") as server:
        person = sign_up(server.address, tmp_path / "g", "gil@example.org")
        second = signed_in_device(person, tmp_path / "g2", "gil@example.org")
    done = by(person, "logout", "--json")
    assert done.code == 0
    assert done.json == {"signed_in": False, "server_told": False}
    assert "the server was not told" in done.err
    assert by(person, "whoami").code == 3
    refused = by(second, "logout", HYGIEIA_PASSWORD_FILE=None)
    assert refused.code == 3
    assert "logout --forget" in refused.err
    assert by(second, "logout", "--forget", HYGIEIA_PASSWORD_FILE=None).code == 0


def test_sessions_are_listed_and_ended_by_the_beginning_of_their_id(
    server: RunningServer, tmp_path: Path
) -> None:
    first = sign_up(server.address, tmp_path / "h", "hal@example.org")
    second = signed_in_device(first, tmp_path / "h2", "hal@example.org")
    listed = by(first, "sessions", "--json").json["sessions"]
    assert len(listed) == 2
    for item in listed:
        assert {"id", "created", "last_used", "expires", "label", "address", "current"} <= set(item)
    [own] = [item for item in listed if item["current"]]
    [other] = [item for item in listed if not item["current"]]
    assert by(first, "sessions", "end", "zzzzzz").code == 4
    assert by(first, "sessions", "end", "12").code == 1
    assert by(first, "sessions", "end").code == 2
    left = by(first, "sessions", "end", other["id"][:12], "--json").json["sessions"]
    assert [item["id"] for item in left] == [own["id"]]
    assert by(second, "whoami").code == 3
    ended = by(first, "sessions", "end", own["id"])
    assert ended.code == 0, ended.err
    assert "signed out" in ended.err
    assert by(first, "whoami").code == 3


def test_what_is_no_way_to_use_sessions_is_said_in_one_line(ana: Person) -> None:
    for arguments in (["sessions", "stop"], ["sessions", "end"]):
        done = by(ana, *arguments)
        assert done.code == 2
        assert done.err.startswith("hygieia: ")
        assert "'[" not in done.err


def test_a_state_folder_that_cannot_be_made_is_named_with_its_setting(
    server: RunningServer, tmp_path: Path
) -> None:
    (tmp_path / "file").write_text("")
    person = newcomer(server.address, tmp_path / "fay")
    for home in (str(tmp_path / "file"), "/proc/nowhere"):
        done = by(person, "login", "test-account@example.org", HYGIEIA_HOME=home)
        assert done.code in (2, 3), done.err
        done = by(person, "signup", "fay@example.org", "--kit", "kit", HYGIEIA_HOME=home)
        assert done.code == 2
        assert "HYGIEIA_HOME" in done.err


def test_a_new_password_ends_all_other_sessions_and_the_old_one_opens_nothing(
    server: RunningServer, tmp_path: Path
) -> None:
    first = sign_up(server.address, tmp_path / "i", "ida@example.org")
    second = signed_in_device(first, tmp_path / "i2", "ida@example.org")
    new = tmp_path / "new"
    new.write_text(f"{OTHER_PASSWORD}\r\n")
    done = by(first, "passwd", "--new-password-file", str(new), "--json")
    assert done.code == 0, done.err
    assert done.json == {"changed": True}
    assert by(first, "whoami").code == 3
    assert by(first, "whoami", HYGIEIA_PASSWORD_FILE=str(new)).code == 0
    assert by(first, "ls", HYGIEIA_PASSWORD_FILE=str(new)).code == 0
    refused = by(second, "whoami", "--json")
    assert (refused.code, refused.error["code"]) == (3, "not-signed-in")
    assert by(second, "login", "ida@example.org").code == 3
    assert by(second, "login", "ida@example.org", HYGIEIA_PASSWORD_FILE=str(new)).code == 0
    assert by(second, "ls", HYGIEIA_PASSWORD_FILE=str(new)).code == 0


def test_an_account_is_deleted_only_by_its_own_address_and_password(
    server: RunningServer, tmp_path: Path
) -> None:
    person = sign_up(server.address, tmp_path / "j", "jan@example.org")
    assert by(person, "delete-account").code == 2
    assert by(person, "delete-account", "--confirm", "jon@example.org").code == 2
    assert by(person, "whoami").code == 0
    done = by(person, "delete-account", "--confirm", "jan@example.org", "--json")
    assert done.json == {"deleted": True}
    assert by(person, "whoami").code == 3
    assert by(person, "login", "jan@example.org").code == 3


def test_where_registration_is_by_invitation_a_code_is_for_one_account(tmp_path: Path) -> None:
    with running_server(tmp_path / "server", registration="invite") as server:
        person = newcomer(server.address, tmp_path / "kim")
        kit = ("--kit", str(tmp_path / "kit"))
        refused = by(person, "--json", "signup", "kim@example.org", *kit)
        assert (refused.code, refused.error["code"]) == (3, "forbidden")
        code = server.admin("accounts", "invite").strip()
        assert by(person, "signup", "kim@example.org", *kit, "--invite", code).code == 0
        other = newcomer(server.address, tmp_path / "lou")
        again = by(
            other, "signup", "lou@example.org", "--kit", str(tmp_path / "k"), "--invite", code
        )
        assert again.code == 3
