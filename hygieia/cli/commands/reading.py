"""``ls``, ``info``, ``get``, ``cat``, ``versions``."""

from __future__ import annotations

import sys
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from hygieia.cli.invocation import STANDARD_INPUT
from hygieia.cli.options import ANY_PATH, command, known_words
from hygieia.cli.reports import MISSING, UNKNOWN
from hygieia.errors import BlockMissing, NotFound, UsageError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from hygieia.cli.invocation import Invocation
    from hygieia.vault.listing import Listed
    from hygieia.vault.report import Report
    from hygieia.vault.report_entry import ReportEntry

STANDARD_OUTPUT = STANDARD_INPUT
_gateway_option = click.option(
    "--gateway",
    "gateways",
    multiple=True,
    metavar="URL",
    help="Ask only here, not the server; repeat.",
)


@command("ls")
@click.option("--category", shell_complete=known_words("CATEGORIES"), help="Only this category.")
@click.option("--subject", metavar="WHO", help="Only records of WHO: me, or as with put.")
@click.option("--search", metavar="WORDS", help="Words in title, file name or category.")
@click.option("--trash", is_flag=True, help="What is in the trash.")
@click.option("--limit", type=click.IntRange(min=1), help="How many at most.")
@click.option("--after", metavar="CURSOR", help="Go on after an earlier page.")
@_gateway_option
def ls(invocation: Invocation, gateways: tuple[str, ...], **wanted: Any) -> None:  # noqa: ANN401  (what Vault.list takes, as click gives it)
    """List reports, newest first.

    "missing here": your index has the report and the server has lost its blocks. A gateway with a
    copy may have them: hygieia get REPORT --gateway URL
    """
    from hygieia.cli.reports import describe, report_table
    from hygieia.cli.sessions import opened_vault, run, states_of

    async def work() -> tuple[Listed, dict[str, str]]:
        async with opened_vault(invocation, gateways) as vault:
            listed = vault.list(**wanted)
            return listed, await states_of(vault, listed.reports)

    listed, states = run(work())
    reports = [describe(e) | {"state": states.get(e.id, UNKNOWN)} for e in listed.reports]
    document = {"reports": reports, "next": listed.next}
    invocation.result(document, lambda: report_table(listed.reports, states))
    if not listed.reports:
        narrowed = any(wanted[name] for name in ("category", "subject", "search", "after"))
        invocation.message(_nothing_listed(trash=wanted["trash"], all_of_it=not narrowed))
    elif listed.next and not invocation.json:
        invocation.message(f"There is more: --after {listed.next}")


def _nothing_listed(*, trash: bool, all_of_it: bool) -> str:
    if not all_of_it:
        return "No reports match."
    if trash:
        return "The trash is empty."
    return "Your vault is empty. Store something: hygieia put FILE"


@command("info")
@click.argument("report", metavar="REPORT")
@_gateway_option
def info(invocation: Invocation, report: str, gateways: tuple[str, ...]) -> None:
    """Show everything about one report, as its author signed it."""
    from hygieia.cli.reports import describe
    from hygieia.cli.sessions import opened_vault, run, states_of
    from hygieia.cli.who import people_of
    from hygieia.client import answers
    from hygieia.client.copies import copies_of

    known: dict[str, Any] = {}

    async def work() -> dict[str, Any]:
        async with opened_vault(invocation, gateways) as vault:
            entry = vault.find(report)
            states = await states_of(vault, [entry])
            known.update(describe(entry), state=states.get(entry.id, UNKNOWN))
            opened = await vault.read(entry)
            rev, copies = None, None
            if not gateways:
                transport = vault.session.transport
                server = await transport.call("GET", f"/reports/{entry.id}")
                rev = answers.number(server.document, "rev")
                with suppress(NotFound):  # whose it is is told of copies, and nobody else
                    copies = (await copies_of(transport, entry.id)).to_json()
            names = {each.id: each.name for each in vault.subjects}
            whose = {"subject_name": names.get(opened.meta.subject)}
            told = {"state": known["state"], "copies": copies}
            people = await people_of(vault, opened)
            return _info(entry, opened, rev) | people | whose | told

    try:
        document = run(work())
    except BlockMissing as error:
        if not known:
            raise
        invocation.incomplete(known, lambda: _info_text(known), error)
    invocation.result(document, lambda: _info_text(document))


