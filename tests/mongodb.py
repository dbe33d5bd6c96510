"""A server that speaks MongoDB's protocol, whichever it is, and databases of a test's own in it."""

from __future__ import annotations

import contextlib
import secrets
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from urllib.parse import urlsplit, urlunsplit

import pymongo


@dataclass(frozen=True, slots=True)
class MongoDb:
    """A running server; ``uri`` is its address, with the name of a database or without.

    A user is looked up in the database of ``uri``, or where its authSource says, else in ``admin``.
    """

    uri: str

    def address(self, database: str, **options: str | int) -> str:
        """The address of a database, as HYGIEIA_DOCUMENTS takes it."""
        parts = urlsplit(self.uri)
        given = [f"{name}={value}" for name, value in options.items()]
        if "@" in parts.netloc and "authsource=" not in parts.query.lower():
            given.append(f"authSource={parts.path.strip('/') or 'admin'}")
        query = "&".join([*filter(None, [parts.query]), *given])
        return urlunsplit(parts._replace(path=f"/{database}", query=query))

    @contextlib.contextmanager
    def databases(self) -> Iterator[Callable[[str], str]]:
        """A function from a word to the address of a database, always the same one; gone after."""
        prefix = f"hygieia-test-{secrets.token_hex(6)}"
        names: set[str] = set()

        def address(word: str) -> str:
            names.add(f"{prefix}-{word}")
            return self.address(f"{prefix}-{word}")

        try:
            yield address
        finally:
            with pymongo.MongoClient[dict[str, object]](self.uri) as client:
                for name in names:
                    client.drop_database(name)
