"""A forgotten password: a new one by kit file and code, the server alive (docs/spec/09)."""

from __future__ import annotations

import asyncio
import json
from dataclasses import replace
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from hygieia.client import answers
from hygieia.client.passwords import check_new_password
from hygieia.client.session import (
    Session,
    kdf_json,
    new_profile,
    refuse_other_account,
    start_session,
)
from hygieia.client.sign_up import seal_anew
from hygieia.client.state import IndexFloor
from hygieia.errors import KeyMismatch, KitRefused
from hygieia.openpgp.kdf import DEFAULT_KDF, stretch
from hygieia.openpgp.times import format_time, now
from hygieia.vault.reset_note import Reset, login_digest, sign_reset

if TYPE_CHECKING:
    from hygieia.client.state import ProfileStore
    from hygieia.client.transport import Transport
    from hygieia.openpgp.kdf import Stretched
    from hygieia.openpgp.keys import UnlockedKey
    from hygieia.openpgp.sealing import SealedKey
    from hygieia.vault.kit import Kit

_DEFAULT_PORTS = {"http": 80, "https": 443}


async def reset_password(
    store: ProfileStore,
    transport: Transport,
    *,
    kit: Kit,
    key: UnlockedKey,
    new_password: str,
    label: str = "",
) -> Session:
    """Seal the key under a new password, proving by the key itself that it is its owner's.

    All sessions end and this device's begins. The caller renews the index's session key next.

    Args:
        store: where this device remembers the account.
        transport: to the server that has it.
        kit: the recovery kit.
        key: the key in it, as ``open_with_code`` opens it.
        new_password: the new one.
        label: what this device calls itself.

    Raises:
        InvalidInput: the password is not acceptable.
        KitRefused: the server has another account under the kit's address.
        CredentialsError: the server knows no such account, or the kit is of an older key.
    """
    refuse_other_account(store, kit.email)
    new = check_new_password(new_password, email=kit.email, name=key.certificate.name)
    stretched = await asyncio.to_thread(stretch, new, kit.email, kit.account, DEFAULT_KDF)
    sealed = await asyncio.to_thread(seal_anew, key, stretched, kit.email, kit.account)
    started = (
        await transport.call(
            "POST", "/account/reset/start", body={"email": kit.email}, repeatable=True
        )
    ).document
    if started.get("account") != kit.account:
        raise KitRefused(
            "The server knows another account under this kit's address.",
            hint="Is it the right server? The kit was made for " + kit.server,
        )
    nonce = answers.text(started, "nonce")
    body = _proof(transport.server, kit, key, sealed, stretched, nonce)
    answer = (
        await transport.call("POST", "/account/reset", body={**body, "label": label})
    ).document
    return _adopt(store, transport, kit, key, sealed, stretched, answer)


def _proof(
    server: str, kit: Kit, key: UnlockedKey, sealed: SealedKey, stretched: Stretched, nonce: str
) -> dict[str, Any]:
    reset = Reset(
        origin=origin_of(server),
        account=kit.account,
        nonce=nonce,
        seal_mac=sealed.mac,
        kdf=sealed.params,
        login=login_digest(stretched.login_secret),
        created=format_time(now()),
    )
    note = json.loads(sign_reset(key, reset))
    return {
        "email": kit.email,
        "note": note["note"],
        "signature": note["signature"],
        "nonce": nonce,
        "kdf": kdf_json(sealed.params),
        "seal_certificate": sealed.certificate,
        "sealed_key": sealed.armored,
        "seal_mac": sealed.mac,
        "login_secret": stretched.login_secret,
    }


def _adopt(
    store: ProfileStore,
    transport: Transport,
    kit: Kit,
    key: UnlockedKey,
    sealed: SealedKey,
    stretched: Stretched,
    answer: dict[str, Any],
) -> Session:
    document = answers.part(answer, "account")
    if document.get("account") != kit.account:
        raise KeyMismatch("The server answered with another account.")
    name = answers.text(document, "name")
    profile = new_profile(transport.server, kit.email, name, kit.account, key, sealed)
    floor = IndexFloor(kit.sequence, kit.index_cid)
    profile = replace(profile, ipns_name=kit.ipns_name, index_floor=floor)
    return start_session(store, transport, profile, key, stretched, answer)


def origin_of(server: str) -> str:
    """``scheme://host[:port]`` as the reset note has it: lower case, no default port."""
    parts = urlsplit(server.lower())
    host = f"[{parts.hostname}]" if ":" in (parts.hostname or "") else parts.hostname
    default = parts.port is None or parts.port == _DEFAULT_PORTS[parts.scheme]
    return f"{parts.scheme}://{host}" + ("" if default else f":{parts.port}")
