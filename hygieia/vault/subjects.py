"""Whose records they are: people without an account, by the names this user gave them.

A subject without an account is only a random id in the signed meta (docs/spec/01 §1). The name
that goes with it is this user's own and stands in her index's ``keys.pgp`` (docs/spec/13 §5).
"""

from __future__ import annotations

import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from hygieia.errors import Duplicate, IntegrityError, InvalidInput, NotFound
from hygieia.limits import MAX_NAME_BYTES
from hygieia.vault import words
from hygieia.vault.fields import Fields, unknown

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from hygieia.vault.people import Contact

MAX_SUBJECTS: Final = 1000
ME: Final = "me"


@dataclass(frozen=True, slots=True)
class Subject:
    """Somebody whose records this user keeps; ``id`` is ``person:`` and 32 hex digits."""

    id: str
    name: str
    extra: Mapping[str, Any] = field(default_factory=dict)

    @classmethod
    def new(cls, name: str, known: Iterable[Subject]) -> Subject:
        """Somebody new.

        Raises ``InvalidInput`` for a name that is none, ``Duplicate`` for one that is taken.
        """
        checked = check_name(name)
        if any(_folded(each.name) == _folded(checked) for each in known):
            raise Duplicate(f"There is a {checked!r} already: give another name.")
        return cls(words.make_person_id(), checked)

    def to_json(self) -> dict[str, Any]:
        """The object that ``subjects`` lists."""
        return {"id": self.id, "name": self.name} | dict(self.extra)

    @classmethod
    def from_json(cls, body: Mapping[str, Any]) -> Subject:
        """Read one item of ``subjects``. Raises ``IntegrityError``."""
        fields = Fields(body, IntegrityError, "A subject in the index")
        return cls(
            fields.text("id", words.is_subject),
            fields.text("name", lambda text: 0 < len(text.encode()) <= MAX_NAME_BYTES),
            unknown(body, _KNOWN),
        )


_KNOWN: Final = frozenset({"id", "name"})


def check_name(name: str) -> str:
    """A subject's name, trimmed: 1 to 256 bytes, and nothing that means somebody else already.

    Raises ``InvalidInput``.
    """
    name = unicodedata.normalize("NFC", " ".join(name.split()))
    if not name or len(name.encode()) > MAX_NAME_BYTES or not name.isprintable():
        raise InvalidInput(f"A name has 1 to {MAX_NAME_BYTES} bytes and no control characters.")
    if _folded(name) == ME or words.is_subject(name) or "@" in name:
        raise InvalidInput("This is no name of somebody without an account.")
    return name


def find_subject(
    text: str, me: str, subjects: Sequence[Subject], contacts: Iterable[Contact]
) -> str:
    """Whom ``text`` means, as the meta names him: ``me``, an id, a contact's email, or a name.

    Raises ``NotFound``.
    """
    if _folded(text) == ME:
        return me
    if words.is_subject(text):
        return text
    if "@" in text:
        found = [contact.key for contact in contacts if contact.email == text.strip().lower()]
    else:
        found = [each.id for each in subjects if _folded(each.name) == _folded(text)]
    if not found:
        raise NotFound(
            f"Nobody here is called {words.clean_title(text)!r}.",
            hint="See: hygieia subjects. For somebody new: hygieia subjects add NAME",
        )
    return found[0]


def _folded(name: str) -> str:
    return unicodedata.normalize("NFC", " ".join(name.split())).casefold()
