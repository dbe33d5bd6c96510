"""The recovery kit: ``hygieia-kit.json`` and what the printed page says (docs/spec/14-recovery-kit.md).

The file opens the vault with the password, or with the recovery code; neither file nor code opens
anything alone. What a MAC in it cannot cover without the other secret is compared with the signed
``digests`` as soon as the index is open (``check_against``).
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from hygieia.errors import (
    CertificateRefused,
    HygieiaError,
    InvalidInput,
    KdfRefused,
    KitRefused,
    SealedKeyRefused,
)
from hygieia.ipld.ipns import public_key_of
from hygieia.limits import (
    MAX_CERTIFICATE_BYTES,
    MAX_GATEWAYS,
    MAX_KIT_BYTES,
    MAX_SEALED_KEY_BYTES,
    MAX_URL_BYTES,
)
from hygieia.openpgp.certificates import Certificate
from hygieia.openpgp.kdf import Stretched, salt_for, stretch
from hygieia.openpgp.parameters import KdfParams, check_account_id, normalise_email
from hygieia.openpgp.sealing import RecoverySeal, SealedKey, unseal_key, unseal_with_code
from hygieia.openpgp.strict_json import loads_object
from hygieia.vault import words
from hygieia.vault.fields import Fields, unknown
from hygieia.vault.index.keys import KeysFile, digest_of
from hygieia.vault.index.note import Floor
from hygieia.vault.report_meta import is_cid, is_sha256

if TYPE_CHECKING:
    from hygieia.openpgp.keys import UnlockedKey

KIT_FORMAT: Final = 1
KIT_FILE_NAME: Final = "hygieia-kit.json"
DIGESTED_PARTS: Final = ("recovery_key", "recovery_mac", "revocation")


@dataclass(frozen=True, slots=True)
class Kit:
    """Every field of the file; nothing in it is secret in clear.

    ``index_cid`` and ``sequence`` are the index when the kit was written: recovery falls back to
    it and accepts none below it. ``gateways`` and ``server`` are addresses, believed by nobody.
    """

    email: str
    account: str
    kdf: KdfParams
    certificate: str = field(repr=False)
    sealed_key: str = field(repr=False)
    seal_mac: str = field(repr=False)
    recovery_key: str = field(repr=False)
    recovery_mac: str = field(repr=False)
    revocation: str = field(repr=False)
    ipns_name: str
    index_cid: str
    sequence: int
    gateways: tuple[str, ...]
    server: str
    created: str
    extra: Mapping[str, Any] = field(default_factory=dict)

    @property
    def salt(self) -> str:
        """The salt of the password's stretching, which email and account determine."""
        return salt_for(self.email, self.account)

    @property
    def floor(self) -> Floor:
        """The lowest index that a recovery with this kit accepts."""
        return Floor(self.sequence, self.index_cid)

    @property
    def recovery_parts(self) -> dict[str, str]:
        """The parts whose digests the index holds, by name."""
        return {name: getattr(self, name) for name in DIGESTED_PARTS}

    def to_bytes(self) -> bytes:
        """The file, indented for people."""
        body = {
            "format": KIT_FORMAT,
            "email": self.email,
            "account": self.account,
            "salt": self.salt,
            "kdf": {"m": self.kdf.m, "t": self.kdf.t, "p": self.kdf.p},
            "certificate": self.certificate,
            "sealed_key": self.sealed_key,
            "seal_mac": self.seal_mac,
            **self.recovery_parts,
            "ipns_name": self.ipns_name,
            "index_cid": self.index_cid,
            "sequence": self.sequence,
            "gateways": list(self.gateways),
            "server": self.server,
            "created": self.created,
        }
        return json.dumps(body | dict(self.extra), indent=1, ensure_ascii=False).encode() + b"\n"

    @classmethod
    def from_bytes(cls, data: bytes) -> Kit:
        """Read a kit, every field checked as far as it can be without a secret.

        Raises ``KitRefused``: cut short, not a kit, a newer format, a salt that is not this
        account's, stretching outside the accepted bounds.
        """
        try:
            body = loads_object(data, max_bytes=MAX_KIT_BYTES)
        except InvalidInput as error:
            raise KitRefused("The file is not a recovery kit, or it is cut short.") from error
        fields = Fields(body, KitRefused, "The recovery kit")
        if fields.integer("format", 1) != KIT_FORMAT:
            raise KitRefused(
                "The recovery kit was written by a newer version.", hint="Update this program."
            )
        kit = _read(fields, body)
        if fields.text("salt") != kit.salt:
            raise KitRefused("The recovery kit was changed: its salt is not this account's.")
        return kit


