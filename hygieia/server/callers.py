"""Who calls."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Caller:
    """A live session. ``by_cookie``: a browser sent it by itself, so its origin is checked."""

    account: str
    session: str
    by_cookie: bool
