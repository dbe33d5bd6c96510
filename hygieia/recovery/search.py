"""Finding the newest index without a server (docs/spec/14-recovery-kit.md §5)."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

from hygieia.errors import (
    IntegrityError,
    KitRefused,
    NotFound,
    RecordRefused,
    Unreachable,
)
from hygieia.ipld.cid import CID
from hygieia.ipld.ipns import value_cid
from hygieia.recovery.dag_source import DagSource
from hygieia.recovery.driving import read_from
from hygieia.recovery.result import NotOpened
from hygieia.vault.index import Floor, IndexState, open_index
from hygieia.vault.kit import check_against

if TYPE_CHECKING:
    from hygieia.blocks.gateway import GatewayReader
    from hygieia.openpgp.keys import UnlockedKey
    from hygieia.vault.kit import Kit

_REPORTS_PATH = ("contents", "reports")
_MAY_LACK: Final = "what was changed later may be missing."


@dataclass(frozen=True, slots=True)
class FoundIndex:
    """The index that was opened; ``from_record``: found by name, not only by the kit.

    ``not_opened``: the newer ones that records name, newest first.
    """

    state: IndexState
    from_record: bool
    warnings: tuple[str, ...] = ()
    not_opened: tuple[NotOpened, ...] = ()


@dataclass(frozen=True, slots=True)
class KnownIndex:
    """An index known without asking; ``whose`` says from where, as in ``the kit's``."""

    root: CID
    sequence: int
    whose: str

    @property
    def floor(self) -> Floor:
        """Nothing older, and no sibling, is taken in its place."""
        return Floor(self.sequence, str(self.root))


@dataclass(frozen=True, slots=True)
class _Candidate:
    root: CID
    sequence: int
    from_record: bool


async def find_index(kit: Kit, key: UnlockedKey, gateways: GatewayReader) -> FoundIndex:
    """Open the newest index that any gateway still has, never one below the kit's.

    Raises as ``find_newest``, and ``KitRefused`` when the kit was tampered with.
    """
    known = KnownIndex(CID.parse(kit.index_cid), kit.sequence, f"the kit's, of {kit.created},")
    found = await find_newest(kit.ipns_name, known, key, gateways)
    compared = await _compare(kit, key, found.state, gateways)
    return replace(found, warnings=(*found.warnings, *compared))


async def find_newest(
    name: str, known: KnownIndex | None, key: UnlockedKey, gateways: GatewayReader
) -> FoundIndex:
    """Open the newest index of an IPNS name that any gateway still has, never one below ``known``.

    What the valid records name is tried from the highest sequence down, then the known one; each
    whose blocks are nowhere to be had, or that does not verify, gives way with a warning.

    Raises the first candidate's error when none can be opened: ``NotFound``, ``Unreachable``, or
    an ``IntegrityError`` if it does not verify.
    """
    candidates, warnings = await _candidates(name, known, gateways)
    floor = known.floor if known is not None else None
    passed: list[NotOpened] = []
    for candidate in candidates:
        try:
            state = await open_index_from(candidate.root, key, gateways, floor)
            _check_sequence(candidate, state)
        except (NotFound, Unreachable, IntegrityError) as error:
            passed.append(NotOpened(candidate.root, candidate.sequence, error))
            warnings.append(f"Index number {candidate.sequence} could not be opened: {error}")
            continue
        newer = tuple(one for one in passed if one.sequence > state.sequence)
        if known is not None and not candidate.from_record:
            warnings.append(f"No newer index than {known.whose} could be opened: {_MAY_LACK}")
        elif newer:
            warnings.append(f"Index number {state.sequence} was opened in its place: {_MAY_LACK}")
        return FoundIndex(state, candidate.from_record, tuple(warnings), newer)
    raise passed[0].error


def _check_sequence(candidate: _Candidate, state: IndexState) -> None:
    """A record repeats the note's sequence (docs/spec/13); the kit's is only a floor."""
    if candidate.from_record and state.sequence != candidate.sequence:
        raise RecordRefused(
            f"The record names index number {candidate.sequence}, found was number {state.sequence}."
        )


async def open_index_from(
    root: CID, key: UnlockedKey, gateways: GatewayReader, floor: Floor | None = None
) -> IndexState:
    """Read and verify an index; its reports come as one stream where a gateway gives one."""
    async with DagSource(gateways, root, _REPORTS_PATH) as bulk:
        return await read_from(open_index(root, key, floor=floor), gateways, bulk=bulk)


async def _candidates(
    name: str, known: KnownIndex | None, gateways: GatewayReader
) -> tuple[list[_Candidate], list[str]]:
    """What to try, at least one, in order; and what is to be said of it already."""
    own = [] if known is None else [_Candidate(known.root, known.sequence, from_record=False)]
    try:
        found = await gateways.get_record(name)
    except (NotFound, Unreachable, RecordRefused) as error:
        if not own:
            raise
        return own, [f"The newest index could not be looked up: {error}"]
    warnings = []
    sequence = found.record.sequence
    if found.contradicted:
        warnings.append(f"Gateways name different indexes number {sequence}.")
    if known is not None and sequence < known.sequence:
        warnings.append(
            f"The gateways offer index number {sequence}, older than {known.whose} "
            f"number {known.sequence}: ignored."
        )
        return own, warnings
    named = [
        _Candidate(value_cid(record), record.sequence, from_record=True)
        for record in (found.record, *found.others)
        if known is None or record.sequence >= known.sequence
    ]
    tried = {(each.root, each.sequence) for each in named}
    return named + [each for each in own if (each.root, each.sequence) not in tried], warnings


async def _compare(
    kit: Kit, key: UnlockedKey, state: IndexState, gateways: GatewayReader
) -> list[str]:
    """Tell an old kit from one that was tampered with: the index it names knows its parts."""
    try:
        check_against(kit, state.keys, key.certificate)
    except KitRefused as error:
        try:
            own = await open_index_from(CID.parse(kit.index_cid), key, gateways)
        except (NotFound, Unreachable):
            return [f"{error} The vault opened all the same; make a new kit."]
        check_against(kit, own.keys, key.certificate)
        return ["This kit is an old one: a newer recovery code was made since. Make a new kit."]
    return []