_KNOWN: Final = frozenset(
    {
        *("format", "email", "account", "salt", "kdf", "certificate", "sealed_key", "seal_mac"),
        *(*DIGESTED_PARTS, "ipns_name", "index_cid", "sequence", "gateways", "server", "created"),
    }
)


def open_with_password(kit: Kit, password: str) -> tuple[UnlockedKey, Stretched]:
    """The key, under the password. Blocks for some 150 ms and 64 MiB: call it in a thread.

    Raises ``SealedKeyRefused`` for a wrong password or a changed kit: the MAC cannot tell which.
    """
    stretched = stretch(password, kit.email, kit.account, kit.kdf)
    sealed = SealedKey(kit.certificate, kit.sealed_key, kit.seal_mac, kit.kdf)
    try:
        key = unseal_key(sealed, stretched, email=kit.email, account=kit.account)
    except SealedKeyRefused as error:
        raise SealedKeyRefused("The password is wrong, or the recovery kit was changed.") from error
    return key, stretched


def open_with_code(kit: Kit, code: str) -> UnlockedKey:
    """The key, under the recovery code.

    Raises ``InvalidInput`` for a mistyped code (it names the group), ``SealedKeyRefused`` for
    another code or a changed kit, ``KeyMismatch`` for a certificate of another key.
    """
    try:
        certificate = Certificate.parse(kit.certificate)
    except CertificateRefused as error:
        raise KitRefused("The recovery kit's certificate is not valid.") from error
    return unseal_with_code(RecoverySeal(kit.recovery_key, kit.recovery_mac), code, certificate)


def check_against(kit: Kit, keys: KeysFile, owner: Certificate) -> None:
    """Hold a kit against the open index: its recovery parts, and the IPNS name.

    Raises ``KitRefused`` naming the part that was changed. A part whose digest the index does not
    hold (a new code was made, this kit is older) is refused too: the kit would be a dead one.
    """
    for name, text in kit.recovery_parts.items():
        if keys.digests.get(name) != digest_of(text):
            raise KitRefused(
                f"The recovery kit's {name} is not the one that the vault's index names.",
                hint="If a newer kit was made since, use that one.",
            )
    if keys.ipns_key(owner).name != kit.ipns_name:
        raise KitRefused("The recovery kit names another vault than the one its key opens.")


def _read(fields: Fields, body: Mapping[str, Any]) -> Kit:
    kdf = Fields(fields.object("kdf"), KitRefused, "The recovery kit")
    params = KdfParams(kdf.integer("m", 1), kdf.integer("t", 1), kdf.integer("p", 1))
    try:
        params.check()
    except KdfRefused as error:
        raise KitRefused(
            "The recovery kit was changed: its protection of the password is out of bounds."
        ) from error
    return Kit(
        email=fields.text("email", lambda text: _accepts(text, normalise_email)),
        account=fields.text("account", lambda text: _accepts(text, check_account_id)),
        kdf=params,
        certificate=fields.text("certificate", _fits(MAX_CERTIFICATE_BYTES)),
        sealed_key=fields.text("sealed_key", _fits(MAX_SEALED_KEY_BYTES)),
        seal_mac=fields.text("seal_mac", is_sha256),
        recovery_key=fields.text("recovery_key", _fits(MAX_SEALED_KEY_BYTES)),
        recovery_mac=fields.text("recovery_mac", is_sha256),
        revocation=fields.text("revocation", _fits(MAX_SEALED_KEY_BYTES)),
        ipns_name=fields.text("ipns_name", _is_ipns_name),
        index_cid=fields.text("index_cid", is_cid),
        sequence=fields.integer("sequence", 1),
        gateways=_read_gateways(fields),
        server=fields.text("server", is_url),
        created=fields.text("created", words.is_time),
        extra=unknown(body, _KNOWN),
    )


def _read_gateways(fields: Fields) -> tuple[str, ...]:
    gateways = fields.list("gateways", MAX_GATEWAYS)
    if not all(isinstance(each, str) and is_url(each) for each in gateways):
        raise fields.refused("gateways")
    return tuple(gateways)


def is_url(text: str) -> bool:
    """Whether ``text`` is an http or https address without anything odd in it."""
    return (
        text.startswith(("https://", "http://"))
        and len(text.encode()) <= MAX_URL_BYTES
        and text.isprintable()
        and not any(character in text for character in " \"'<>\\^`{|}")
    )


def _accepts(text: str, rule: Any) -> bool:  # noqa: ANN401 - any rule that returns its input
    try:
        return bool(rule(text) == text)
    except HygieiaError:
        return False


def _fits(limit_bytes: int) -> Any:  # noqa: ANN401 - a predicate
    return lambda text: 0 < len(text.encode()) <= limit_bytes


def _is_ipns_name(text: str) -> bool:
    try:
        public_key_of(text)
    except InvalidInput:
        return False
    return True