def _info(entry: ReportEntry, opened: Report, rev: int | None) -> dict[str, Any]:
    from hygieia.cli.reports import describe

    meta = opened.meta
    return describe(entry) | {
        "rev": rev,
        "data_payload_cid": meta.data_payload_cid,
        "meta_payload_cid": entry.meta_payload_cid,
        "sha256": meta.sha256,
        "subject": meta.subject,
        "author": meta.author,
        "profession": meta.profession,
        "readers": len(opened.packets),
        "signature": opened.verdict.value,
    }


def _info_text(document: dict[str, Any]) -> str:
    from hygieia.cli.text import facts, size
    from hygieia.cli.who import readers_text, signature_text

    shown = {
        "Title": document["title"],
        "File": f"{document['file_name']} ({document['media_type']})",
        "Size": f"{size(document['size_bytes'])} ({document['size_bytes']} bytes)",
        "Category": document["category"],
        "Written": document["created"],
        "Revision": str(document["revision"]),
        "Readers": readers_text(document),
        "Signature": signature_text(document),
        "SHA-256": document.get("sha256", "?"),
        "ID": document["id"],
        "CID": document["cid"],
        "In the trash": document.get("deleted") or "no",
    }
    if document.get("subject_name"):
        shown["Record of"] = document["subject_name"]
    if document["state"] == MISSING:
        shown["Blocks"] = "missing here"
    if copies := document.get("copies"):
        shown["Copies"] = _copies_text(copies)
    return facts(list(shown.items()))


def _copies_text(copies: dict[str, Any]) -> str:
    if copies["state"] == "unchecked":
        return "not looked at yet"
    said = "" if copies["state"] == "safe" else ", which is short"
    where = ", ".join(node["node"] for node in copies["nodes"] if node["state"] == "whole")
    return f"{copies['copies']} of {copies['wanted']}{said}: {where or 'nowhere'}"


@command("versions")
@click.argument("report", metavar="REPORT")
def versions(invocation: Invocation, report: str) -> None:
    """List a report's versions; get --revision N fetches one."""
    from hygieia.cli.sessions import opened_vault, run
    from hygieia.cli.text import size, table

    async def work() -> list[dict[str, Any]]:
        async with opened_vault(invocation) as vault:
            entry = vault.find(report)
            return [
                {
                    "revision": version.report.meta.revision,
                    "cid": version.cid,
                    "title": version.report.meta.title,
                    "size_bytes": version.report.meta.size_bytes,
                    "created": version.created,
                    "signature": version.report.verdict.value,
                }
                for version in await vault.versions(entry)
            ]

    found = run(work())

    def human() -> str:
        rows = [
            (str(v["revision"]), v["created"], size(v["size_bytes"]), v["title"]) for v in found
        ]
        return table(("REVISION", "WRITTEN", "SIZE", "TITLE"), rows)

    invocation.result({"versions": found}, human)


@command("get")
@click.argument("reports", nargs=-1, required=True, metavar="REPORT…")
@click.option(
    "-o", "out", type=ANY_PATH, metavar="PATH", help="A file or folder to write to; - is stdout."
)
@_gateway_option
@click.option("--revision", type=click.IntRange(min=1), help="An earlier version.")
def get(
    invocation: Invocation,
    reports: tuple[str, ...],
    out: str | None,
    gateways: tuple[str, ...],
    revision: int | None,
) -> None:
    """Fetch reports, verify and decrypt them, and write them here."""
    from hygieia.cli.sessions import run

    if revision is not None and len(reports) > 1:
        raise click.UsageError("One revision is of one report.")
    if out == STANDARD_OUTPUT:
        if len(reports) > 1:
            raise click.UsageError("Several reports are written to files: -o FOLDER.")
        if invocation.json:
            raise click.UsageError("A report on standard output leaves no room for --json.")
        run(_to_output(invocation, reports[0], gateways, revision))
        return
    saved = run(_to_files(invocation, reports, out, gateways, revision))
    invocation.result(
        {"reports": saved}, lambda: "\n".join(str(document["path"]) for document in saved)
    )


