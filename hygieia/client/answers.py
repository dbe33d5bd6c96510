"""Reads fields of the server's answers: of the promised kind, or the answer is not understood.

The server is not trusted, and may simply be something else at that address: neither may show as a
defect of ours.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from hygieia.errors import Failed

if TYPE_CHECKING:
    from collections.abc import Mapping


def text(document: Mapping[str, Any], name: str) -> str:
    """A string. Raises ``Failed``."""
    value = document.get(name)
    if not isinstance(value, str):
        raise _not_understood()
    return value


def text_or_none(document: Mapping[str, Any], name: str) -> str | None:
    """A string, or None where there is none. Raises ``Failed``."""
    return None if document.get(name) is None else text(document, name)


def number(document: Mapping[str, Any], name: str) -> int:
    """A whole number that is not negative. Raises ``Failed``."""
    value = document.get(name)
    if type(value) is not int or value < 0:
        raise _not_understood()
    return value


def part(document: Mapping[str, Any], name: str) -> dict[str, Any]:
    """An object. Raises ``Failed``."""
    value = document.get(name)
    if not isinstance(value, dict):
        raise _not_understood()
    return value


def parts(document: Mapping[str, Any], name: str) -> list[dict[str, Any]]:
    """A list of objects. Raises ``Failed``."""
    value = document.get(name)
    if not isinstance(value, list) or not all(isinstance(item, dict) for item in value):
        raise _not_understood()
    return value


def texts(document: Mapping[str, Any], name: str) -> list[str]:
    """A list of strings. Raises ``Failed``."""
    value = document.get(name)
    if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
        raise _not_understood()
    return value


def _not_understood() -> Failed:
    return Failed(
        "The server's answer is not understood.",
        hint="Is it a Hygieia server, and as new as this command? See: hygieia doctor",
    )
