"""What is known of the copies of each report: where they are, when each was last verified.

One document for each report and each account's index, written by a verification and read by the
owner. Those that are short sort before the others, so that a page of a list shows them first.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final, Literal, cast

from hygieia.blocks.nodes import NodeKind
from hygieia.domain.writing_over import write_over

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from hygieia.documents.port import Body, Document, DocumentStore

COLLECTION: Final = "copies"
SUMMARIES: Final = "copies-summary"
_AT_ONCE: Final = 200

SubjectKind = Literal["report", "index"]
NodeState = Literal["whole", "missing", "damaged", "unreachable", "pinned", "unpinned"]


@dataclass(frozen=True, slots=True)
class NodeCopy:
    """What one node has of a report.

    ``whole``: every block was read and hashed, at ``verified``. ``pinned`` and ``unpinned`` are
    what a Cluster peer says of itself, which nobody has read. ``lacking`` counts blocks.
    """

    node: str
    kind: NodeKind
    state: NodeState
    lacking: int = 0
    verified: str | None = None


@dataclass(frozen=True, slots=True)
class Copies:
    """The copies of one report, or of an account's index, when they were last looked at."""

    kind: SubjectKind
    subject: str
    account: str
    root: str
    wanted: int
    checked: str
    run: str
    nodes: tuple[NodeCopy, ...]
    peers_short: int = 0
    """How many Cluster peers that shall keep it do not."""

    @property
    def count(self) -> int:
        """How many nodes have every block."""
        return sum(node.state == "whole" for node in self.nodes)

    @property
    def is_short(self) -> bool:
        """Whether there are fewer copies than there should be."""
        return self.count < self.wanted or self.peers_short > 0


@dataclass(frozen=True, slots=True)
class Summary:
    """An account's reports at the end of the last verification of it."""

    account: str
    run: str
    checked: str
    wanted: int
    reports: int = 0
    safe: int = 0
    short: int = 0


@dataclass(frozen=True, slots=True)
class CopiesPage:
    """A piece of an account's list."""

    items: tuple[Copies, ...]
    next: str | None


class CopyBook:
    """The documents."""

    def __init__(self, documents: DocumentStore) -> None:
        self._documents = documents

    async def note(self, copies: Copies) -> None:
        """Write what was found, over what was known before."""
        document_id = _id(copies.kind, copies.subject)
        sort = f"{0 if copies.is_short else 1}-{document_id}"
        await write_over(
            self._documents,
            COLLECTION,
            document_id,
            _body(copies),
            scope=copies.account,
            sort=sort,
        )

    async def get(self, kind: SubjectKind, subject: str) -> Copies | None:
        """What is known of a report or an account's index."""
        document = await self._documents.get(COLLECTION, _id(kind, subject))
        return None if document is None else _read(document)

    async def page(self, account: str, *, after: str | None, limit: int) -> CopiesPage:
        """The account's list, what is short first."""
        page = await self._documents.page(COLLECTION, account, after=after, limit=limit)
        return CopiesPage(tuple(map(_read, page.items)), page.next)

    async def found_by(self, run: str) -> AsyncIterator[Copies]:
        """Everything that a run looked at, of all accounts. For maintenance."""
        after: str | None = None
        while True:
            page = await self._documents.scan(COLLECTION, after=after, limit=_AT_ONCE)
            for document in page.items:
                if document.body["run"] == run:
                    yield _read(document)
            if page.next is None:
                return
            after = page.next

    async def forget_older(self, account: str, run: str) -> None:
        """Take out what a whole look at the account has not seen: it is gone."""
        after: str | None = None
        while True:
            page = await self._documents.page(COLLECTION, account, after=after, limit=_AT_ONCE)
            for document in page.items:
                if document.body["run"] != run:
                    await self._documents.delete(COLLECTION, document.id)
            if page.next is None:
                return
            after = page.next

    async def drop_account(self, account: str) -> None:
        """Forget everything of an account that is going."""
        await self.forget_older(account, "")
        await self._documents.delete(SUMMARIES, account)

    async def summarise(self, summary: Summary) -> None:
        """Write an account's sums."""
        body: Body = {
            "run": summary.run,
            "checked": summary.checked,
            "wanted": summary.wanted,
            "reports": summary.reports,
            "safe": summary.safe,
            "short": summary.short,
        }
        await write_over(self._documents, SUMMARIES, summary.account, body)

    async def summary(self, account: str) -> Summary | None:
        """The account's sums, None before its first verification."""
        document = await self._documents.get(SUMMARIES, account)
        if document is None:
            return None
        body = document.body
        return Summary(
            account=account,
            run=cast("str", body["run"]),
            checked=cast("str", body["checked"]),
            wanted=cast("int", body["wanted"]),
            reports=cast("int", body["reports"]),
            safe=cast("int", body["safe"]),
            short=cast("int", body["short"]),
        )


def counted(summary: Summary, copies: Copies) -> Summary:
    """The sums with one more report."""
    if copies.is_short:
        return replace(summary, reports=summary.reports + 1, short=summary.short + 1)
    return replace(summary, reports=summary.reports + 1, safe=summary.safe + 1)


def uncounted(summary: Summary, copies: Copies) -> Summary:
    """The sums without one that was counted."""
    if copies.is_short:
        return replace(summary, reports=summary.reports - 1, short=max(0, summary.short - 1))
    return replace(summary, reports=summary.reports - 1, safe=max(0, summary.safe - 1))


def _id(kind: SubjectKind, subject: str) -> str:
    return subject if kind == "report" else f"index-{subject}"


def _body(copies: Copies) -> Body:
    return {
        "kind": copies.kind,
        "subject": copies.subject,
        "account": copies.account,
        "root": copies.root,
        "wanted": copies.wanted,
        "checked": copies.checked,
        "run": copies.run,
        "peers_short": copies.peers_short,
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


def _read(document: Document) -> Copies:
    body = document.body
    return Copies(
        kind=cast("SubjectKind", body["kind"]),
        subject=cast("str", body["subject"]),
        account=cast("str", body["account"]),
        root=cast("str", body["root"]),
        wanted=cast("int", body["wanted"]),
        checked=cast("str", body["checked"]),
        run=cast("str", body["run"]),
        peers_short=cast("int", body["peers_short"]),
        nodes=tuple(_read_node(node) for node in cast("list[Body]", body["nodes"])),
    )


def _read_node(body: Body) -> NodeCopy:
    return NodeCopy(
        node=cast("str", body["node"]),
        kind=cast("NodeKind", body["kind"]),
        state=cast("NodeState", body["state"]),
        lacking=cast("int", body["lacking"]),
        verified=cast("str | None", body["verified"]),
    )
