"""Earlier revisions issued again by a re-key (docs/spec/19-re-key-and-give-back.md §2)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hygieia.vault.report_build import Revision
from hygieia.vault.report_change import next_revision

if TYPE_CHECKING:
    from collections.abc import Iterable

    from hygieia.vault.report import Report


def chain_before(current: Report, versions: Iterable[Report]) -> list[Report]:
    """The revisions before ``current``, oldest first, as far as the signed notes lead back.

    Each note names the meta payload of the revision before it, so whatever else a server lists
    among the versions is passed over: a re-key signs nothing that its owner did not.
    """
    by_payload = {str(each.encrypted.meta.cid): each for each in versions}
    found: list[Report] = []
    previous = current.meta.previous
    while previous is not None and (report := by_payload.pop(previous, None)) is not None:
        if report.meta.revision >= (found[-1] if found else current).meta.revision:
            break
        found.append(report)
        previous = report.meta.previous
    return found[::-1]


def issued_again(report: Report, number: int, previous: str, owner: str) -> Revision:
    """``report`` as revision ``number``, after the one whose meta payload is ``previous``."""
    again = next_revision(report, same_content=True, owner=owner)
    return Revision(id=again.id, number=number, previous=previous, origin=again.origin)
