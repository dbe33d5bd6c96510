"""Finding the newest index without a server (docs/spec/14-recovery-kit.md §5)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from hygieia.errors import Failed, HygieiaError, IntegrityError, KitRefused, NotFound, Unreachable
from hygieia.ipld.cid import CID
from hygieia.ipld.ipns import IpnsRecord, value_cid
from hygieia.recovery.driving import BlockSource, read_from
from hygieia.vault.index import IndexState, open_index
from hygieia.vault.kit import check_against

if TYPE_CHECKING:
    from hygieia.openpgp.keys import UnlockedKey
    from hygieia.vault.kit import Kit


class Gateways(BlockSource, Protocol):
    """The gateways a recovery was given, none of which is trusted."""

    async def get_records(self, name: str) -> list[IpnsRecord]:
        """Every valid record that any gateway has for ``name``, the highest sequence first."""
        ...


@dataclass(frozen=True, slots=True)
class FoundIndex:
    """The index that was opened; ``from_record``: found by name, not only by the kit."""

    state: IndexState
    from_record: bool
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class _Candidate:
    root: CID
    sequence: int
    from_record: bool


async def find_index(kit: Kit, key: UnlockedKey, gateways: Gateways) -> FoundIndex:
    """Open the newest index that any gateway still has, never one below the kit's.

    The highest valid record wins; an index whose blocks are nowhere to be had gives way to the
    next lower one, with a warning, and at last to the kit's own.

    Raises the first candidate's error when none can be opened (``NotFound``, ``Unreachable``, or
    an ``IntegrityError`` if it does not verify), ``KitRefused`` when the kit was tampered with.
    """
    candidates, warnings = await _candidates(kit, gateways)
    first: HygieiaError | None = None
    for candidate in candidates:
        try:
            state = await read_from(open_index(candidate.root, key, floor=kit.floor), gateways)
        except (NotFound, Unreachable, IntegrityError) as error:
            first = first or error
            warnings.append(f"Index number {candidate.sequence} could not be opened: {error}")
            continue
        if not candidate.from_record:
            warnings.append(
                "No gateway knows a newer index than the kit's own, of "
                f"{kit.created}: reports added later may be missing."
            )
        warnings += await _compare(kit, key, state, gateways)
        return FoundIndex(state, candidate.from_record, tuple(warnings))
    raise first or Failed("No index could be found.")


async def _candidates(kit: Kit, gateways: Gateways) -> tuple[list[_Candidate], list[str]]:
    warnings: list[str] = []
    try:
        records = await gateways.get_records(kit.ipns_name)
    except (NotFound, Unreachable):
        records = []
    found: dict[CID, _Candidate] = {}
    for record in sorted(records, key=lambda each: each.sequence, reverse=True):
        if record.sequence < kit.sequence:
            warnings.append(
                f"A gateway offered index number {record.sequence}, "
                f"older than the kit's number {kit.sequence}: ignored."
            )
            continue
        root = value_cid(record)
        found.setdefault(root, _Candidate(root, record.sequence, from_record=True))
    own = CID.parse(kit.index_cid)
    found.setdefault(own, _Candidate(own, kit.sequence, from_record=False))
    return list(found.values()), warnings


async def _compare(kit: Kit, key: UnlockedKey, state: IndexState, gateways: Gateways) -> list[str]:
    """Tell an old kit from one that was tampered with: the index it names knows its parts."""
    try:
        check_against(kit, state.keys, key.certificate)
    except KitRefused as error:
        own = await _own_index(kit, key, gateways)
        if own is None:
            return [f"{error} It opened all the same; make a new kit."]
        check_against(kit, own.keys, key.certificate)
        return ["This kit is an old one: a newer recovery code was made since. Make a new kit."]
    return []


async def _own_index(kit: Kit, key: UnlockedKey, gateways: Gateways) -> IndexState | None:
    try:
        return await read_from(open_index(CID.parse(kit.index_cid), key), gateways)
    except (NotFound, Unreachable):
        return None
