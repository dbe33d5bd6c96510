"""``hygieia admin``: beside a running server, on its data."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from hygieia.blocks.embedded import copies
from hygieia.ipld.block import Block
from hygieia.ipld.car import car_header, car_section
from hygieia.ipld.cid import RAW
from tests.cli.shell import Done, by, newcomer, run, sign_up, store
from tests.running import Person, RunningServer, running_server


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    """A server of this file's own: the last test damages it."""
    with running_server(tmp_path_factory.mktemp("admin")) as started:
        yield started


@pytest.fixture(scope="module")
def ana(server: RunningServer, tmp_path_factory: pytest.TempPathFactory) -> Person:
    person = sign_up(server.address, tmp_path_factory.mktemp("ana"), "ana@example.org")
    store(person, **{"blood.txt": b"13.9"})
    return person


def admin(server: RunningServer, *arguments: str) -> Done:
    return run("admin", *arguments, "--data", str(server.data), "--json")


def test_accounts_are_listed_with_the_room_they_use(server: RunningServer, ana: Person) -> None:
    [account] = admin(server, "accounts").json["accounts"]
    assert set(account) == {"account", "email", "used"}
    assert account["email"] == "ana@example.org"
    assert account["used"] > 0


def test_check_finds_everything_whole(server: RunningServer, ana: Person) -> None:
    done = admin(server, "check")
    assert done.code == 0
    document = done.json
    assert (document["reports"], document["indexes"], document["damaged"]) == (1, 1, [])
    assert document["blocks"] > 6


@pytest.mark.parametrize("command", ["check", "gc", "verify", "accounts"])
def test_a_folder_that_holds_no_vault_is_refused_and_nothing_is_made_there(
    tmp_path: Path, command: str
) -> None:
    slip = tmp_path / "bakcup"
    done = run("admin", command, "--data", str(slip), "--json")
    assert done.code == 2
    assert "There is no vault" in done.json["error"]["message"]
    assert not slip.exists()


def test_gc_removes_nothing_that_is_kept(server: RunningServer, ana: Person) -> None:
    assert set(admin(server, "gc").json) == {"jobs", "expired", "blocks", "size_bytes"}
    assert admin(server, "check").code == 0


def test_any_car_is_taken_in_and_served(server: RunningServer, tmp_path: Path) -> None:
    import urllib.request

    block = Block.of(RAW, b"a block from elsewhere")
    car = tmp_path / "file.car"
    car.write_bytes(car_header([block.cid]) + car_section(block))
    document = admin(server, "blocks", "import", str(car)).json
    assert document == {"blocks": 1, "roots": [str(block.cid)], "absent_roots": []}
    url = f"{server.address}/ipfs/{block.cid}?format=raw"
    with urllib.request.urlopen(url) as answer:
        assert answer.read() == block.data
    car.write_bytes(car.read_bytes()[:-3])
    assert admin(server, "blocks", "import", str(car)).code == 6
    assert admin(server, "blocks", "import", str(tmp_path / "none.car")).code == 2


