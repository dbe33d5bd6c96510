"""What MongoDB's and its driver's errors mean to a caller of the documents port."""

from __future__ import annotations

from typing import Final

from pymongo.errors import (
    BulkWriteError,
    ConnectionFailure,
    DuplicateKeyError,
    InvalidOperation,
    OperationFailure,
    ProtocolError,
    PyMongoError,
)

from hygieia.errors import Failed, HygieiaError, StorageFull, Unavailable

DUPLICATE_KEY: Final = 11000
OUT_OF_DISK_SPACE: Final = 14031
NO_SPACE: Final = "No space left on device"
"""FerretDB 2.7 passes on PostgreSQL's words for a full disk, under changing codes."""

REFUSED_CODES: Final = frozenset({13, 18})
"""Unauthorized, AuthenticationFailed."""

UNDONE_CODES: Final = frozenset(
    {
        112,  # WriteConflict
        16777220,  # FerretDB 2.7's number for PostgreSQL's 40001, serialization_failure
        16908292,  # and for its 40P01, deadlock_detected
    }
)
"""A write that the server took back whole, to let another one pass."""

DEADLOCK: Final = "deadlock detected"
"""FerretDB 2.7 passes on PostgreSQL's words from findAndModify, as an InternalError."""

PASSING_CODES: Final = UNDONE_CODES | frozenset(
    {
        1,  # InternalError: FerretDB's word for a PostgreSQL that is away
        6,  # HostUnreachable
        7,  # HostNotFound
        24,  # LockTimeout
        50,  # MaxTimeMSExpired
        64,  # WriteConcernFailed
        89,  # NetworkTimeout
        91,  # ShutdownInProgress
        100,  # UnsatisfiableWriteConcern: a majority of the replica set is away
        134,  # ReadConcernMajorityNotAvailableYet
        189,  # PrimarySteppedDown
        262,  # ExceededTimeLimit
        9001,  # SocketException
        10107,  # NotWritablePrimary
        11600,  # InterruptedAtShutdown
        11602,  # InterruptedDueToReplStateChange
        13435,  # NotPrimaryNoSecondaryOk
        13436,  # NotPrimaryOrSecondary
    }
)
"""Errors of the server's state, not of the request (MongoDB's error_codes.yml): they pass."""


def is_duplicate(error: OperationFailure) -> bool:
    """Whether a write failed because its id or unique key is taken."""
    # FerretDB 2.7 passes PostgreSQL's own words on from findAndModify, as an InternalError.
    if isinstance(error, BulkWriteError):
        failed = error.details.get("writeErrors", [])
        return bool(failed) and all(one.get("code") == DUPLICATE_KEY for one in failed)
    return isinstance(error, DuplicateKeyError) or "violates exclusion constraint" in str(error)


def is_undone(error: OperationFailure) -> bool:
    """Whether nothing came of a write because the server preferred another: it may be repeated."""
    if isinstance(error, BulkWriteError):
        failed = error.details.get("writeErrors", [])
        return bool(failed) and all(one.get("code") in UNDONE_CODES for one in failed)
    return error.code in UNDONE_CODES or DEADLOCK in str(error)


def translate(error: Exception) -> HygieiaError:
    """The error in our words; the vendor's own text may name hosts and is kept as the cause only."""
    if isinstance(error, OperationFailure):
        return _from_server(error)
    if isinstance(error, ConnectionFailure) or (isinstance(error, PyMongoError) and error.timeout):
        return Unavailable("The database does not answer.")
    if isinstance(error, ProtocolError):
        return Unavailable("The database's answer makes no sense.")
    if isinstance(error, InvalidOperation):  # the client was closed under the call
        return Unavailable("The document store is closed.")
    if isinstance(error, PyMongoError):
        return Failed("The database failed.")
    # The driver takes a server's answers for BSON; whatever else it stumbles over is not BSON.
    return Unavailable("The database's answer makes no sense.")


def _from_server(error: OperationFailure) -> HygieiaError:
    if error.code == OUT_OF_DISK_SPACE or NO_SPACE in str(error):
        return StorageFull("The database has no room left.")
    if error.code in REFUSED_CODES:
        return Unavailable("The database refuses this server's user.")
    if error.code in PASSING_CODES or error.timeout or error.has_error_label("RetryableWriteError"):
        return Unavailable("The database cannot do this now.")
    return Failed("The database failed.")
