"""Checking the activity trail: a chain of lines, each with the hash of the one before (18.4).

The lines are the server's. What they are worth: none can be changed, left out or taken back once
its hash, or that of a later one, stands signed in the owner's index.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from hygieia.errors import ActivityAltered, ActivityGap, HygieiaError
from hygieia.ipld.cid import CID, RAW
from hygieia.limits import (
    MAX_ACTIVITY_ENTRY_BYTES,
    MAX_ACTIVITY_PEOPLE,
    MAX_ACTIVITY_REPORTS,
    MAX_ADDRESS_CHARACTERS,
    MAX_LABEL_CHARACTERS,
)
from hygieia.openpgp.strict_json import loads_object
from hygieia.vault import words
from hygieia.vault.fields import Fields
from hygieia.vault.report_meta import is_cid

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

KIND: Final = "hygieia activity 1"


@dataclass(frozen=True, slots=True)
class ActivityEntry:
    """One entry as it was read. ``by`` and ``people`` are key ids; ``event`` may be a later one's.

    ``more`` people are not named. ``hash`` is that of ``line``.
    """

    hash: str
    line: str
    account: str
    number: int
    previous: str | None
    time: str
    event: str
    by: str | None
    reports: tuple[str, ...]
    people: tuple[str, ...]
    more: int
    address: str
    device: str


def read_entry(line: str) -> ActivityEntry:
    """Read one line of a trail. Raises ``ActivityAltered`` for what is no entry."""
    try:
        body = loads_object(line, max_bytes=MAX_ACTIVITY_ENTRY_BYTES)
    except HygieiaError:
        raise ActivityAltered("An entry of the activity trail is not understood.") from None
    fields = Fields(body, ActivityAltered, "An entry of the activity trail")
    if body.get("what") != KIND or "\n" in line:
        raise fields.refused("what")
    return ActivityEntry(
        hash=str(CID.of(RAW, line.encode())),
        line=line,
        account=fields.text("account", words.is_report_id),
        number=fields.integer("number", 1),
        previous=fields.text_or_none("previous", is_cid),
        time=fields.text("time", words.is_time),
        event=fields.text("event", words.is_slug),
        by=fields.text_or_none("by", words.is_key_id),
        reports=_all(fields, "reports", MAX_ACTIVITY_REPORTS, words.is_report_id),
        people=_all(fields, "people", MAX_ACTIVITY_PEOPLE, words.is_key_id),
        more=fields.integer("more"),
        address=fields.text("address", lambda text: len(text) <= MAX_ADDRESS_CHARACTERS),
        device=fields.text("device", lambda text: len(text) <= MAX_LABEL_CHARACTERS),
    )


def _all(fields: Fields, name: str, limit: int, rule: Callable[[str], bool]) -> tuple[str, ...]:
    items: list[Any] = fields.list(name, limit)
    if not all(isinstance(item, str) and rule(item) for item in items):
        raise fields.refused(name)
    return tuple(items)


@dataclass(slots=True)
class Trail:
    """Takes a trail's lines in order and checks that each follows from the one before.

    ``anchor`` is the hash that the first line must follow from; None: it is number 1.
    """

    account: str
    anchor: str | None = None
    last: ActivityEntry | None = None

    @property
    def head(self) -> str | None:
        """The hash of the last line taken, or the anchor."""
        return self.anchor if self.last is None else self.last.hash

    def take(self, line: str) -> ActivityEntry:
        """Read the next line.

        Raises ``ActivityGap`` when lines before it were left out, ``ActivityAltered`` when it is
        not what followed.
        """
        entry, last = read_entry(line), self.last
        if entry.account != self.account:
            raise ActivityAltered("The activity trail has an entry of another account.")
        if last is not None:
            _follows(entry, last)
        elif self.anchor is None and entry.number != 1:
            raise ActivityGap(f"The activity trail begins with number {entry.number}.")
        elif entry.previous != self.anchor:
            raise ActivityAltered(
                "The activity trail does not go on from where this vault last signed it."
            )
        self.last = entry
        return entry

    def take_last(self, lines: Sequence[str]) -> list[ActivityEntry]:
        """``take`` for lines that need not begin at the beginning: any may be the first."""
        if lines:
            first = read_entry(lines[0])
            self.anchor = first.previous
        return self.take_all(lines)

    def take_all(self, lines: Iterable[str]) -> list[ActivityEntry]:
        """``take`` for each line."""
        return [self.take(line) for line in lines]


def _follows(entry: ActivityEntry, last: ActivityEntry) -> None:
    if entry.number > last.number + 1:
        raise ActivityGap(
            f"The activity trail goes from number {last.number} to {entry.number}: "
            "what lies between was left out."
        )
    if entry.number <= last.number or entry.previous != last.hash:
        raise ActivityAltered(
            f"Number {entry.number} of the activity trail does not follow from the one before."
        )
    if entry.time < last.time:
        raise ActivityAltered(f"Number {entry.number} of the activity trail is out of its time.")
