"""``hygieia copies``: where the copies of reports are, as the server last verified them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from hygieia.cli.options import command

if TYPE_CHECKING:
    from collections.abc import Sequence

    from hygieia.cli.invocation import Invocation
    from hygieia.client.copies import CopiesOf
    from hygieia.client.sdk import Vault


@command("copies")
@click.argument("reports", metavar="[REPORT]...", nargs=-1)
def copies(invocation: Invocation, reports: Sequence[str]) -> None:
    """Show where copies of your reports are, what is short first; of a REPORT, node by node.

    A node counts when the server has read every block there and hashed it. Your server says so: to
    see for yourself, fetch a report from that node alone, with hygieia get REPORT --gateway URL
    """
    from hygieia.cli.sessions import opened_vault, run
    from hygieia.client.copies import all_copies, copies_of

    titles: dict[str, str] = {}

    async def work() -> list[CopiesOf]:
        async with opened_vault(invocation) as vault:
            entries = [vault.find(report) for report in reports]
            transport = vault.session.transport
            found = [await copies_of(transport, entry.id) for entry in entries]
            found = found if reports else await all_copies(transport)
            titles.update(_titles(vault))
            return found

    found = run(work())
    document = {"copies": [each.to_json() for each in found]}
    shown = _by_node if reports else _by_report
    invocation.result(document, lambda: shown(found, titles))
    if not found:
        invocation.message("Nothing was looked at yet. What is new is, within some minutes.")


def _titles(vault: Vault) -> dict[str, str]:
    return {entry.id: entry.title for entry in vault.list().reports}


def _by_report(found: Sequence[CopiesOf], titles: dict[str, str]) -> str:
    from hygieia.cli.reports import SHORT_ID_CHARACTERS
    from hygieia.cli.text import table

    rows = [
        (
            (each.report or "index")[:SHORT_ID_CHARACTERS],
            each.state,
            f"{each.copies} of {each.wanted}",
            each.checked or "never",
            _name(each, titles),
        )
        for each in found
    ]
    return table(("ID", "STATE", "COPIES", "CHECKED", "TITLE"), rows) if rows else ""


def _by_node(found: Sequence[CopiesOf], titles: dict[str, str]) -> str:
    from hygieia.cli.text import printable, table

    parts = []
    for each in found:
        said = f"{_name(each, titles)}: {each.state}, {each.copies} of {each.wanted} copies"
        rows = [
            (node.node, node.state, node.verified or "", str(node.lacking or ""))
            for node in each.nodes
        ]
        nodes = [table(("NODE", "STATE", "VERIFIED", "BLOCKS LACKING"), rows)] if rows else []
        parts.append("\n".join([printable(said), *nodes]))
    return "\n\n".join(parts)


def _name(copies: CopiesOf, titles: dict[str, str]) -> str:
    return "your index" if copies.report is None else titles.get(copies.report, "in the trash")
