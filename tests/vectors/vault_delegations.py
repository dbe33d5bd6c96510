"""Delegations, right and wrong, and which of them act (docs/spec/17-delegations.md §1-2).

``delegation`` vectors read one note by the certificate pinned for its signer; ``readers`` vectors hold
the whole table of an index against one report at one time.
"""

from __future__ import annotations

import functools
import hashlib
import json
from collections.abc import Iterator
from typing import Any

from hygieia.errors import HygieiaError
from hygieia.openpgp.certificates import Certificate
from hygieia.openpgp.keys import UnlockedKey, assemble_key
from hygieia.openpgp.signing import sign_note
from hygieia.openpgp.times import parse_time
from hygieia.vault.delegation import DELEGATION_CONTEXT, END_CONTEXT
from hygieia.vault.delegations import Delegations, open_delegation
from hygieia.vault.index import DelegationNote
from hygieia.vault.people import Contact, ContactState, People
from hygieia.vault.report_meta import Draft
from tests.vectors.writing import Vector

CREATED, EXPIRES = "2026-02-01T08:00:00Z", "2026-08-01T08:00:00Z"
AT = "2026-03-24T12:00:00Z"
ID, OTHER, THIRD = "a1" * 16, "b2" * 16, "c3" * 16


@functools.cache
def _key(name: str) -> UnlockedKey:
    """A key made on New Year's Day, from public words."""
    secrets = [hashlib.sha256(f"{name} {use}".encode()).digest() for use in ("sign", "decrypt")]
    email = f"{name.lower()}@example.org"
    return assemble_key(name, email, parse_time("2026-01-01T00:00:00Z"), secrets[0], secrets[1])


def ana() -> UnlockedKey:
    return _key("Ana")


def boris() -> UnlockedKey:
    return _key("Boris")


def cleo() -> UnlockedKey:
    return _key("Cleo")


def body(**changes: Any) -> dict[str, Any]:  # noqa: ANN401  (whatever JSON it is)
    """Ana lets Boris read everything of cardiology for half a year, unless changed."""
    fields: dict[str, Any] = {
        "id": ID,
        "from": ana().key_id,
        "to": boris().key_id,
        "subjects": "*",
        "categories": ["cardiology"],
        "professions": "*",
        "rights": ["read"],
        "parent": None,
        "created": CREATED,
        "expires": EXPIRES,
    }
    return {name: value for name, value in (fields | changes).items() if value != "absent"}


def passed_on(**changes: Any) -> dict[str, Any]:  # noqa: ANN401  (whatever JSON it is)
    """Boris passes it on to Cleo."""
    return body(
        **{
            "id": OTHER,
            "from": boris().key_id,
            "to": cleo().key_id,
            "parent": ID,
            "owner": ana().key_id,
            "email": "cleo@example.org",
        }
        | changes
    )


def signed(key: UnlockedKey, said: dict[str, Any], context: str = DELEGATION_CONTEXT) -> str:
    return sign_note(key, context, said).decode()


def delegations() -> Iterator[Vector]:
    """Every vector of the folder."""
    yield from _notes()
    yield from _tables()


# -- one note -------------------------------------------------------------------------------


def _note(what: str, data: str, certificate: Certificate | None = None) -> dict[str, Any]:
    pinned = certificate or ana().certificate
    vector: dict[str, Any] = {
        "what": what,
        "kind": "delegation",
        "data": data,
        "certificate": pinned.armored,
    }
    return vector | {"expect": read_note_vector(vector)}


def read_note_vector(vector: dict[str, Any]) -> dict[str, Any]:
    """What a reader makes of a vector of kind ``delegation``."""
    certificate = Certificate.parse(vector["certificate"])
    try:
        found = open_delegation(json.loads(vector["data"]), People(certificate))
    except HygieiaError as error:
        return {"refused": error.code}
    return {"delegation": found.to_body()}


