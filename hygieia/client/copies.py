"""Where copies of one's reports are, as the server last verified them. Its word, and no proof."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from hygieia.client import answers

if TYPE_CHECKING:
    from hygieia.client.transport import Transport

_PAGE: Final = 1000
_MOST_PAGES: Final = 1000


@dataclass(frozen=True, slots=True)
class NodeCopy:
    """What one node has of a report; ``state`` is a word of the API's, ``verified`` a time."""

    node: str
    kind: str
    state: str
    verified: str | None
    lacking: int


@dataclass(frozen=True, slots=True)
class CopiesOf:
    """The copies of a report (``report``: its id), or of the index (None)."""

    report: str | None
    state: str
    copies: int
    wanted: int
    checked: str | None
    nodes: tuple[NodeCopy, ...]

    def to_json(self) -> dict[str, Any]:
        """As the command line shows it."""
        nodes = [{name: getattr(node, name) for name in NodeCopy.__slots__} for node in self.nodes]
        return {name: getattr(self, name) for name in CopiesOf.__slots__} | {"nodes": nodes}


async def copies_of(transport: Transport, report: str) -> CopiesOf:
    """The copies of one of one's own reports. Raises ``NotFound``, ``Failed``."""
    answer = await transport.call("GET", f"/reports/{report}/copies")
    return _copies(answer.document)


async def all_copies(transport: Transport) -> list[CopiesOf]:
    """Those of all reports that were looked at, and of the index, what is short first."""
    found: list[CopiesOf] = []
    after: str | None = None
    # A bound on what a hostile server can make us ask for: a million reports.
    for _ in range(_MOST_PAGES):
        query: dict[str, str | int] = {"limit": _PAGE} | ({"after": after} if after else {})
        answer = await transport.call("GET", "/copies", query=query)
        found += map(_copies, answers.parts(answer.document, "items"))
        after = answers.text_or_none(answer.document, "next")
        if after is None:
            break
    return found


def _copies(document: dict[str, Any]) -> CopiesOf:
    return CopiesOf(
        report=answers.text_or_none(document, "report"),
        state=answers.text(document, "state"),
        copies=answers.number(document, "copies"),
        wanted=answers.number(document, "wanted"),
        checked=answers.text_or_none(document, "checked"),
        nodes=tuple(
            NodeCopy(
                node=answers.text(node, "node"),
                kind=answers.text(node, "kind"),
                state=answers.text(node, "state"),
                verified=answers.text_or_none(node, "verified"),
                lacking=answers.number(node, "lacking"),
            )
            for node in answers.parts(document, "nodes")
        ),
    )
