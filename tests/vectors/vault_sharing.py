"""Share notes, and what becomes of a contact (docs/spec/12-report.md §4, 15-people.md §1, 19 §4 and §6).

``share`` vectors read one note by the contacts of an index; ``contact`` vectors take one entry of the
table through what a server answers and a person decides.
"""

from __future__ import annotations

import functools
import hashlib
from collections.abc import Iterator, Sequence
from typing import Any

from hygieia.errors import HygieiaError
from hygieia.openpgp.certificates import Certificate
from hygieia.openpgp.keys import UnlockedKey, assemble_key
from hygieia.openpgp.signing import sign_note
from hygieia.openpgp.times import parse_time
from hygieia.vault.contacts import accepted, meet, verified
from hygieia.vault.people import Contact, ContactState, FormerKey, People
from hygieia.vault.share_note import SHARE_CONTEXT, open_share
from tests.vectors.writing import Vector

REPORT, OTHER, PKESK = "a1" * 16, "b2" * 16, "cd" * 32
CREATED, LATER = "2026-02-01T08:00:00Z", "2026-03-24T12:00:00Z"
EMAIL = "boris@example.org"


@functools.cache
def _key(name: str, made: str = "2026-01-01T00:00:00Z") -> UnlockedKey:
    """A key of this time, from public words."""
    said = f"{name} {made}"
    secrets = [hashlib.sha256(f"{said} {use}".encode()).digest() for use in ("sign", "decrypt")]
    email = f"{name.lower()}@example.org"
    return assemble_key(name, email, parse_time(made), secrets[0], secrets[1])


def _new_boris() -> UnlockedKey:
    return _key("Boris", "2026-03-01T00:00:00Z")


def sharing() -> Iterator[Vector]:
    """Every vector of the folder."""
    yield from _shares()
    yield from _contacts()


# -- one note ---------------------------------------------------------------------------------


def body(**changes: Any) -> dict[str, Any]:  # noqa: ANN401  (whatever JSON it is)
    """Boris shares a report with Ana, unless changed."""
    fields: dict[str, Any] = {
        "report": REPORT,
        "reader": _key("Ana").key_id,
        "pkesk": PKESK,
        "delegation": None,
        "created": CREATED,
    }
    return {name: value for name, value in (fields | changes).items() if value != "absent"}


def _contact(key: UnlockedKey, **changes: Any) -> Contact:  # noqa: ANN401  (fields by name)
    certificate = key.certificate
    fields = {"state": ContactState.VERIFIED, "name": certificate.name, "email": certificate.email}
    return Contact(key=key.key_id, certificate=certificate.armored, **(fields | changes))


def _former(key: UnlockedKey) -> FormerKey:
    return FormerKey(key.key_id, key.certificate.armored)


def read_share_vector(vector: dict[str, Any]) -> dict[str, Any]:
    """What a reader makes of a vector of kind ``share``."""
    contacts = [Contact.from_json(each) for each in vector["contacts"]]
    people = People(Certificate.parse(vector["me"]), (), contacts)
    try:
        said = open_share(
            vector["data"].encode(),
            report=vector["report"],
            signer=vector["signer"],
            people=people,
        )
    except HygieiaError as error:
        return {"refused": error.code}
    return {"share": said.share.to_body(), "verdict": said.verdict.value}


def _share(
    what: str,
    said: dict[str, Any],
    *,
    by: UnlockedKey | None = None,
    signer: str | None = None,
    contacts: Sequence[Contact] | None = None,
    context: str = SHARE_CONTEXT,
) -> dict[str, Any]:
    key = by or _key("Boris")
    known = [_contact(_key("Boris"))] if contacts is None else contacts
    vector: dict[str, Any] = {
        "what": what,
        "kind": "share",
        "me": _key("Ana").certificate.armored,
        "contacts": [each.to_json() for each in known],
        "report": REPORT,
        "signer": signer or key.key_id,
        "data": sign_note(key, context, said).decode(),
    }
    return vector | {"expect": read_share_vector(vector)}


