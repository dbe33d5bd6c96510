"""Activity trails, whole and tampered with (docs/spec/18-activity.md)."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from hygieia.domain.activity import KIND, entry_hash
from hygieia.errors import HygieiaError
from hygieia.vault.activity import Trail

Case = tuple[str, dict[str, Any]]
ACCOUNT = "0123456789abcdef" * 2
OWNER, READER = "a" * 64, "b" * 64
REPORT = "00112233445566778899aabbccddeeff"


def body(number: int, event: str, previous: str | None, **changes: Any) -> dict[str, Any]:  # noqa: ANN401  (whatever makes it wrong)
    """An entry's fields in their usual order."""
    fields: dict[str, Any] = {
        "what": KIND,
        "account": ACCOUNT,
        "number": number,
        "previous": previous,
        "time": f"2026-11-21T12:00:0{number}Z",
        "event": event,
        "by": OWNER,
        "reports": [],
        "people": [],
        "more": 0,
        "address": "192.0.2.1",
        "device": "laptop",
    }
    return fields | changes


def written(fields: dict[str, Any]) -> str:
    return json.dumps(fields, ensure_ascii=False, separators=(",", ":"))


def chain(*steps: tuple[str, dict[str, Any]]) -> list[str]:
    """Lines that follow from one another, each with some fields of its own."""
    lines: list[str] = []
    for number, (event, changes) in enumerate(steps, 1):
        previous = entry_hash(lines[-1]) if lines else None
        lines.append(written(body(number, event, previous, **changes)))
    return lines


WHOLE = chain(
    ("signed-up", {}),
    ("stored", {"reports": [REPORT]}),
    ("shared", {"reports": [REPORT], "people": [READER]}),
    ("fetched", {"reports": [REPORT], "by": READER, "address": "2001:db8::7", "device": "Práxis"}),
    ("wrong-password", {"by": None, "device": ""}),
)


def trails() -> Iterator[Case]:
    yield "ok-whole", vector("a whole trail", WHOLE)
    yield "ok-empty", vector("no entry yet", [])
    yield "ok-from-anchor", vector("read on from an anchor", WHOLE[3:], entry_hash(WHOLE[2]))
    yield "ok-nothing-new", vector("nothing behind the anchor", [], entry_hash(WHOLE[4]))
    later = chain(("signed-up", {}), ("moved-house", {"street": {"kept": [1, None]}}))
    yield "ok-later-event", vector("an event and a field of a later version", later)
    spaced = [json.dumps(body(1, "signed-up", None))]
    yield "ok-written-otherwise", vector("the line counts, however it was written", spaced)
    same_time = chain(("signed-up", {}), ("stored", {"time": "2026-11-21T12:00:01Z"}))
    yield "ok-same-second", vector("two entries in one second", same_time)
    yield from _tampered()
    yield from _malformed()


def _tampered() -> Iterator[Case]:
    yield "left-out", vector("an entry left out", WHOLE[:2] + WHOLE[3:])
    yield "beginning-left-out", vector("the first entry left out", WHOLE[1:])
    yield "behind-the-anchor", vector("not what follows", WHOLE[3:], entry_hash(WHOLE[1]))
    yield "before-the-anchor", vector("begins again", WHOLE[:2], entry_hash(WHOLE[4]))
    yield "twice", vector("an entry twice", [*WHOLE[:2], WHOLE[1]])
    yield "exchanged", vector("two entries exchanged", [WHOLE[0], WHOLE[2], WHOLE[1]])
    changed = WHOLE[1].replace("192.0.2.1", "192.0.2.2")
    yield "changed", vector("an address changed", [WHOLE[0], changed, WHOLE[2]])
    spaced = WHOLE[1].replace(",", ", ")
    yield "spaced", vector("the same fields, other octets", [WHOLE[0], spaced, WHOLE[2]])
    renumbered = [WHOLE[0], written(body(2, "deleted", entry_hash(WHOLE[1])))]
    yield "renumbered", vector("the right number, another entry before it", renumbered)
    back = chain(("signed-up", {}), ("stored", {"time": "2026-11-21T11:59:59Z"}))
    yield "out-of-time", vector("earlier than the entry before", back)
    other = [written(body(1, "signed-up", None, account="f" * 32))]
    yield "other-account", vector("of another account", other)
    first = [written(body(1, "signed-up", entry_hash(WHOLE[0])))]
    yield "first-with-previous", vector("number 1 follows something", first)


def _malformed() -> Iterator[Case]:
    wrong: dict[str, Any] = {
        "what": "hygieia activity 2",
        "number": 0,
        "previous": "Qm" + "a" * 44,
        "time": "yesterday",
        "event": "Signed Up",
        "by": "c" * 40,
        "reports": [REPORT] * 257,
        "people": [OWNER[:16]],
        "more": -1,
        "address": "1" * 65,
        "device": "d" * 121,
    }
    for name, value in wrong.items():
        line = written(body(1, "signed-up", None) | {name: value})
        yield f"bad-{name}", vector(f"{name} is not what it may be", [line])
    yield "not-json", vector("no JSON", ["signed-up"])
    doubled = WHOLE[0].replace("{", '{"number":1,', 1)
    yield "field-twice", vector("a field twice", [doubled])
    yield "two-lines", vector("two lines in one", [WHOLE[0].replace(",", ",\n", 1)])
    long = written(body(1, "signed-up", None, later="x" * 32768))
    yield "too-long", vector("over 32 KiB", [long])


def vector(what: str, lines: list[str], anchor: str | None = None) -> dict[str, Any]:
    return {
        "what": what,
        "kind": "activity",
        "account": ACCOUNT,
        "anchor": anchor,
        "lines": lines,
        "expect": verdict(lines, anchor),
    }


def verdict(lines: list[str], anchor: str | None) -> dict[str, Any]:
    trail = Trail(ACCOUNT, anchor)
    try:
        entries = trail.take_all(lines)
    except HygieiaError as error:
        return {"refused": error.code}
    return {"entries": len(entries), "head": trail.head}