def _notes() -> Iterator[Vector]:  # noqa: PLR0915  (one case a line)
    def case(name: str, what: str, said: dict[str, Any]) -> Vector:
        return name, _note(what, signed(ana(), said))

    yield case("ok-read", "Reading one category for half a year.", body())
    everything = {"categories": "*", "rights": ["read", "redelegate", "upload"]}
    yield case("ok-everything", "All rights to everything.", body(**everything))
    lists = {"subjects": [ana().key_id, "person:" + "0f" * 16], "professions": ["physician"]}
    yield case("ok-lists", "Subjects and professions listed.", body(**lists))
    yield case("ok-later-field", "A field of a later version is kept.", body(colour="blue"))
    yield case("ok-366-days", "The longest time.", body(expires="2027-02-02T08:00:00Z"))
    on = {"parent": OTHER, "owner": cleo().key_id, "email": "boris@example.org"}
    yield case("ok-passed-on", "One that passes another on.", body(**on))
    long = "2027-02-02T08:00:01Z"
    yield case("longer-than-a-year", "366 days and a second.", body(expires=long))
    yield case("ends-before-it-begins", "It ends when it begins.", body(expires=CREATED))
    yield case("no-such-day", "The 30th of February.", body(expires="2026-02-30T08:00:00Z"))
    yield case("to-oneself", "From and to are one key.", body(to=ana().key_id))
    yield case("no-rights", "No right at all.", body(rights=[]))
    yield case("unknown-right", "A right that does not exist.", body(rights=["read", "delete"]))
    yield case("right-twice", "A right twice.", body(rights=["read", "read"]))
    yield case("right-no-text", "A right that is a number.", body(rights=[1]))
    yield case("empty-list", "An empty list of categories.", body(categories=[]))
    yield case("category-twice", "A category twice.", body(categories=["eye", "eye"]))
    yield case("category-no-slug", "A category in capitals.", body(categories=["EYE"]))
    yield case("star-in-a-list", "A star among others.", body(categories=["*", "eye"]))
    yield case("another-star", "Another word than the star.", body(categories="all"))
    many = [f"c{number}" for number in range(257)]
    yield case("257-categories", "More than 256 categories.", body(categories=many))
    yield case("subject-no-key", "A subject that is neither key nor person.", body(subjects=["me"]))
    yield case("no-parent-field", "The field parent is not there.", body(parent="absent"))
    yield case("parent-no-id", "A parent that is no id.", body(parent="a1"))
    yield case("owner-without-parent", "An owner, and nothing passed on.", body(owner="0" * 64))
    gone = {"parent": OTHER, "email": "boris@example.org"}
    yield case("passed-on-without-owner", "Passed on, and no owner named.", body(**gone))
    own = on | {"owner": ana().key_id}
    yield case("owner-is-from", "Passed on by the owner herself.", body(**own))
    yield case("id-in-capitals", "An id in capitals.", body(id="A1" * 16))
    yield "signed-by-another", _note("Signed by another key.", signed(boris(), body()))
    stranger = _note("Nobody pinned signed it.", signed(ana(), body()), boris().certificate)
    yield "unknown-signer", stranger
    end = signed(ana(), {"delegation": ID, "created": CREATED}, END_CONTEXT)
    yield "an-end", _note("An end is no delegation.", end)
    altered = signed(ana(), body()).replace("cardiology", "mental-care")
    yield "altered", _note("Changed after it was signed.", altered)


# -- a table against a report ------------------------------------------------------------------


def _table(
    what: str,
    *rows: str,
    at: str = AT,
    states: dict[str, str] | None = None,
    **report: str,
) -> dict[str, Any]:
    facts = {"subject": ana().key_id, "category": "cardiology", "profession": None} | report
    people = [boris(), cleo()]
    vector: dict[str, Any] = {
        "what": what,
        "kind": "readers",
        "owner": ana().certificate.armored,
        "contacts": [
            {
                "certificate": key.certificate.armored,
                "state": (states or {}).get(key.certificate.name, "verified"),
            }
            for key in people
        ],
        "delegations": [json.loads(row) for row in rows],
        "report": facts,
        "at": at,
    }
    return vector | {"expect": read_table_vector(vector)}


