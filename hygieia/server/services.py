"""Everything a handler may need, put together once by ``app``."""

from __future__ import annotations

from dataclasses import dataclass

from hygieia.config import Settings


@dataclass(frozen=True, slots=True)
class Services:
    """The server's parts."""

    settings: Settings
