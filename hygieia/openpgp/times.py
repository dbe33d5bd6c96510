"""Times as the formats write them: ``YYYY-MM-DDTHH:MM:SSZ`` (docs/spec/01)."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import Final

from hygieia.errors import InvalidInput

_FORMAT: Final = "%Y-%m-%dT%H:%M:%SZ"
_SHAPE: Final = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}Z", re.ASCII)


def now() -> datetime:
    """The current time in UTC, whole seconds: OpenPGP and the formats know no finer."""
    return datetime.now(UTC).replace(microsecond=0)


def format_time(time: datetime) -> str:
    """``YYYY-MM-DDTHH:MM:SSZ`` of an aware datetime."""
    return time.astimezone(UTC).strftime(_FORMAT)


def parse_time(text: object) -> datetime:
    """Read exactly ``YYYY-MM-DDTHH:MM:SSZ``; raises InvalidInput for anything else."""
    if not isinstance(text, str) or not _SHAPE.fullmatch(text):
        raise InvalidInput("A time is not written YYYY-MM-DDTHH:MM:SSZ.")
    try:
        return datetime.strptime(text, _FORMAT).replace(tzinfo=UTC)
    except ValueError:
        raise InvalidInput("A time names a day or an hour that does not exist.") from None
