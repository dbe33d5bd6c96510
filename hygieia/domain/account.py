"""An account, and how it lies in the document store.

The document's id is the account id, its unique key the email. ``epoch`` counts the times that all
sessions were ended at once: a session of another epoch is over, so changing a password ends the
others in the same step that stores the new seal.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import Enum
from typing import TYPE_CHECKING, Any, Final

from hygieia.errors import NotFound
from hygieia.openpgp.parameters import KdfParams
from hygieia.openpgp.times import format_time, parse_time

if TYPE_CHECKING:
    from hygieia.documents.port import Body, Document
    from hygieia.domain.seals import RecoverySeal, Seal

COLLECTION: Final = "accounts"


class AccountState(Enum):
    """What may be done with an account."""

    OPEN = "open"
    VACANT = "vacant"
    """Its owner lost the key; the host freed the sign-in. Id and reports wait for a new sign-up."""
    DELETING = "deleting"
    """Gone for everyone; what belonged to it is being removed."""


@dataclass(frozen=True, slots=True)
class Account:
    """An account as read: ``rev`` is its ETag."""

    id: str
    rev: int
    state: AccountState
    email: str
    name: str
    created: datetime
    epoch: int
    kdf: KdfParams
    certificate: str = field(repr=False)
    seal_certificate: str = field(repr=False)
    sealed_key: str = field(repr=False)
    seal_mac: str = field(repr=False)
    login_hash: str | None = field(repr=False)
    recovery_key: str = field(repr=False)
    recovery_mac: str = field(repr=False)
    revocation: str = field(repr=False)
    ipns_name: str
    quota_bytes: int | None = None
    """The host's exception for this account; None: the server's default."""
    reclaim: str | None = field(default=None, repr=False)
    """Of a vacant account: the hash of the code that its next sign-up shows."""
    reclaim_until: datetime | None = None

    @property
    def is_open(self) -> bool:
        """Whether it can be signed in to."""
        return self.state is AccountState.OPEN

    def with_seal(self, seal: Seal, certificate: str, login_hash: str) -> Account:
        """Sealed anew, all sessions ended; ``certificate`` is the current, merged one."""
        return replace(
            self,
            epoch=self.epoch + 1,
            kdf=seal.kdf,
            certificate=certificate,
            seal_certificate=seal.certificate,
            sealed_key=seal.sealed_key,
            seal_mac=seal.mac,
            login_hash=login_hash,
        )

    def with_recovery(self, recovery: RecoverySeal) -> Account:
        """With what a new recovery code seals."""
        return replace(
            self,
            recovery_key=recovery.key,
            recovery_mac=recovery.mac,
            revocation=recovery.revocation,
        )

    def emptied(self, state: AccountState) -> Account:
        """Without any key, and without a way to sign in; all sessions ended."""
        return replace(
            self,
            state=state,
            epoch=self.epoch + 1,
            certificate="",
            seal_certificate="",
            sealed_key="",
            seal_mac="",
            login_hash=None,
            recovery_key="",
            recovery_mac="",
            revocation="",
            ipns_name="",
        )

    def body(self) -> Body:
        """The document's body."""
        body: Body = {name: getattr(self, name) for name in _PLAIN}
        until = self.reclaim_until
        return body | {
            "state": self.state.value,
            "created": format_time(self.created),
            "kdf": {"m": self.kdf.m, "t": self.kdf.t, "p": self.kdf.p},
            "reclaim_until": None if until is None else format_time(until),
        }


_PLAIN: Final = (
    "email",
    "name",
    "epoch",
    "certificate",
    "seal_certificate",
    "sealed_key",
    "seal_mac",
    "login_hash",
    "recovery_key",
    "recovery_mac",
    "revocation",
    "ipns_name",
    "quota_bytes",
    "reclaim",
)


def read_account(document: Document) -> Account:
    """An account from its document."""
    body: dict[str, Any] = document.body
    until = body["reclaim_until"]
    return Account(
        id=document.id,
        rev=document.rev,
        state=AccountState(body["state"]),
        created=parse_time(body["created"]),
        kdf=KdfParams(**body["kdf"]),
        reclaim_until=None if until is None else parse_time(until),
        **{name: body[name] for name in _PLAIN},
    )


def read_open_account(document: Document | None) -> Account:
    """The account if it is open. Raises NotFound."""
    if document is not None:
        account = read_account(document)
        if account.is_open:
            return account
    raise NotFound("There is no such account.")
