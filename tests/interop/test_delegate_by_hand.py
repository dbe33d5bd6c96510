"""A delegate opens a report with Debian's sq, her key and a CID: no server, none of our code.

The lines are those of docs/spec/17-delegations.md §8. The patient gave a delegation and stored a
file; then server, database and everybody's client state are gone.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from hygieia.vault.kit import Kit
from tests.guide import Chroot, folder_in, shell_lines
from tests.interop.test_open_without_hygieia import read
from tests.kubo import KuboNode, kubo_node
from tests.running import Person, RunningServer, running_server

pytestmark = [pytest.mark.servers, pytest.mark.slow, pytest.mark.timeout(300)]

SPEC = Path(__file__).parents[2] / "docs/spec/17-delegations.md"
PASSWORD = "sieben Raben ziehen nach Norden"
CONTENT = b"sinus rhythm, 72 bpm\n"


@dataclass(frozen=True, slots=True)
class Left:
    """What is left: the doctor's kit, the patient's certificate, CIDs, and a stranger's node."""

    kit: bytes
    author: str
    delegated: str
    before: str
    node: KuboNode


@pytest.fixture(scope="module")
def left(kubo_program: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Left]:
    folder = tmp_path_factory.mktemp("delegation")
    with kubo_node(kubo_program, tmp_path_factory.mktemp("kubo")) as node:
        with running_server(folder / "server") as server:
            patient, doctor = someone(server, folder, "ana"), someone(server, folder, "doc")
            before = store(patient, folder, "before.txt")
            delegate(patient, doctor)
            after = store(patient, folder, "after.txt")
            for cid in (before, after):
                car = folder / "copy.car"
                car.write_bytes(read(f"{server.address}/ipfs/{cid}?format=car"))
                node.import_car(car)
            kit = (folder / "kit-doc" / "hygieia-kit.json").read_bytes()
            author = (folder / "kit-ana" / "hygieia-kit.json").read_bytes()
        shutil.rmtree(folder)
        yield Left(kit, Kit.from_bytes(author).certificate, after, before, node)


def someone(server: RunningServer, folder: Path, name: str) -> Person:
    person = server.person(folder / f"client-{name}", PASSWORD)
    kit = folder / f"kit-{name}"
    person.run("signup", f"{name}@example.org", "--name", name, "--kit", str(kit))
    return person


def store(person: Person, folder: Path, name: str) -> str:
    (folder / name).write_bytes(CONTENT)
    [report] = person.run_json("put", "--again", str(folder / name))["reports"]
    return str(report["cid"])


def delegate(patient: Person, doctor: Person) -> None:
    number = patient.run_json("contacts", "show", "doc@example.org")["safety_number"]
    patient.run("contacts", "verify", "doc@example.org", "--number", number)
    patient.run("delegate", "doc@example.org")
    del doctor  # she need not even have looked


@pytest.fixture
def elsewhere(debian_chroot: Path) -> Iterator[Chroot]:
    with folder_in(debian_chroot) as chroot:
        yield chroot


def open_by_hand(chroot: Chroot, left: Left, cid: str) -> str:
    (chroot.folder / "hygieia-kit.json").write_bytes(left.kit)
    (chroot.folder / "author.pgp").write_text(left.author, encoding="utf-8")
    done = chroot.bash(
        shell_lines(SPEC, careful=False),
        stdin=f"{PASSWORD}\n",
        GATEWAY=left.node.gateway,
        CID=cid,
    )
    return done.stdout + done.stderr


def test_what_was_stored_after_the_delegation_opens_with_the_delegates_own_key(
    left: Left, elsewhere: Chroot
) -> None:
    said = open_by_hand(elsewhere, left, left.delegated)
    assert (elsewhere.folder / "data").read_bytes() == CONTENT, said
    assert "signed by the author" in said
    assert "what was signed" in said
    note = (elsewhere.folder / "note").read_text("utf-8").partition("\n")[2]
    assert json.loads(note)["file_name"] == "after.txt"


def test_what_was_stored_before_does_not(left: Left, elsewhere: Chroot) -> None:
    said = open_by_hand(elsewhere, left, left.before)
    assert not (elsewhere.folder / "data").exists()
    assert "what was signed" not in said