def read_table_vector(vector: dict[str, Any]) -> dict[str, Any]:
    """What a reader makes of a vector of kind ``readers``: who is encrypted to, and by what."""
    me = Certificate.parse(vector["owner"])
    contacts = [_contact(**each) for each in vector["contacts"]]
    rows = [DelegationNote.from_json(row) for row in vector["delegations"]]
    people = People(me, (), contacts)
    report = vector["report"]
    facts = Draft(
        "t", "f", "a/b", me.key_id, me.key_id, report["subject"], category=report["category"]
    )
    chosen = Delegations(rows, people, contacts).readers(
        facts, report["profession"], parse_time(vector["at"])
    )
    left_out = [each.key for each in chosen.left_out]
    return {"readers": dict(chosen.delegations or {}), "left_out": sorted(left_out)}


def _contact(certificate: str, state: str) -> Contact:
    found = Certificate.parse(certificate)
    return Contact(found.key_id, certificate, ContactState(state), found.name, found.email)


def _tables() -> Iterator[Vector]:
    plain = signed(ana(), body())
    yield "ok-table-acts", _table("One that acts.", plain)
    yield "table-another-category", _table("Another category.", plain, category="eye")
    own = signed(ana(), body(professions=["physician"]))
    yield "ok-table-profession", _table("The profession matches.", own, profession="physician")
    yield "table-no-profession", _table("A report without a profession.", own)
    child = "person:" + "0f" * 16
    hers = signed(ana(), body(subjects=[child]))
    yield "ok-table-subject", _table("The subject matches.", hers, subject=child)
    yield "table-another-subject", _table("Another subject.", hers)
    yield "table-upload-only", _table("No right to read.", signed(ana(), body(rights=["upload"])))
    late = "2026-08-01T08:10:00Z"
    yield "ok-table-ten-minutes-over", _table("Ten minutes over: a clock's.", plain, at=late)
    late = "2026-08-01T08:10:01Z"
    yield "table-expired", _table("Ten minutes and a second over.", plain, at=late)
    early = "2026-02-01T07:49:59Z"
    yield "table-not-begun", _table("Not begun yet.", plain, at=early)
    end = signed(ana(), {"delegation": ID, "created": AT}, END_CONTEXT)
    yield "table-ended", _table("Its end stands in its place.", end)
    ghost = signed(cleo(), body())
    yield "table-ghost", _table("Signed by another than it says.", ghost)
    foreign = signed(boris(), body(**{"from": boris().key_id, "to": cleo().key_id}))
    yield "table-not-the-owners", _table("From somebody who is not the owner.", foreign)
    for state in ("unverified", "changed"):
        found = _table(f"A contact who is {state}.", plain, states={"Boris": state})
        yield f"table-{state}", found
    long = signed(ana(), body(id=OTHER, expires="2026-09-01T08:00:00Z"))
    yield "ok-table-two", _table("Of two, the one that expires last.", plain, long)
    yield from _chains()


def _chains() -> Iterator[Vector]:
    rights = ["read", "redelegate"]
    parent = signed(ana(), body(rights=rights))
    yield "ok-chain", _table("Passed on and confirmed.", parent, signed(boris(), passed_on()))
    alone = signed(boris(), passed_on())
    yield "chain-without-parent", _table("Its parent is not there.", alone)
    end = signed(ana(), {"delegation": ID, "created": AT}, END_CONTEXT)
    yield "chain-parent-ended", _table("Its parent has ended.", end, alone)
    stingy = signed(ana(), body())
    yield "chain-not-to-be-passed-on", _table("The parent may not be passed on.", stingy, alone)
    wider: dict[str, dict[str, Any]] = {
        "categories": {"categories": ["cardiology", "eye"]},
        "all-categories": {"categories": "*"},
        "rights": {"rights": ["read", "upload"]},
        "time": {"expires": "2026-08-01T08:00:01Z"},
    }
    for name, changes in wider.items():
        on = signed(boris(), passed_on(**changes))
        yield f"chain-wider-{name}", _table("Reaches further than its parent.", parent, on)
    thief = signed(cleo(), passed_on(**{"from": cleo().key_id, "to": boris().key_id}))
    yield "chain-by-another", _table("Passed on by who does not hold it.", parent, thief)
    ring = signed(boris(), passed_on(parent=OTHER))
    yield "chain-its-own-parent", _table("Its own parent.", parent, ring)