@command("cat")
@click.argument("report", metavar="REPORT")
@_gateway_option
def cat(invocation: Invocation, report: str, gateways: tuple[str, ...]) -> None:
    """Write one report's content to standard output."""
    from hygieia.cli.sessions import run

    if invocation.json:
        raise click.UsageError("A report on standard output leaves no room for --json.")
    run(_to_output(invocation, report, gateways, None))


async def _to_output(
    invocation: Invocation, name: str, gateways: Sequence[str], revision: int | None
) -> None:
    from hygieia.cli.sessions import opened_vault
    from hygieia.cli.text import TerminalText

    async with opened_vault(invocation, gateways) as vault:
        opened = await vault.read(vault.find(name), revision=revision)
        _say_verdict(invocation, opened)
        output = sys.stdout.buffer
        if not sys.stdout.isatty():
            await vault.stream(opened, output.writelines)
        elif opened.meta.media_type.startswith("text/"):
            shown = TerminalText(output.write)
            await vault.stream(opened, shown.show)
            shown.end()
        else:
            raise UsageError(
                f"This report is {opened.meta.media_type}, which a terminal cannot show.",
                hint="Write it to a file: hygieia get REPORT, or send it on: hygieia cat REPORT | …",
            )
        output.flush()


async def _to_files(
    invocation: Invocation,
    names: Sequence[str],
    out: str | None,
    gateways: Sequence[str],
    revision: int | None,
) -> list[dict[str, Any]]:
    from hygieia.cli.progress import progress
    from hygieia.cli.reports import describe
    from hygieia.cli.sessions import opened_vault

    saved: list[dict[str, Any]] = []
    async with opened_vault(invocation, gateways) as vault:
        entries = [vault.find(name) for name in names]
        found = [(entry, await vault.read(entry, revision=revision)) for entry in entries]
        total = sum(opened.meta.size_bytes for _, opened in found)
        before = 0
        with progress(invocation, "Fetching") as show:
            for entry, opened in found:
                path = _destination(out, opened.meta.file_name, several=len(found) > 1)

                def advance(done: int, _: int | None, label: str, before: int = before) -> None:
                    show(before + done, total, label)

                kept = await vault.get(opened, path, progress=advance)
                before += opened.meta.size_bytes
                _say_verdict(invocation, opened)
                document = describe(entry) | {"revision": opened.meta.revision}
                saved.append(document | {"path": str(kept), "signature": opened.verdict.value})
    return saved


def _destination(out: str | None, file_name: str, *, several: bool) -> Path:
    """Where to write: a folder that is there or ends in a slash takes the report's own name."""
    from hygieia.vault.words import safe_file_name

    name = safe_file_name(file_name)
    if out is None:
        return Path(name)
    path = Path(out)
    if path.is_dir() or out.endswith("/") or several:
        if path.exists() and not path.is_dir():
            raise UsageError(f"{out!r} is a file; several reports need a folder.")
        return path / name
    if path.exists() and not path.is_file():
        raise UsageError(
            f"{out!r} is neither a file nor a folder.",
            hint="To send it somewhere else: hygieia cat REPORT > THERE",
        )
    if not path.parent.is_dir():
        # A mistyped path must not make folders and leave a record in clear in them.
        raise UsageError(
            f"There is no folder {str(path.parent)!r}.",
            hint="Make it first, or end the path with / to have it made.",
        )
    return path


def _say_verdict(invocation: Invocation, opened: Report) -> None:
    from hygieia.openpgp.notes import Verdict

    if opened.verdict is not Verdict.VALID:
        invocation.warn(
            f"the author's signature is not confirmed ({opened.verdict.value}): "
            "you do not know this author's key, or it has changed."
        )
