"""JSON as the formats allow it (docs/spec/01-words-of-bytes.md).

UTF-8 without a byte order mark, no duplicate keys, no floats, integers from 0 to 2^53-1, no lone
surrogate and no U+0000 in any string, bounded nesting. Two readers that agree on these rules
agree on every document, which is what lets Python sign a text that TypeScript checks.
"""

from __future__ import annotations

import json
import re
from itertools import chain
from typing import TYPE_CHECKING, Any, Final, NoReturn

from hygieia.errors import InvalidInput
from hygieia.limits import MAX_INTEGER, MAX_JSON_DEPTH

if TYPE_CHECKING:
    from collections.abc import Iterable

_MAX_INTEGER_DIGITS: Final = len(str(MAX_INTEGER))

# Only an escape can smuggle these in: a raw NUL is a control character, which JSON forbids, and a
# raw surrogate is no UTF-8. So the slow walk over every string is made only when one shows.
_SUSPECT_ESCAPE: Final = re.compile(r"\\u(?:0000|[dD][89a-fA-F])")
_FORBIDDEN_CHARACTER: Final = re.compile("[\x00\ud800-\udfff]")


def loads_object(text: str | bytes, *, max_bytes: int) -> dict[str, Any]:
    """Read one JSON object of at most ``max_bytes`` of UTF-8; raises InvalidInput."""
    value = _loads(text, max_bytes)
    if not isinstance(value, dict):
        raise InvalidInput("The JSON document is not an object.")
    return value


def loads_list(text: str | bytes, *, max_bytes: int) -> list[Any]:
    """Read one JSON list of at most ``max_bytes`` of UTF-8; raises InvalidInput."""
    value = _loads(text, max_bytes)
    if not isinstance(value, list):
        raise InvalidInput("The JSON document is not a list.")
    return value


def dumps(value: object) -> str:
    """Write compact JSON that :func:`loads_object` or :func:`loads_list` reads back.

    Raises InvalidInput for a value that the formats cannot hold.
    """
    _check_value(value, check_strings=True, check_scalars=True)
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"), allow_nan=False)


def _loads(text: str | bytes, max_bytes: int) -> object:
    decoded = _decode(text, max_bytes)
    try:
        value: object = json.loads(
            decoded,
            object_pairs_hook=_object_without_duplicates,
            parse_int=_parse_integer,
            parse_float=_refuse_number,
            parse_constant=_refuse_number,
        )
    except (ValueError, RecursionError):
        # The parser's own message quotes the document: it stays out of ours.
        raise InvalidInput("The text is not well-formed JSON.") from None
    _check_value(value, check_strings=_SUSPECT_ESCAPE.search(decoded) is not None)
    return value


def _decode(text: str | bytes, max_bytes: int) -> str:
    try:
        raw_length = len(text if isinstance(text, bytes) else text.encode())
        decoded = text.decode() if isinstance(text, bytes) else text
    except UnicodeError:
        raise InvalidInput("The JSON document is not UTF-8.") from None
    if raw_length > max_bytes:
        raise InvalidInput(f"The JSON document is longer than {max_bytes} bytes.")
    if decoded.startswith("\ufeff"):
        raise InvalidInput("The JSON document starts with a byte order mark.")
    return decoded


def _object_without_duplicates(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    result = dict(pairs)
    if len(result) != len(pairs):
        raise InvalidInput("The JSON document has an object with a duplicate key.")
    return result


def _parse_integer(digits: str) -> int:
    if digits.startswith("-") or len(digits) > _MAX_INTEGER_DIGITS or int(digits) > MAX_INTEGER:
        raise InvalidInput("The JSON document has an integer outside 0 to 2^53-1.")
    return int(digits)


def _refuse_number(_: str) -> NoReturn:
    raise InvalidInput("The JSON document has a number that is not a plain integer.")


def _check_value(value: object, *, check_strings: bool, check_scalars: bool = False) -> None:
    """Walk a JSON value without recursion: depth always, strings and scalars when asked."""
    level = [value]
    for _ in range(MAX_JSON_DEPTH):
        containers: list[object] = []
        for container in level:
            for item in _members(container, with_keys=check_strings):
                if isinstance(item, (dict, list)):
                    containers.append(item)
                elif isinstance(item, str):
                    if check_strings and _FORBIDDEN_CHARACTER.search(item):
                        raise InvalidInput("A JSON string has U+0000 or half a surrogate pair.")
                elif check_scalars:
                    _check_scalar(item)
        if not containers:
            return
        level = containers
    raise InvalidInput(f"The JSON document nests deeper than {MAX_JSON_DEPTH} levels.")


def _members(container: object, *, with_keys: bool) -> Iterable[object]:
    if isinstance(container, dict):
        return chain(container, container.values()) if with_keys else container.values()
    return container if isinstance(container, list) else (container,)


def _check_scalar(item: object) -> None:
    if item is None or isinstance(item, bool):
        return
    if not isinstance(item, int):
        raise InvalidInput("JSON of these formats holds strings, integers, booleans and null.")
    if not 0 <= item <= MAX_INTEGER:
        raise InvalidInput("A JSON integer is outside 0 to 2^53-1.")
