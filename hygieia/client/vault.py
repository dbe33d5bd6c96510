"""A vault as its owner uses it: account, index and kit brought together."""

from __future__ import annotations

import contextlib
from dataclasses import dataclass, field, replace
from functools import partial
from typing import TYPE_CHECKING, Any

from hygieia.blocks.gateway import GatewayReader
from hygieia.client import account, answers
from hygieia.client.index_repair import repair
from hygieia.client.index_sync import IndexSync
from hygieia.client.session import Session
from hygieia.client.sign_in import sign_in
from hygieia.client.sign_up import FirstIndex, Recovery, sign_up
from hygieia.client.welcome import remember_stored, welcome
from hygieia.errors import CredentialsError, HygieiaError, KdfRefused, KeyMismatch, NotFound
from hygieia.limits import MAX_GATEWAYS
from hygieia.openpgp.kdf import KdfParams, normalise_email
from hygieia.openpgp.sealing import RecoverySeal
from hygieia.openpgp.times import format_time, now
from hygieia.vault.kit import Kit, check_against

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Sequence

    from hygieia.client.state import ProfileStore
    from hygieia.client.transport import Transport


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
    """Sign up, store the first vault index, and make the recovery kit.

    An earlier attempt on this device whose answer was lost is taken up where it ended.
    """
    session = await _earlier_attempt(store, transport, email, password, label)
    if session is not None:
        async with open_vault(session) as (index, _):
            kit, code = await new_kit(session, password=password, index=index)
        return NewAccount(session, kit, code)
    made = await sign_up(
        store,
        transport,
        email=email,
        name=name,
        password=password,
        invite=invite,
        label=label,
    )
    async with reader_of(made.session) as reader:
        index = await _first_index(made.session, reader)
        kit = await _kit(made.session, index, made.recovery)
    return NewAccount(made.session, kit, made.recovery.code)


async def _earlier_attempt(
    store: ProfileStore, transport: Transport, email: str, password: str, label: str
) -> Session | None:
    """Sign in to the account that an unanswered sign-up may have made after all."""
    profile = store.load()
    if profile is None or profile.signed_in or profile.sealed_first_index is None:
        return None
    if (profile.email, profile.server) != (normalise_email(email), transport.server):
        return None
    try:
        return await sign_in(store, transport, email=email, password=password, label=label)
    except (CredentialsError, KdfRefused):
        # It was not made: the server knows no such account, or answers with a made-up one.
        return None


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

    With gateways given, index and blocks come from these only; the server may be gone.

    Raises:
        Rollback, Fork: the server offers an older or another index.
    """
    async with reader_of(session, gateways) as reader:
        index = await _opened(session, reader, by_name=bool(gateways))
        if index.ipns_key.name != session.profile.ipns_name:
            raise KeyMismatch("The server names another vault index than this key's.")
        if not gateways:
            repaired = await repair(index, partial(remember_stored, session, index))
            await welcome(session, index, reader, repaired.entered)
        yield index, reader


async def _opened(session: Session, reader: GatewayReader, *, by_name: bool) -> IndexSync:
    if by_name:
        return await IndexSync.open_by_name(session, reader)
    try:
        return await IndexSync.open(session, reader)
    except NotFound:
        return await _first_index(session, reader)


async def change_password(session: Session, *, current: str, new: str, index: IndexSync) -> None:
    """Change the password and give the index a new session key (docs/spec/13).

    Where the second fails, what is raised says in its hint that the first is done.
    """
    await account.change_password(session, current=current, new=new)
    try:
        await index.rotate()
    except HygieiaError as error:
        error.hint = (
            "The password is changed all the same; only your list of reports may have its old key. To "
            "give it a new one, change the password once more: hygieia passwd"
        )
        raise


async def new_kit(session: Session, *, password: str, index: IndexSync) -> tuple[Kit, str]:
    """A new recovery code and the kit that goes with it; earlier codes open no newer kit."""
    recovery = await account.renew_recovery(session, password=password)
    await index.set_recovery_parts(recovery.to_json())
    return await _kit(session, index, recovery), recovery.code


async def fresh_kit_file(session: Session, *, index: IndexSync) -> Kit:
    """The kit's file written afresh under the code she has.

    Raises:
        IntegrityError: the server's copy of the recovery parts is not what her index remembers.
    """
    document = (await session.transport.call("GET", "/account")).document
    seal = RecoverySeal(
        answers.text(document, "recovery_key"), answers.text(document, "recovery_mac")
    )
    recovery = Recovery("", seal, answers.text(document, "revocation"))
    kit = await _kit(session, index, recovery)
    check_against(kit, index.state.keys, session.key.certificate)
    return kit


async def _kit(session: Session, index: IndexSync, recovery: Recovery) -> Kit:
    """The kit for the current index, which the server then keeps pinned."""
    profile, server = session.profile, await _server_facts(session.transport)
    gateways = [str(url) for url in server.get("gateways") or []][: MAX_GATEWAYS - 1]
    root, sequence = str(index.state.root), index.state.sequence
    kept = await session.transport.call("PUT", "/index/kit", body={"root": root})
    index.rev = answers.number(kept.document, "rev")
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
        ipns_name=index.ipns_key.name,
        index_cid=root,
        sequence=sequence,
        gateways=tuple(dict.fromkeys([*gateways, profile.server])),
        server=profile.server,
        created=format_time(now()),
    )


async def _server_facts(transport: Transport) -> dict[str, Any]:
    return (await transport.call("GET", "/server")).document


# -- the first index ---------------------------------------------------------------------------


async def _first_index(session: Session, reader: GatewayReader) -> IndexSync:
    """Store the account's first index; also after a crash between sign-up and this."""
    first = FirstIndex.kept_by(session)
    if first is None:
        raise NotFound(
            "This account's vault has no index yet.",
            hint="Run any command on the device where you signed up; it stores the first one.",
        )
    index = await IndexSync.create(session, reader, first.ipns_key, first.recovery_parts)
    profile = session.store.load() or session.profile
    session.remember(replace(profile, sealed_first_index=None))
    return index