def test_an_ipns_record_is_taken_only_if_it_verifies(
    server: RunningServer, ana: Person, tmp_path: Path
) -> None:
    import urllib.request

    name = by(ana, "whoami", "--json").json["ipns_name"]
    record = tmp_path / "record"
    with urllib.request.urlopen(f"{server.address}/ipns/{name}?format=ipns-record") as answer:
        record.write_bytes(answer.read())
    assert admin(server, "ipns", "put", name, str(record)).json["name"] == name
    octets = bytearray(record.read_bytes())
    octets[len(octets) // 2] ^= 1
    record.write_bytes(bytes(octets))
    assert admin(server, "ipns", "put", name, str(record)).code == 6


def test_after_a_lost_key_the_operator_frees_the_address(
    server: RunningServer, tmp_path: Path
) -> None:
    person = sign_up(server.address, tmp_path / "quin", "quin@example.org")
    assert admin(server, "accounts", "reset", "nobody@example.org").code == 4
    code = admin(server, "accounts", "reset", "quin@example.org").json["invite"]
    assert code.startswith("r-")
    assert by(person, "ls").code == 3
    anew = newcomer(server.address, tmp_path / "anew")
    kit = ("--kit", str(tmp_path / "kit"))
    made = by(anew, "signup", "quin@example.org", *kit, "--invite", code)
    assert made.code == 0, made.err
    assert by(anew, "ls", "--json").json["reports"] == []


def test_check_names_what_is_damaged_in_its_one_document_and_ends_with_6(
    server: RunningServer, ana: Person
) -> None:
    packs = [path for path in (server.data / "blocks" / "packs").rglob("*") if path.is_file()]
    for pack in packs:
        octets = bytearray(pack.read_bytes())
        for at in range(0, len(octets), 512):
            octets[at] ^= 0xFF
        pack.write_bytes(bytes(octets))
    done = admin(server, "check")
    assert done.code == 6
    assert done.json["error"]["code"] == "integrity"
    assert done.json["damaged"]
    for item in done.json["damaged"]:
        assert set(item) == {"kind", "subject", "root", "code", "missing"}
    json.dumps(done.json)


def test_a_lost_catalogue_is_made_anew(tmp_path: Path) -> None:
    with running_server(tmp_path) as server:
        person = sign_up(server.address, tmp_path / "home", "eva@example.org")
        store(person, **{"blood.txt": b"13.9", "scan.bin": bytes(3 << 20)})
        busy = admin(server, "rebuild")
        assert (busy.code, busy.json["error"]["code"]) == (5, "conflict")
    for file in (server.data / "blocks").glob("catalogue.sqlite*"):
        file.unlink()
    assert admin(server, "check").code == 2
    rebuilt = admin(server, "rebuild")
    assert rebuilt.code == 0
    assert (rebuilt.json["damaged"], rebuilt.json["missing"]) == (0, 0)
    assert rebuilt.json["pins"] >= 3
    checked = admin(server, "check")
    assert checked.code == 0
    assert (checked.json["reports"], checked.json["damaged"]) == (2, [])
    assert admin(server, "rebuild").code == 2  # there is nothing to do now


def test_check_calls_no_report_damaged_when_it_is_the_catalogue_that_is(tmp_path: Path) -> None:
    with running_server(tmp_path) as server:
        person = sign_up(server.address, tmp_path / "home", "eva@example.org")
        store(person, **{"blood.txt": b"13.9"})
    catalogue = server.data / "blocks" / "catalogue.sqlite"
    with catalogue.open("r+b") as file:
        file.seek(4096)  # the first page, with the schema, stays
        file.write(b"\xa5" * (catalogue.stat().st_size - 4096))
    checked = admin(server, "check")
    assert (checked.code, checked.json["error"]["code"]) == (1, "unavailable")
    assert "admin rebuild" in checked.json["error"]["hint"]
    assert admin(server, "rebuild").code == 0
    assert admin(server, "check").code == 0


def test_pins_lost_with_the_copies_come_back_from_the_documents(tmp_path: Path) -> None:
    with running_server(tmp_path) as server:
        person = sign_up(server.address, tmp_path / "home", "eva@example.org")
        store(person, **{"blood.txt": b"13.9"})
        data = server.data
    for file in (data / "blocks").glob("catalogue.sqlite*"):
        file.unlink()
    forget_pins(data / "blocks")
    rebuilt = admin(server, "rebuild")
    assert rebuilt.json["pins"] >= 2
    checked = admin(server, "check")
    assert (checked.code, checked.json["damaged"]) == (0, [])


def forget_pins(blocks: Path) -> None:
    """As if the copies had been lost that tell of them."""
    files = copies.CopyFiles(blocks)
    old = files.paths()
    kept = [
        copy
        for path in old
        for copy in copies.read(path)
        if isinstance(copy, copies.BlockCopy | copies.RecordCopy)
    ]
    files.append(kept)
    files.close()
    for path in old:
        path.unlink()
