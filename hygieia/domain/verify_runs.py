"""Where a verification has come to, and what the last whole one found.

Two documents for each set of nodes, so that anybody can go on with it.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Final, cast

from hygieia.domain.writing_over import write_over

if TYPE_CHECKING:
    from collections.abc import Mapping

    from hygieia.documents.port import JSON, Body, DocumentStore

COLLECTION: Final = "verify-runs"
_COUNTS: Final = ("reports", "indexes", "blocks", "size_bytes", "safe", "short", "mended")


@dataclass(frozen=True, slots=True)
class Counts:
    """What a run has looked at so far. ``blocks`` and ``size_bytes`` count each node's."""

    reports: int = 0
    indexes: int = 0
    blocks: int = 0
    size_bytes: int = 0
    safe: int = 0
    short: int = 0
    mended: int = 0

    def plus(self, **more: int) -> Counts:
        """These and some more."""
        return replace(self, **{name: getattr(self, name) + count for name, count in more.items()})


@dataclass(frozen=True, slots=True)
class Run:
    """A run and where it has come to: ``account`` is under way, ``after`` the cursor in its list."""

    id: str
    nodes: str
    started: str
    finished: str | None = None
    accounts_after: str | None = None
    account: str | None = None
    state: int = 0
    after: str | None = None
    counts: Counts = field(default_factory=Counts)
    sums: tuple[int, int, int] = (0, 0, 0)
    """Reports, safe, short of the account under way."""


class RunBook:
    """The documents. ``nodes`` is a word that stands for one set of nodes."""

    def __init__(self, documents: DocumentStore) -> None:
        self._documents = documents

    async def unfinished(self, nodes: str) -> Run | None:
        """The run that is under way, or was left so."""
        return await self._get(nodes)

    async def last(self, nodes: str) -> Run | None:
        """The last run that came to its end."""
        return await self._get(f"last-{nodes}")

    async def save(self, run: Run) -> None:
        """Write where a run has come to."""
        await self._write(run.nodes, run)

    async def finish(self, run: Run) -> None:
        """Write what a whole run found; it is under way no longer."""
        await self._write(f"last-{run.nodes}", run)
        await self._documents.delete(COLLECTION, run.nodes)

    async def _get(self, document_id: str) -> Run | None:
        document = await self._documents.get(COLLECTION, document_id)
        return None if document is None else _read(document.body)

    async def _write(self, document_id: str, run: Run) -> None:
        await write_over(self._documents, COLLECTION, document_id, _body(run))


def _body(run: Run) -> Body:
    counts: dict[str, JSON] = {name: getattr(run.counts, name) for name in _COUNTS}
    return {
        "id": run.id,
        "nodes": run.nodes,
        "started": run.started,
        "finished": run.finished,
        "accounts_after": run.accounts_after,
        "account": run.account,
        "state": run.state,
        "after": run.after,
        "counts": counts,
        "sums": list(run.sums),
    }


def _read(body: Mapping[str, JSON]) -> Run:
    reports, safe, short = cast("list[int]", body["sums"])
    return Run(
        id=cast("str", body["id"]),
        nodes=cast("str", body["nodes"]),
        started=cast("str", body["started"]),
        finished=cast("str | None", body["finished"]),
        accounts_after=cast("str | None", body["accounts_after"]),
        account=cast("str | None", body["account"]),
        state=cast("int", body["state"]),
        after=cast("str | None", body["after"]),
        counts=Counts(**cast("dict[str, int]", body["counts"])),
        sums=(reports, safe, short),
    )
