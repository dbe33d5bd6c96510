"""What must hold before a MongoDB is used: its address, its version, our right to write, indexes.

It is asked once, at start, by the driver's blocking client: the store itself talks to MongoDB in
the event loop that serves requests, which does not run yet.
"""

from __future__ import annotations

import contextlib
import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from pymongo import IndexModel, MongoClient
from pymongo.errors import (
    ConfigurationError,
    DuplicateKeyError,
    OperationFailure,
    PyMongoError,
)
from pymongo.uri_parser import parse_uri

from hygieia.documents import mongo_errors
from hygieia.documents.mongo_records import Record, is_collection
from hygieia.errors import ConfigError

if TYPE_CHECKING:
    from pymongo.database import Database

OLDEST_VERSION: Final = (6, 0)
FORMAT: Final = 1
MARKER_COLLECTION: Final = "_hygieia"
MARKER_ID: Final = "store"

PLAIN_INDEXES: Final = (
    IndexModel([("scope", 1), ("place", 1)], name="scope-place"),
    IndexModel([("expires", 1)], name="expires", sparse=True),
)
"""What every collection has."""

UNIQUE_INDEX: Final = IndexModel([("unique", 1)], name="unique", unique=True, sparse=True)
"""What a collection has once a unique key is written to it: others may be sharded without it."""

DURABLE: Final[Mapping[str, Any]] = {
    # Errors wait for the majority too, so what a failed write saw cannot be rolled back either.
    "w": "majority",
    "journal": True,
    "readConcernLevel": "majority",
    "readPreference": "primary",
    "retryWrites": True,
    "retryReads": True,
}
"""What the contract of the port needs. An address cannot weaken it."""

CALL_SECONDS: Final = 10
"""A whole call, the driver's retries included."""

MAX_CALL_SECONDS: Final = 12
"""The most that an address may make of it: ``guarded.SETTLE_SECONDS`` rests on it."""

PATIENCE: Final[Mapping[str, int]] = {
    "timeoutMS": CALL_SECONDS * 1000,
    "serverSelectionTimeoutMS": 5_000,
    "connectTimeoutMS": 5_000,
}
"""How long to wait for a server, unless the address says otherwise. Milliseconds."""

_STRANGE: Final = "What answers at the MongoDB address is no MongoDB that is supported."
_NO_FILE: Final = "A file that the MongoDB address names cannot be read."
_LOOKED_UP: Final = "mongodb+srv://"
_SHAPE: Final = "It is written mongodb://USER:PASSWORD@HOST:PORT/DATABASE"


@dataclass(frozen=True, slots=True)
class Address:
    """A MongoDB to use, with the driver's options. Its text holds a password: it is not shown."""

    uri: str
    options: Mapping[str, Any]
    call_seconds: float

    def __repr__(self) -> str:
        """Nothing of the address."""
        return "Address()"


def read_address(uri: str) -> Address:
    """Checks a ``mongodb://`` address without asking anybody. Raises ConfigError."""
    try:
        with warnings.catch_warnings():
            # What the driver would leave out, with a warning, was asked for.
            warnings.simplefilter("error", UserWarning)
            parts = parse_uri(uri)
    except OSError:
        raise ConfigError(_NO_FILE) from None
    except UserWarning:
        raise ConfigError(
            "An option of the MongoDB address cannot be had here.",
            hint="Compression, for one, needs a package of its own: leave compressors out.",
        ) from None
    except (PyMongoError, ValueError, TypeError):
        # The driver's own words may quote the address, password included.
        raise _not_understood(uri) from None
    if not parts["database"] or parts["collection"]:
        raise ConfigError("The MongoDB address names no database.", hint=f"{_SHAPE}.")
    given = {name.lower() for name in parts["options"]}
    patience = {name: value for name, value in PATIENCE.items() if name.lower() not in given}
    call_seconds = parts["options"].get("timeoutms", CALL_SECONDS)
    if not 0 < call_seconds <= MAX_CALL_SECONDS:
        most = MAX_CALL_SECONDS * 1000
        raise ConfigError(f"The MongoDB address's timeoutMS must be from 1 to {most}.")
    return Address(uri, {**DURABLE, **patience, "appname": "hygieia"}, call_seconds)


