"""A vault as its owner uses it: account, index and kit brought together."""

from __future__ import annotations

import contextlib
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Final

from hygieia.blocks.gateway import GatewayReader
from hygieia.client import account
from hygieia.client.index_repair import repair
from hygieia.client.index_sync import IndexSync
from hygieia.client.session import Session
from hygieia.client.sign_up import Recovery, SignedUp, sign_up
from hygieia.errors import NotFound
from hygieia.limits import MAX_GATEWAYS
from hygieia.openpgp.kdf import KdfParams
from hygieia.openpgp.sealing import RecoverySeal
from hygieia.openpgp.times import format_time, now
from hygieia.vault.ipns import IpnsKey
from hygieia.vault.kit import Kit

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Sequence

    from hygieia.client.state import ProfileStore
    from hygieia.client.transport import Transport

_FIRST_INDEX: Final = "first index 1"


@dataclass(frozen=True, slots=True)
class NewAccount:
    """A new account: its session, its kit, and the code that goes on paper."""

    session: Session
    kit: Kit = field(repr=False)
    code: str = field(repr=False)


async def create_account(
    store: ProfileStore,
    transport: Transport,
    *,
    email: str,
    name: str,
    password: str,
    invite: str | None = None,
    label: str = "",
) -> NewAccount:
    """Sign up, store the first vault index, and make the recovery kit."""
    made = await sign_up(
        store,
        transport,
        email=email,
        name=name,
        password=password,
        invite=invite,
        label=label,
    )
    _keep_for_first_index(made)
    async with reader_of(made.session) as reader:
        index = await _first_index(made.session, reader)
        kit = await _kit(made.session, index, made.recovery)
    return NewAccount(made.session, kit, made.recovery.code)


@contextlib.asynccontextmanager
async def reader_of(session: Session, gateways: Sequence[str] = ()) -> AsyncIterator[GatewayReader]:
    """A verifying reader: from the gateways given, or else from the session's own server."""
    async with GatewayReader(tuple(gateways) or (session.profile.server,)) as reader:
        yield reader


@contextlib.asynccontextmanager
async def open_vault(
    session: Session, gateways: Sequence[str] = ()
) -> AsyncIterator[tuple[IndexSync, GatewayReader]]:
    """The vault's index, verified, brought up to date, and never below what was seen before.

    Raises:
        Rollback, Fork: the server offers an older or another index.
    """
    async with reader_of(session, gateways) as reader:
        try:
            index = await IndexSync.open(session, reader)
        except NotFound:
            index = await _first_index(session, reader)
        await repair(index)
        yield index, reader


async def change_password(session: Session, *, current: str, new: str) -> None:
    """Change the password and give the index a new session key (FORMATS §7)."""
    await account.change_password(session, current=current, new=new)
    async with open_vault(session) as (index, _):
        await index.rotate()


async def new_kit(session: Session, *, password: str) -> tuple[Kit, str]:
    """A new recovery code and the kit that goes with it; earlier codes open no newer kit."""
    recovery = await account.renew_recovery(session, password=password)
    async with open_vault(session) as (index, _):
        await index.set_recovery_parts(recovery.to_json())
        return await _kit(session, index, recovery), recovery.code


async def fresh_kit_file(session: Session) -> Kit:
    """The kit's file written afresh under the code she has.

    Raises:
        IntegrityError: the server's copy of the recovery parts is not what her index remembers.
    """
    from hygieia.vault.kit import check_against  # noqa: PLC0415

    document = (await session.transport.call("GET", "/account")).document
    seal = RecoverySeal(str(document["recovery_key"]), str(document["recovery_mac"]))
    recovery = Recovery("", seal, str(document["revocation"]))
    async with open_vault(session) as (index, _):
        kit = await _kit(session, index, recovery)
        check_against(kit, index.state.keys, session.key.certificate)
        return kit


async def _kit(session: Session, index: IndexSync, recovery: Recovery) -> Kit:
    """The kit for the current index, which the server then keeps pinned."""
    profile, server = session.profile, await _server_facts(session.transport)
    gateways = [str(url) for url in server.get("gateways") or []][: MAX_GATEWAYS - 1]
    root, sequence = str(index.state.root), index.state.sequence
    kept = await session.transport.call("PUT", "/index/kit", body={"root": root})
    index.rev = int(kept.document["rev"])
    return Kit(
        email=profile.email,
        account=profile.account,
        kdf=KdfParams(**profile.kdf),
        certificate=profile.seal_certificate,
        sealed_key=profile.sealed_key,
        seal_mac=profile.seal_mac,
        recovery_key=recovery.seal.armored,
        recovery_mac=recovery.seal.mac,
        revocation=recovery.revocation,
        ipns_name=profile.ipns_name,
        index_cid=root,
        sequence=sequence,
        gateways=tuple(dict.fromkeys([*gateways, profile.server])),
        server=profile.server,
        created=format_time(now()),
    )


async def _server_facts(transport: Transport) -> dict[str, Any]:
    return (await transport.call("GET", "/server")).document


# -- the first index ---------------------------------------------------------------------------


def _keep_for_first_index(made: SignedUp) -> None:
    """Keep the index's naming key on this device until the first index holds it."""
    session = made.session
    kept = {
        "ipns_key": made.ipns_key.private_bytes_raw().hex(),
        "recovery": made.recovery.to_json(),
    }
    sealed = session.unlocked.state_key.seal(_FIRST_INDEX, kept)
    session.remember(replace(session.profile, sealed_first_index=sealed))


async def _first_index(session: Session, reader: GatewayReader) -> IndexSync:
    """Store the account's first index; also after a crash between sign-up and this."""
    sealed = session.profile.sealed_first_index
    if sealed is None:
        raise NotFound(
            "This account's vault has no index yet.",
            hint="Run any command on the device where you signed up; it stores the first one.",
        )
    kept = session.unlocked.state_key.open(_FIRST_INDEX, sealed)
    ipns_key = IpnsKey(bytes.fromhex(kept["ipns_key"]))
    index = await IndexSync.create(session, reader, ipns_key, kept["recovery"])
    profile = session.store.load() or session.profile
    session.remember(replace(profile, sealed_first_index=None))
    return index
