"""One tree of errors.

Every error that a caller can meet is one of these. ``code`` is a stable word: the same in the
CLI's ``--json`` output, in the problem documents of the HTTP API and in the tests. ``hint`` says
what to do next. ``exit_code`` is what the command line ends with.

    HygieiaError
    ├── UsageError                 what was asked for cannot be asked so
    │   └── ConfigError            a setting is wrong
    ├── InvalidInput               a value breaks a rule of the formats
    ├── CredentialsError           not signed in, or the password, code or token is refused
    │   ├── NotSignedIn
    │   └── Forbidden ── AppendOnly
    ├── NotFound
    │   └── BlockMissing
    ├── Conflict                   it changed meanwhile: read again, decide again
    │   ├── StaleRevision
    │   ├── ContentChanged
    │   └── Duplicate
    ├── IntegrityError             it does not verify; nothing was released
    │   ├── KdfRefused, KeyMismatch, SealedKeyRefused
    │   ├── CertificateRefused ── CertificateChanged
    │   ├── EnvelopeRefused, LimitExceeded, NoteRefused, MetaMismatch
    │   ├── BlockRefused, DagRefused, RecordRefused, KitRefused
    │   ├── RecipientRefused, DelegationRefused
    │   ├── ActivityAltered ── ActivityGap
    │   ├── NotSaved               acknowledged, but not there
    │   └── Rollback ── Fork
    ├── Unreachable                a server or gateway does not answer
    └── Failed                     it could not be done, nothing is half-written
        ├── QuotaExceeded, StorageFull, TooManyAttempts, Unavailable
        └── ReadOnly
"""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

if TYPE_CHECKING:
    from collections.abc import Sequence


class HygieiaError(Exception):
    """Root of the tree. ``str(error)`` is one sentence for people, free of secrets."""

    code: ClassVar[str] = "failed"
    exit_code: ClassVar[int] = 1
    default_hint: ClassVar[str | None] = None

    def __init__(self, message: str, *, hint: str | None = None) -> None:
        super().__init__(message)
        self.hint = hint if hint is not None else self.default_hint


class UsageError(HygieiaError):
    """The command or call cannot be understood. Correct it and call again."""

    code = "usage"
    exit_code = 2


class ConfigError(UsageError):
    """A setting is unknown or wrong. Correct the one named and start again."""

    code = "configuration"


class InvalidInput(HygieiaError):
    """A value breaks a rule of the formats (length, characters, shape). Nothing was changed."""

    code = "invalid-input"


class CredentialsError(HygieiaError):
    """The password, code or token was refused. Check it and try again."""

    code = "credentials-refused"
    exit_code = 3


class NotSignedIn(CredentialsError):
    """There is no session, or it has ended. Sign in."""

    code = "not-signed-in"
    default_hint = "Sign in with: hygieia login EMAIL"


class Forbidden(CredentialsError):
    """The session is valid but may not do this. Ask the owner."""

    code = "forbidden"


class AppendOnly(Forbidden):
    """Whoever is not a report's owner can add readers to it and change nothing else."""

    code = "append-only"


class NotFound(HygieiaError):
    """There is no such thing, or it is not yours: the two are not told apart."""

    code = "not-found"
    exit_code = 4


class BlockMissing(NotFound):
    """Blocks are in none of the stores asked; ``missing`` names them. Try another gateway."""

    code = "block-missing"

    def __init__(
        self, message: str, *, missing: Sequence[str] = (), hint: str | None = None
    ) -> None:
        super().__init__(message, hint=hint)
        self.missing = list(missing)


class Conflict(HygieiaError):
    """It changed meanwhile. Read it again and decide again."""

    code = "conflict"
    exit_code = 5


class StaleRevision(Conflict):
    """The ``rev`` given is not the current one (HTTP 412: it came in If-Match)."""

    code = "stale-revision"


class ContentChanged(Conflict):
    """A file changed while it was stored. Run again once nobody writes to it."""

    code = "content-changed"


class Duplicate(Conflict):
    """Something with this id, email or root exists already."""

    code = "duplicate"


class IntegrityError(HygieiaError):
    """Something was tampered with or does not verify. Nothing was released."""

    code = "integrity"
    exit_code = 6


class KdfRefused(IntegrityError):
    """The server asks for password stretching outside the accepted bounds (docs/spec/02)."""

    code = "kdf-refused"