def _not_understood(uri: str) -> ConfigError:
    if uri.startswith(_LOOKED_UP):
        with contextlib.suppress(PyMongoError, ValueError, TypeError, OSError):
            parse_uri(uri.replace(_LOOKED_UP, "mongodb://", 1))
            # It is the DNS that knows nothing of it, or nothing that fits.
            return ConfigError(
                "The DNS names no servers for the mongodb+srv:// address.",
                hint="It has one host name and no port. Does the DNS answer on this machine?",
            )
    return ConfigError(
        "The MongoDB address cannot be understood.",
        hint=f"{_SHAPE}; in USER and PASSWORD, % : / ? # [ ] @ as %25 %3A %2F and so on.",
    )


def prepare(address: Address) -> None:
    """Makes sure of a MongoDB that keeps our documents, indexes included. Blocks.

    Raises:
        ConfigError: nobody answers there, the user is refused, the server is too old or of a kind
            that loses writes, or the database is another program's or a newer Hygieia's.
    """
    try:
        client: MongoClient[Record] = MongoClient(address.uri, **address.options)
        with client:
            _check_server(client)
            database = client.get_default_database()
            _claim(database)
            for name in filter(is_collection, database.list_collection_names()):
                database[name].create_indexes(list(PLAIN_INDEXES))
    except (PyMongoError, ValueError, TypeError) as error:
        raise _explain(error) from None
    except OSError:  # of the network, the driver makes errors of its own
        raise ConfigError(_NO_FILE) from None


def _check_server(client: MongoClient[Record]) -> None:
    if not client.admin.command("hello").get("isWritablePrimary"):
        raise ConfigError(
            "The MongoDB at the address takes no writes: it is not the primary.",
            hint="Name the whole replica set, with ?replicaSet=NAME, and not one member alone.",
        )
    about = client.admin.command("buildInfo")
    if "ferretdbVersion" in about:  # the second FerretDB has it in a field of another name
        raise ConfigError("FerretDB 1 loses writes made at the same time.", hint="Use FerretDB 2.")
    try:
        version = tuple(int(part) for part in about["versionArray"][:2])
    except (LookupError, TypeError, ValueError):
        raise ConfigError(_STRANGE) from None
    if version < OLDEST_VERSION:
        oldest = ".".join(map(str, OLDEST_VERSION))
        raise ConfigError(f"The MongoDB is too old: it must be {oldest} or newer.")


def _claim(database: Database[Record]) -> None:
    """Marks an empty database as ours, or finds our mark: no other program's is written to."""
    # First the names: whoever made a collection of ours had made the mark before.
    others = [name for name in database.list_collection_names() if name != MARKER_COLLECTION]
    mark = database[MARKER_COLLECTION].find_one({"_id": MARKER_ID})
    if mark is None:
        if any(not name.startswith("system.") for name in others):
            raise ConfigError(
                "The MongoDB database belongs to another program.",
                hint="Name another database at the end of the address; it is made when missing.",
            )
        try:
            database[MARKER_COLLECTION].insert_one({"_id": MARKER_ID, "format": FORMAT})
        except DuplicateKeyError:
            return  # another server started at the same moment
    elif mark["format"] > FORMAT:
        raise ConfigError(
            "The MongoDB database was written by a newer Hygieia.", hint="Upgrade this one first."
        )


def _explain(error: Exception) -> ConfigError:
    if isinstance(error, OperationFailure) and error.code in mongo_errors.REFUSED_CODES:
        return ConfigError(
            "MongoDB refuses the user or password in its address.",
            hint="The user needs the role readWrite on the database; where users are kept in "
            "another database, add ?authSource=NAME.",
        )
    if isinstance(error, ConfigurationError):
        return ConfigError("The MongoDB is not one that is supported: it must be 6.0 or newer.")
    if isinstance(error, OperationFailure):
        return ConfigError(_STRANGE)
    return ConfigError(
        "No MongoDB answers at its address.",
        hint="Is it running, has its replica set a primary, do host, port and TLS fit?",
    )
