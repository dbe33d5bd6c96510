"""Accounts, seals, sessions, reset."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field, StringConstraints

from hygieia.limits import MAX_NAME_BYTES, MAX_NOTE_BYTES, MAX_SIGNATURE_BYTES
from hygieia.server.api import Model, Parameters
from hygieia.server.schemas.fields import (
    Armored,
    ArmoredCertificate,
    Bytes,
    Email,
    Hex64,
    Id,
    IpnsName,
    Kdf,
    Rev,
    Time,
)

Name = Annotated[str, StringConstraints(max_length=MAX_NAME_BYTES)]
Invite = Annotated[str, StringConstraints(pattern=r"^[!-~]{1,128}$")]
Device = Annotated[str, StringConstraints(pattern=r"^[!-~]{1,256}$")]
Label = Annotated[str, StringConstraints(max_length=120)]
SessionId = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{16,64}$")]
NonceText = Annotated[str, StringConstraints(pattern=r"^[!-~]{16,128}$")]


class QuotaOut(Model):
    """Space used and allowed, in bytes of DAGs."""

    used_bytes: Bytes
    limit_bytes: Bytes


class AccountOut(Model):
    """What the server keeps of an account for its owner."""

    account: Id
    email: str
    name: str
    certificate: str = Field(description="The current certificate, merged.")
    kdf: Kdf
    sealed_key: str
    seal_mac: str
    seal_certificate: str = Field(description="The certificate as it was at sealing.")
    recovery_key: str
    recovery_mac: str
    revocation: str
    ipns_name: str
    quota: QuotaOut
    created: Time
    rev: Rev


class SignUp(Model):
    """A new account: everything secret in it is sealed on the client."""

    account: Id
    email: Email
    name: Name
    kdf: Kdf
    certificate: ArmoredCertificate
    sealed_key: Armored
    seal_mac: Hex64
    login_secret: Hex64
    recovery_key: Armored
    recovery_mac: Hex64
    revocation: Armored
    ipns_name: IpnsName
    invite: Invite | None = None
    label: Label | None = None
    cookie: bool = False


class ParametersIn(Model):
    """Whose stretching parameters are asked for, and from which device of hers, if it is one."""

    email: Email
    device: Device | None = None


class ParametersOut(Model):
    """What the client stretches the password with. The same form for unknown emails."""

    account: Id
    kdf: Kdf


class SignIn(Model):
    """A sign-in. ``device`` is what an earlier sign-in gave this device."""

    email: Email
    login_secret: Hex64
    device: Device | None = None
    label: Label | None = None
    cookie: bool = Field(
        default=False, description="Answer with a cookie for a browser instead of a token."
    )


class StartedSessionOut(Model):
    """The session just started."""

    id: SessionId
    created: Time
    expires: Time


class SignedIn(Model):
    """A started session. ``token`` is null when it went into a cookie."""

    account: AccountOut
    session: StartedSessionOut
    token: str | None
    device: str


class SessionOut(Model):
    """One session of the account."""

    id: SessionId
    created: Time
    last_used: Time
    expires: Time
    label: str
    address: str
    current: bool


class SessionsOut(Model):
    """The account's live sessions."""

    items: list[SessionOut]


class SessionPath(Parameters):
    """Names one session."""

    session: SessionId


class SealIn(Model):
    """A new password: the same key sealed again (docs/spec/03)."""

    current_login_secret: Hex64
    kdf: Kdf
    seal_certificate: ArmoredCertificate
    sealed_key: Armored
    seal_mac: Hex64
    login_secret: Hex64


class RecoveryIn(Model):
    """A new recovery code: the key sealed by it, and a revocation under it."""

    current_login_secret: Hex64
    recovery_key: Armored
    recovery_mac: Hex64
    revocation: Armored


class ResetStart(Model):
    """Asks for the nonce of a password reset, from which device of hers, if it is one."""

    email: Email
    device: Device | None = None


class ResetStarted(Model):
    """The nonce to sign. The same form for unknown emails."""

    account: Id
    nonce: NonceText
    expires: Time


class ResetIn(Model):
    """A reset proven by the account's key (docs/spec/09, note ``hygieia reset 1``)."""

    email: Email
    note: Annotated[str, StringConstraints(max_length=MAX_NOTE_BYTES)]
    signature: Annotated[str, StringConstraints(max_length=MAX_SIGNATURE_BYTES)]
    nonce: NonceText
    kdf: Kdf
    seal_certificate: ArmoredCertificate
    sealed_key: Armored
    seal_mac: Hex64
    login_secret: Hex64
    label: Label | None = None
    cookie: bool = False


class DeleteAccountIn(Model):
    """Typed confirmation: the account's email, and proof of the password."""

    confirm: Email
    login_secret: Hex64
