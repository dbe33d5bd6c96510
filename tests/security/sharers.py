"""People who share: Ana owns, Ben reads, Cleo was taken off, Dora is only known."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hygieia.blocks.gateway import GatewayReader
from hygieia.client.index_sync import IndexSync
from hygieia.client.session import Session
from hygieia.ipld.block import Block
from hygieia.ipld.builder import Built, directory, join, leaf
from hygieia.ipld.cid import CID
from hygieia.ipld.shapes import DATA_NAME, META_NAME
from hygieia.openpgp.session_keys import wrap
from hygieia.recovery.driving import read_from
from hygieia.vault.report import Report
from hygieia.vault.report_build import seal_content
from hygieia.vault.report_read import read_report
from tests.people import key_of
from tests.running import Person
from tests.security.victims import PASSWORD, in_vault, run_here

ANA, BEN, CLEO, DORA = (f"{name}-shares@example.org" for name in ("ana", "ben", "cleo", "dora"))


@dataclass(frozen=True)
class Sharers:
    """Homes as they were left after some sharing; tests run on copies."""

    ana: Person
    ben: Person
    cleo: Person
    report: str
    """Ben reads it, Cleo does no more."""
    other: str
    """Only Ana reads it."""
    unseen: str
    """Shared with Cleo, who has not looked yet."""
    roots: dict[str, str]
    """Of ``report``: "alone", "with ben", "with cleo" too, and "now", without her."""
    other_root: str
    notes: list[dict[str, Any]]
    """The share notes of ``report`` as the server had them while Cleo read it."""

    def device(self, person: Person, home: Path) -> Person:
        """A device of theirs, in a folder of its own."""
        shutil.copytree(person.home, home)
        copied = Person(home, person.server)
        copied.password_file.write_bytes(person.password_file.read_bytes())
        return copied


def make_sharers(address: str, folder: Path) -> Sharers:
    """Sign them up at ``address``, have them compare numbers, share and unshare."""
    ana, ben, cleo, _ = (_signed_up(address, folder, email) for email in (ANA, BEN, CLEO, DORA))
    for email, person in ((BEN, ben), (CLEO, cleo)):
        number = done(person, "contacts", "show", ANA)["safety_number"]
        done(person, "contacts", "verify", ANA, "--number", number)
        done(ana, "contacts", "show", email)
        done(ana, "contacts", "verify", email, "--number", number)
    done(ana, "contacts", "show", DORA)
    for name in ("blood.txt", "eyes.txt", "skin.txt"):
        (folder / name).write_text(f"{name}: all is well\n")
    stored = done(ana, "put", *(str(path) for path in sorted(folder.glob("*.txt"))))
    report, other, unseen = stored["reports"]
    roots, notes = {"alone": report["cid"]}, list[dict[str, Any]]()
    for name, command, email in (
        ("with ben", "share", BEN),
        ("with cleo", "share", CLEO),
        ("now", "unshare", CLEO),
    ):
        [changed] = done(ana, command, report["id"], "--with", email)["reports"]
        roots[name] = changed["cid"]
        if command == "share":
            done({BEN: ben, CLEO: cleo}[email], "shared")
            notes = _notes_of(ana, report["id"])
    done(ana, "share", unseen["id"], "--with", CLEO)
    ids = (report["id"], other["id"], unseen["id"])
    return Sharers(ana, ben, cleo, *ids, roots, other["cid"], notes)


def _signed_up(address: str, folder: Path, email: str) -> Person:
    person = Person(folder / email.partition("-")[0], address)
    person.password_file.write_text(f"{PASSWORD}\n", encoding="utf-8")
    done(person, "signup", email, "--kit", str(folder / f"kit-of-{email}"))
    return person


def done(person: Person, *arguments: str) -> Any:  # noqa: ANN401  (whatever the command answers)
    """What a command that succeeds has printed."""
    ended = run_here(person, "--json", *arguments)
    assert ended.exit_code == 0, ended
    return ended.document


def _notes_of(ana: Person, report: str) -> list[dict[str, Any]]:
    async def work(session: Session, _: IndexSync, __: GatewayReader) -> list[dict[str, Any]]:
        answer = await session.transport.call("GET", f"/reports/{report}/shares")
        return list(answer.document["items"])

    return in_vault(ana, work)


@dataclass(frozen=True)
class Opened:
    """Ana's reports, opened by her while everybody behaved."""

    reports: dict[str, Report]
    other: Report

    @property
    def now(self) -> Report:
        return self.reports["now"]


def opened_by_ana(device: Person, sharers: Sharers) -> Opened:
    async def work(session: Session, index: IndexSync, reader: GatewayReader) -> Opened:
        people = index.state.people(session.key.certificate)

        async def open_at(root: str) -> Report:
            return await read_from(read_report(CID.parse(root), session.key, people), reader)

        reports = {name: await open_at(root) for name, root in sharers.roots.items()}
        return Opened(reports, await open_at(sharers.other_root))

    return in_vault(device, work)


@dataclass(frozen=True)
class Forged:
    """A root that the server names, and its blocks where the real server has not got them."""

    root: str
    blocks: tuple[Block, ...] = ()


def header_of_another_report(opened: Opened) -> Forged:
    """The recipients of one report before the payloads of another."""
    return _with_packets(opened.now, opened.other.packets)


def without_the_owner(opened: Opened) -> Forged:
    """Everybody's packet but the owner's."""
    report = opened.now
    return _with_packets(report, [each for each in report.packets if each != report.own_packet])


def with_a_ghost(opened: Opened) -> Forged:
    """One packet more, for Eve, by a reader who knows the session key: no note names it."""
    report = opened.now
    ghost = wrap(report.session_key, key_of("eve@example.org").certificate)
    return _with_packets(report, [*report.packets, ghost])


def another_body(opened: Opened) -> Forged:
    """RC-01: content of a reader's own, under the session key that she knows for ever."""
    report = opened.now
    blocks, payload = seal_content(b"all is lost", report.session_key)
    return _tied(report.encrypted.header, payload, report.encrypted.meta, blocks)


def another_report(opened: Opened) -> Forged:
    """MS-13: report B under A's id."""
    return Forged(str(opened.other.encrypted.root))


def bodies_exchanged(opened: Opened) -> Forged:
    """MS-16: the content where the labels belong, and the reverse."""
    encrypted = opened.now.encrypted
    return _tied(encrypted.header, encrypted.meta, encrypted.data)


def _with_packets(report: Report, packets: Sequence[bytes]) -> Forged:
    block, header = leaf(b"".join(packets))
    return _tied(header, report.encrypted.data, report.encrypted.meta, [block])


def _tied(header: Built, data: Built, meta: Built, blocks: Sequence[Block] = ()) -> Forged:
    data_node, data_file = join(header, data)
    meta_node, meta_file = join(header, meta)
    top, root = directory([(DATA_NAME, data_file), (META_NAME, meta_file)])
    return Forged(str(root.cid), (*blocks, data_node, meta_node, top))