class KeyMismatch(IntegrityError):
    """Key material and certificate do not belong together (docs/spec/03)."""

    code = "key-mismatch"


class SealedKeyRefused(IntegrityError):
    """The sealed key is not the one this account sealed (docs/spec/03)."""

    code = "sealed-key-refused"


class CertificateRefused(IntegrityError):
    """A certificate is expired, revoked, badly bound or of a kind not accepted."""

    code = "certificate-refused"


class CertificateChanged(CertificateRefused):
    """A contact's certificate is not the pinned one. Compare safety numbers before going on."""

    code = "certificate-changed"


class EnvelopeRefused(IntegrityError):
    """Not an envelope as docs/spec/04 has it."""

    code = "envelope-refused"


class LimitExceeded(IntegrityError):
    """An untrusted length, count or depth is over its limit."""

    code = "limit-exceeded"


class NoteRefused(IntegrityError):
    """A signed note is invalid, of another context, or from another signer (docs/spec/05)."""

    code = "note-refused"

    def __init__(self, message: str, *, hint: str | None = None, is_early: bool = False) -> None:
        super().__init__(message, hint=hint)
        self.is_early = is_early
        """Whether it is of a time to come by this clock: later it may be found sound."""


class MetaMismatch(IntegrityError):
    """A report's parts do not belong together (docs/spec/12)."""

    code = "meta-mismatch"


class BlockRefused(IntegrityError):
    """A block is over size or does not hash to its CID. Try another gateway."""

    code = "block-refused"


class DagRefused(IntegrityError):
    """A DAG is malformed: wrong sizes, cycles, too deep, too wide, unexpected entries."""

    code = "dag-refused"


class RecordRefused(IntegrityError):
    """An IPNS record does not verify. Try another source."""

    code = "record-refused"


class KitRefused(IntegrityError):
    """The recovery kit was changed, is cut short, or is no kit."""

    code = "kit-refused"


class RecipientRefused(IntegrityError):
    """A recipient is named by no verified delegation or share note (docs/spec/12, 17)."""

    code = "recipient-refused"


class DelegationRefused(IntegrityError):
    """A delegation does not verify, has ended, or reaches further than its parent."""

    code = "delegation-refused"


class ActivityAltered(IntegrityError):
    """The activity trail is not the one that was written. Look at it: ``hygieia log --verify``."""

    code = "activity-altered"
    default_hint = (
        "Somebody at the server may be hiding what happened. If it was set up again from a "
        "backup: hygieia log --accept"
    )


class ActivityGap(ActivityAltered):
    """Entries of the activity trail were left out."""

    code = "activity-gap"


class NotSaved(IntegrityError):
    """The server acknowledged something that it does not have. Keep your copy."""

    code = "not-saved"


class Rollback(IntegrityError):
    """An older state is offered than the one this device has seen (docs/spec/12, 13)."""

    code = "rollback"


class Fork(Rollback):
    """Two different states claim the same sequence."""

    code = "fork"


class Unreachable(HygieiaError):
    """A server or gateway does not answer. Check the address and the network, try again."""

    code = "unreachable"
    exit_code = 7


class Failed(HygieiaError):
    """It could not be done for the reason said; nothing is half-written."""


class QuotaExceeded(Failed):
    """The account's space is used up. Delete reports or ask the host for more."""

    code = "quota-exceeded"


class StorageFull(Failed):
    """The server's disk is full. The host has to make room; run again to resume."""

    code = "storage-full"


class TooManyAttempts(Failed):
    """Too many attempts. Wait ``retry_after_seconds`` and try again."""

    code = "too-many-attempts"

    def __init__(self, message: str, *, retry_after_seconds: int, hint: str | None = None) -> None:
        super().__init__(message, hint=hint)
        self.retry_after_seconds = retry_after_seconds


class Unavailable(Failed):
    """A part of the server is down or shutting down. Try again shortly."""

    code = "unavailable"

    def __init__(
        self, message: str, *, retry_after_seconds: int = 5, hint: str | None = None
    ) -> None:
        super().__init__(message, hint=hint)
        self.retry_after_seconds = retry_after_seconds


class ReadOnly(Failed):
    """Only reading is possible now; nothing was changed."""

    code = "read-only"
