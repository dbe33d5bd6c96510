"""People to sign up with: real certificates, and stand-ins for what no server can open."""

from __future__ import annotations

import functools
import hashlib
import json
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from hygieia.documents.port import DocumentStore
from hygieia.domain.identity import Identity, IdentityPolicy, build_identity
from hygieia.domain.registration import NewAccount
from hygieia.domain.reset import CONTEXT, ResetProof
from hygieia.domain.seals import RecoverySeal, Seal
from hygieia.domain.server_secrets import ServerSecrets
from hygieia.domain.sign_in import Origin, Started
from hygieia.ipld.ipns import name_of
from hygieia.openpgp.armor import MESSAGE, PRIVATE_KEY, armor
from hygieia.openpgp.keys import UnlockedKey, generate_key
from hygieia.openpgp.parameters import DEFAULT_KDF, KdfParams
from hygieia.openpgp.signing import sign_note

ORIGIN = "https://vault.example.org"


@dataclass
class Clock:
    """A clock that stands still until a test moves it."""

    now: datetime = field(default_factory=lambda: datetime.now(UTC))

    def __call__(self) -> datetime:
        return self.now

    def forward(self, **span: float) -> None:
        self.now += timedelta(**span)


@functools.cache
def key_of(email: str, which: str = "first") -> UnlockedKey:
    return generate_key("Name of " + which, email)


def login_secret(password: str) -> str:
    """Stands for the stretching of a password, which is the client's alone."""
    return hashlib.sha256(password.encode()).hexdigest()


def armored(label: str, text: str) -> str:
    return armor(label, text.encode() * 8)


@dataclass(frozen=True)
class Person:
    """Somebody with an email, a key and a password."""

    email: str = "ada@example.org"
    password: str = "correct horse"
    account: str = "a" * 32
    kdf: KdfParams = DEFAULT_KDF
    which_key: str = "first"

    @property
    def key(self) -> UnlockedKey:
        return key_of(self.email, self.which_key)

    def seal(self, password: str | None = None) -> Seal:
        password = self.password if password is None else password
        return Seal(
            kdf=self.kdf,
            certificate=self.key.certificate.armored,
            sealed_key=armored(PRIVATE_KEY, f"sealed {password}"),
            mac=hashlib.sha256(password.encode() + b"mac").hexdigest(),
            login_secret=login_secret(password),
        )

    def recovery(self, code: str = "code") -> RecoverySeal:
        return RecoverySeal(
            key=armored(PRIVATE_KEY, f"recovery {code}"),
            mac=hashlib.sha256(code.encode()).hexdigest(),
            revocation=armored(MESSAGE, f"revocation {code}"),
        )

    def new_account(self, **changes: Any) -> NewAccount:  # noqa: ANN401  (whatever JSON or arguments it is)
        fields: dict[str, Any] = {
            "account": self.account,
            "email": self.email,
            "name": "Ada",
            "seal": self.seal(),
            "recovery": self.recovery(),
            "ipns_name": name_of(hashlib.sha256(self.email.encode()).digest()),
        }
        return NewAccount(**{**fields, **changes})

    def reset_proof(self, nonce: str, seal: Seal, /, **changes: Any) -> ResetProof:  # noqa: ANN401  (whatever JSON or arguments it is)
        """The note that a client signs to set ``seal``; ``changes`` to its body make it wrong."""
        body: dict[str, Any] = {
            "origin": ORIGIN,
            "account": self.account,
            "nonce": nonce,
            "seal_mac": seal.mac,
            "kdf": {"m": seal.kdf.m, "t": seal.kdf.t, "p": seal.kdf.p},
            "login": hashlib.sha256(seal.login_secret.encode()).hexdigest(),
        }
        context = changes.pop("context", CONTEXT)
        note = json.loads(sign_note(self.key, context, body | changes))
        return ResetProof(note["note"], note["signature"], nonce)


ADA = Person()
BOB = Person(email="bob@example.org", account="b" * 32, password="battery staple")
HOME = Origin(address="192.0.2.1", label="laptop")


@dataclass
class House:
    """A server's accounts over a store, with a clock that the test moves."""

    documents: DocumentStore
    clock: Clock
    secrets: ServerSecrets
    identity: Identity

    async def sign_up(self, person: Person = ADA, origin: Origin = HOME) -> Started:
        return await self.identity.registration.sign_up(person.new_account(), origin)

    async def sign_in(
        self, person: Person = ADA, password: str | None = None, origin: Origin = HOME
    ) -> Started:
        secret = login_secret(person.password if password is None else password)
        return await self.identity.sign_in.start(person.email, secret, origin)


def make_house(
    documents: DocumentStore,
    clock: Clock,
    policy: IdentityPolicy | None = None,
    *,
    secret: bytes = b"\x07" * 32,
) -> House:
    server_secrets = ServerSecrets(secret)
    policy = policy or IdentityPolicy(origins=(ORIGIN,))
    identity = build_identity(documents, server_secrets, clock, policy)
    return House(documents, clock, server_secrets, identity)
