"""``hygieia admin verify``: read every copy on every node, mend what is short."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import click

from hygieia.cli.commands.admin import data_option, opened_services
from hygieia.cli.options import GlobalOptions, pass_invocation
from hygieia.errors import Conflict, IntegrityError

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from hygieia.cli.invocation import Invocation
    from hygieia.domain.copies import Copies, NodeCopy  # noqa: TC004  (a dataclass does not read its annotations)
    from hygieia.domain.verification import Verifier
    from hygieia.domain.verify_runs import Run

_WAIT_SECONDS = 30.0
_MOST_NAMED = 1000


@click.command("verify", cls=GlobalOptions)
@click.option(
    "--gateway",
    "gateways",
    multiple=True,
    metavar="URL",
    help="Read this one too, and mend from it. May be given more than once.",
)
@data_option
@pass_invocation
def verify(invocation: Invocation, gateways: tuple[str, ...], data: Path | None) -> None:
    """Read and hash every report's and index's blocks on every node; mend what is short.

    The nodes are this server's own store, those in HYGIEIA_COPY_NODES, and the gateways given.
    What is missing or damaged here, or in a Kubo that is named, is put back from another copy and
    pinned again. It may run beside the server; interrupted, it goes on where it was. Exit 6 if a
    report has fewer copies than HYGIEIA_WANTED_COPIES in the end.
    """
    from hygieia.cli.sessions import run

    result, found = run(_verify(invocation, gateways, data))
    counts, short = result.counts, found.short
    document: dict[str, Any] = {
        "reports": counts.reports,
        "indexes": counts.indexes,
        "blocks": counts.blocks,
        "size_bytes": counts.size_bytes,
        "mended_blocks": counts.mended,
        "safe": counts.safe,
        "short_count": counts.short,
        "short": [_describe(copies) for copies in short],
        "nodes": [
            {
                "node": node,
                "kind": kind,
                "states": dict(of_node.states),
                "last_verified": of_node.last_verified,
            }
            for (node, kind), of_node in found.nodes.items()
        ],
        "started": result.started,
        "finished": result.finished,
    }

    def human() -> str:
        sums = f"{counts.reports} reports and {counts.indexes} indexes: {counts.safe} safe"
        mended = f", {counts.mended} blocks mended" if counts.mended else ""
        nodes = [_node_line(node, of_node) for (node, _), of_node in found.nodes.items()]
        return "\n".join([*map(_line, short), *nodes, f"{sums}, {counts.short} short{mended}."])

    if not counts.short:
        invocation.result(document, human)
        return
    error = IntegrityError(
        f"{counts.short} of them have fewer copies than there should be.",
        hint="Name a node that has a whole copy with --gateway URL, or bring the blocks back with: "
        "hygieia admin blocks import FILE.car",
    )
    invocation.incomplete(document, human, error)


@dataclass(slots=True)
class OfNode:
    """How many of its copies are in each state, and when the last whole one was read there."""

    states: Counter[str] = field(default_factory=Counter)
    last_verified: str | None = None

    def add(self, copy: NodeCopy) -> None:
        """One more copy."""
        self.states[copy.state] += 1
        times = [time for time in (self.last_verified, copy.verified) if time is not None]
        self.last_verified = max(times, default=None)


@dataclass(slots=True)
class Found:
    """What a run found: what is short, the first thousand of it, and the same by node."""

    short: list[Copies] = field(default_factory=list)
    nodes: dict[tuple[str, str], OfNode] = field(default_factory=dict)

    def add(self, copies: Copies) -> None:
        """One more report or index."""
        if copies.is_short and len(self.short) < _MOST_NAMED:
            self.short.append(copies)
        for node in copies.nodes:
            self.nodes.setdefault((node.node, node.kind), OfNode()).add(node)


async def _verify(
    invocation: Invocation, gateways: Sequence[str], data: Path | None
) -> tuple[Run, Found]:
    from hygieia.server.copies import build_verifier

    async with opened_services(data) as services:
        verifier = build_verifier(
            services.settings,
            services.stores,
            services.indexes,
            services.cluster,
            gateways=gateways,
        )
        try:
            result, found = await _run(invocation, verifier), Found()
            async for copies in verifier.book.found_by(result.id):
                found.add(copies)
            return result, found
        finally:
            await verifier.close()


async def _run(invocation: Invocation, verifier: Verifier) -> Run:
    from hygieia.cli.progress import progress

    total = await verifier.stored_bytes() if invocation.shows_progress else None
    end = time.monotonic() + _WAIT_SECONDS
    with progress(invocation, "Verifying") as show:
        done = 0

        def on_read(size_bytes: int) -> None:
            nonlocal done
            done += size_bytes
            show(done, max(total, done) if total is not None else None, "")

        while True:
            result = await verifier.run(on_read)
            if result is not None:
                return result
            if time.monotonic() > end:
                raise Conflict(
                    "Another verification is running, perhaps the server's own.",
                    hint="Run this again when it is done; it goes on by itself.",
                )
            await asyncio.sleep(0.5)


def _describe(copies: Copies) -> dict[str, Any]:
    return {
        "kind": copies.kind,
        "subject": copies.subject,
        "root": copies.root,
        "copies": copies.count,
        "wanted": copies.wanted,
        "nodes": [
            {
                "node": node.node,
                "kind": node.kind,
                "state": node.state,
                "lacking": node.lacking,
                "verified": node.verified,
            }
            for node in copies.nodes
        ],
    }


def _node_line(node: str, found: OfNode) -> str:
    states = ", ".join(f"{count} {state}" for state, count in sorted(found.states.items()))
    at = found.last_verified
    return f"{node}: {states}; " + (f"last verified {at}" if at else "nothing verified")


def _line(copies: Copies) -> str:
    nodes = ", ".join(map(_copy, copies.nodes))
    return f"{copies.kind} {copies.subject}: {copies.count} of {copies.wanted} copies; {nodes}"


def _copy(copy: NodeCopy) -> str:
    said = f"{copy.node} {copy.state}"
    if copy.verified is not None:
        return f"{said} (verified {copy.verified})"
    return f"{said} ({copy.lacking} blocks)" if copy.lacking else said
