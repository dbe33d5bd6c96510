"""Reading JSON objects that others wrote: each field has its type and its rule, or it is refused.

The rules are those of docs/spec/12-report.md and 13-index.md. Unknown fields are not looked at
here; whoever writes an object back keeps them (docs/spec/05 §1).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from hygieia.limits import MAX_INTEGER

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from hygieia.errors import HygieiaError


class Fields:
    """The fields of one JSON object, read by name.

    ``refuse`` is the error that a wrong field raises, ``what`` names the object in its sentence.
    """

    __slots__ = ("_body", "_refuse", "_what")

    def __init__(self, body: Mapping[str, Any], refuse: type[HygieiaError], what: str) -> None:
        self._body = body
        self._refuse = refuse
        self._what = what

    def text(self, name: str, rule: Callable[[str], bool] | None = None) -> str:
        """A string that ``rule`` accepts."""
        value = self._body.get(name)
        if not isinstance(value, str) or (rule is not None and not rule(value)):
            raise self.refused(name)
        return value

    def text_or_none(self, name: str, rule: Callable[[str], bool] | None = None) -> str | None:
        """As ``text``; null where the field may be empty, which is not the same as absent."""
        if name in self._body and self._body[name] is None:
            return None
        return self.text(name, rule)

    def integer(self, name: str, minimum: int = 0) -> int:
        """A whole number of at least ``minimum``."""
        value = self._body.get(name)
        if type(value) is not int or not minimum <= value <= MAX_INTEGER:
            raise self.refused(name)
        return value

    def list(self, name: str, limit: int) -> list[Any]:
        """A list of at most ``limit`` items."""
        value = self._body.get(name)
        if not isinstance(value, list) or len(value) > limit:
            raise self.refused(name)
        return value

    def object(self, name: str) -> dict[str, Any]:
        """A JSON object."""
        value = self._body.get(name)
        if not isinstance(value, dict):
            raise self.refused(name)
        return value

    def refused(self, name: str) -> HygieiaError:
        """The error for field ``name``; its value is not repeated."""
        return self._refuse(f"{self._what} has no valid field {name}.")


# One for all: an index of 100,000 reports would otherwise hold as many empty objects, each of which
# the garbage collector visits again and again while the index is read.
_NOTHING: Final[Mapping[str, Any]] = {}


def unknown(body: Mapping[str, Any], known: frozenset[str]) -> Mapping[str, Any]:
    """The fields that this version does not know, to be carried over as they are."""
    return {name: value for name, value in body.items() if name not in known} or _NOTHING
