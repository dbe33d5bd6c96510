"""Every test here speaks HTTP to a real server over SQLite and the embedded block store."""

from __future__ import annotations

from tests.factories.fixtures import ada, api, bob

__all__ = ["ada", "api", "bob"]
