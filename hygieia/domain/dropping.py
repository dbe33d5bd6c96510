"""Letting go of what a re-key ended: the versions before it (docs/spec/19-re-key-and-give-back.md §3).

The report's document says from which ``rev`` on versions count, so all earlier ones end at the
moment in which the re-key does. What is left is work: unpin each, give its room back, forget it. A
job goes on where a turn, or a server, stopped; doing any of it again changes nothing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from hygieia.domain.reports import VERSIONS, Report, Stage, Version, pin_name, read_version
from hygieia.ipld.cid import CID

if TYPE_CHECKING:
    from hygieia.domain.stores import Stores

JOB: Final = "drop-versions"
VERSIONS_A_TURN: Final = 200


async def drop_versions(stores: Stores, report: Report) -> bool:
    """Drop the next versions that a re-key of ``report`` ended; True when none is left."""
    page = await stores.documents.page(VERSIONS, report.id, after=None, limit=VERSIONS_A_TURN)
    for version in map(read_version, page.items):
        if version.rev >= report.kept_from:
            return True
        # A claim that never came to anything is its own attempt's to undo.
        if version.account == report.account and version.stage in {Stage.COMMITTED, Stage.DROPPED}:
            await _drop(stores, version)
    return page.next is None


async def _drop(stores: Stores, version: Version) -> None:
    key, name = f"drop-{version.root}", pin_name(version.report)
    taken: Version | None = version
    if version.stage is Stage.COMMITTED:
        # A hold of nothing marks that the room is still to be given back, the stage after it that
        # the mark was set: so it is given back once, however often this is done.
        await stores.quotas.hold(version.account, key, 0)
        taken = await stores.claims.begin_drop(version)
    if taken is None:
        return
    root = CID.parse(version.root)
    await stores.blocks.unpin(root, name=name)
    await stores.quotas.settle(version.account, key, -version.charged_bytes)
    await stores.documents.delete(VERSIONS, version.root)
    # Somebody who read the list of versions before may just have pinned it again.
    await stores.blocks.unpin(root, name=name)
