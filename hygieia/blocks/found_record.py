"""What gateways answer when they are asked for a name's newest record."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from hygieia.ipld.ipns import IpnsRecord

if TYPE_CHECKING:
    from collections.abc import Sequence


@dataclass(frozen=True, slots=True)
class FoundRecord:
    """The newest valid IPNS record. ``contradicted``: another with its sequence, another value.

    ``others``: what else other gateways answered, valid and distinct, highest sequence first.
    """

    data: bytes
    record: IpnsRecord
    gateway: str
    contradicted: bool = False
    others: tuple[IpnsRecord, ...] = ()


def newest_of(answers: Sequence[FoundRecord]) -> FoundRecord:
    """The one of ``answers``, at least one, to follow; the rest are its ``others``.

    Records that differ in their time alone are one.
    """
    found = sorted(answers, key=lambda answer: answer.record.sequence, reverse=True)
    distinct: dict[tuple[int, str], IpnsRecord] = {}
    for answer in found:
        distinct.setdefault((answer.record.sequence, answer.record.value), answer.record)
    best, others = found[0], tuple(distinct.values())[1:]
    contradicted = bool(others) and others[0].sequence == best.record.sequence
    return replace(best, contradicted=contradicted, others=others)