def _shares() -> Iterator[Vector]:
    yield "ok-share", _share("A contact's note.", body())
    yield "ok-share-by-delegation", _share("By a delegation.", body(delegation=OTHER))
    former = _former(_key("Cleo")).to_json()
    yield "ok-share-gives-back", _share("A note that gives back.", body(former=former))
    yield "ok-share-by-a-stranger", _share("Nobody is pinned under that key.", body(), contacts=[])
    yield "share-for-another-report", _share("For another report.", body(report=OTHER))
    pretended = _share("Signed by another.", body(), by=_key("Cleo"), signer=_key("Boris").key_id)
    yield "share-by-another", pretended
    yield "share-no-packet", _share("Names no packet.", body(pkesk="absent"))
    yield "share-reader-no-key", _share("The reader is no key id.", body(reader=PKESK[:40]))
    yield (
        "share-delegation-absent",
        _share("Says nothing of a delegation.", body(delegation="absent")),
    )
    yield "share-former-without-key", _share("A former key without its id.", body(former={}))
    wrong = "hygieia report-meta 1"
    yield "share-wrong-context", _share("A note of another kind.", body(), context=wrong)
    yield from _changed_shares()


def _changed_shares() -> Iterator[Vector]:
    old, new = _key("Boris"), _new_boris()
    one = [_contact(new, former_keys=(_former(old),))]
    yield (
        "ok-share-by-a-former-key",
        _share("Signed before the key that followed.", body(), contacts=one),
    )
    late = body(created=LATER)
    yield "ok-share-former-key-too-late", _share("A former key signs again.", late, contacts=one)
    taken = [_contact(new, state=ContactState.UNVERIFIED, superseded=(_former(old),))]
    stranger = _share(
        "Accepted and not compared: a stranger's still.", late, by=new, contacts=taken
    )
    yield "ok-share-accepted-not-compared", stranger
    changed = [_contact(old, state=ContactState.CHANGED)]
    yield (
        "ok-share-changed-contact",
        _share("The pinned key of who changed.", body(), contacts=changed),
    )


# -- one contact ----------------------------------------------------------------------------


def read_contact_vector(vector: dict[str, Any]) -> dict[str, Any]:
    """What becomes of the contact of a vector of kind ``contact``, step by step."""
    known = None if vector["contact"] is None else Contact.from_json(vector["contact"])
    try:
        for step in vector["steps"]:
            known = _step(known, step)
    except HygieiaError as error:
        return {"refused": error.code}
    return {"contact": None if known is None else known.to_json()}


def _step(known: Contact | None, step: dict[str, str]) -> Contact:
    if "meet" in step:
        return meet(known, Certificate.parse(step["meet"]), email=EMAIL)
    assert known is not None
    if "accept" in step:
        return accepted(known, Certificate.parse(step["accept"]))
    return verified(known, step["verify"])


def _steps(what: str, contact: Contact | None, *steps: dict[str, str]) -> dict[str, Any]:
    vector: dict[str, Any] = {
        "what": what,
        "kind": "contact",
        "contact": contact.to_json() if contact else None,
        "steps": list(steps),
    }
    return vector | {"expect": read_contact_vector(vector)}


def _contacts() -> Iterator[Vector]:
    old, new = _key("Boris"), _new_boris()
    met, other = {"meet": old.certificate.armored}, {"meet": new.certificate.armored}
    taken = {"accept": new.certificate.armored}
    hers, his = {"verify": new.key_id}, {"verify": old.key_id}
    yield "ok-contact-met", _steps("Pinned, unverified.", None, met)
    yield "ok-contact-met-again", _steps("The same answer changes nothing.", None, met, met)
    yield "ok-contact-verified", _steps("The number was compared.", None, met, his)
    yield "ok-contact-changed", _steps("Another key.", None, met, his, other)
    back = _steps("Going back does not undo the warning.", None, met, his, other, met)
    yield "ok-contact-changed-back", back
    cleared = _steps("The pinned key, compared again, does.", None, met, his, other, met, his)
    yield "ok-contact-cleared", cleared
    yield "contact-changed-not-verified", _steps("Not yet accepted.", None, met, other, hers)
    yield "ok-contact-accepted", _steps("Accepted, not compared.", None, met, his, other, taken)
    whole = _steps("Compared: one person.", None, met, his, other, taken, hers)
    yield "ok-contact-one-person", whole
    yield "contact-nothing-to-accept", _steps("Nothing has changed.", None, met, taken)
    again = [met, his, other, taken, met, {"accept": old.certificate.armored}]
    yield "ok-contact-back-to-the-old", _steps("Back to the key before.", None, *again)
