"""What it means when no gateway served something."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from hygieia.blocks.remote import GatewayFailed, Lied, NotServed
from hygieia.errors import (
    BlockMissing,
    BlockRefused,
    HygieiaError,
    NotFound,
    RecordRefused,
    Unreachable,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

_ELSEWHERE: Final = "Check the gateway's address and your connection, or name another gateway."


def verdict(failures: Sequence[GatewayFailed], what: str) -> HygieiaError:
    """One error for what all gateways did, by the one that leaves most hope."""
    if all(isinstance(failure, NotServed) for failure in failures):
        return BlockMissing(
            f"No gateway has {what}.", hint="Name another gateway that may have it."
        )
    if all(isinstance(failure, NotServed | Lied) for failure in failures):
        return BlockRefused(f"No gateway sends {what} unaltered.")
    reasons = ", ".join(sorted({failure.reason for failure in failures}))
    return Unreachable(f"No gateway serves {what}: {reasons}.", hint=_ELSEWHERE)


def record_verdict(failures: Sequence[GatewayFailed]) -> HygieiaError:
    """The same for a name's record."""
    if all(isinstance(failure, NotServed) for failure in failures):
        return NotFound("No gateway has a record of that name.")
    if all(isinstance(failure, NotServed | Lied) for failure in failures):
        return RecordRefused("No gateway has a valid record of that name.")
    reasons = ", ".join(sorted({failure.reason for failure in failures}))
    return Unreachable(f"No gateway serves the record: {reasons}.", hint=_ELSEWHERE)
