"""``hygieia admin``: look after a server, on its own machine, beside the running server or not."""

from __future__ import annotations

import contextlib
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

import click

from hygieia.cli.options import GlobalOptions, LazyGroup, pass_invocation
from hygieia.errors import IntegrityError, UsageError

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator

    from hygieia.cli.invocation import Invocation
    from hygieia.config import Settings
    from hygieia.domain.soundness import Soundness
    from hygieia.server.services import Services

_ACCOUNTS_AT_ONCE = 500

PATH = click.Path(path_type=Path)

data_option = click.option(
    "--data",
    type=click.Path(file_okay=False, path_type=Path),
    help="The server's data folder; else the settings name it.",
)


LATER = {
    "backup": (
        "hygieia.cli.commands.backup",
        "backup",
        "Copy an embedded vault while it is used.",
    ),
    "migrate": (
        "hygieia.cli.commands.migrate",
        "migrate",
        "Move documents or blocks to another store.",
    ),
    "rebuild": (
        "hygieia.cli.commands.rebuild",
        "rebuild",
        "Make a lost catalogue of blocks anew.",
    ),
    "verify": (
        "hygieia.cli.commands.verify",
        "verify",
        "Verify all copies and mend what is short.",
    ),
}


@click.group("admin", cls=LazyGroup, lazy=LATER)
def admin() -> None:
    """Look after a server, on its own machine, with its own settings."""


def _describe(checked: Soundness) -> dict[str, Any]:
    return {
        "reports": checked.reports,
        "indexes": checked.indexes,
        "blocks": checked.blocks,
        "damaged": [
            {
                "kind": one.kind,
                "subject": one.subject,
                "root": one.root,
                "code": one.code,
                "missing": list(one.missing),
            }
            for one in checked.damaged
        ],
    }


@admin.command("check", cls=GlobalOptions, short_help="Check every report's blocks.")
@data_option
@pass_invocation
def check(invocation: Invocation, data: Path | None) -> None:
    """Check that every report's and index's blocks are there and whole; exit 6 if not."""
    from hygieia.cli.progress import progress
    from hygieia.cli.sessions import run
    from hygieia.cli.text import counted
    from hygieia.domain.soundness import Checker

    async def work() -> Soundness:
        async with opened_services(data) as services:
            with progress(invocation, "Checking", unit="items") as show:
                return await Checker(services.stores, lambda done: show(done, None, "")).check()

    checked = run(work())
    document = _describe(checked)
    lines = [f"{one.kind} {one.subject}: {one.code}" for one in checked.damaged]
    found = (
        f"{counted(checked.reports, 'report')} and {counted(checked.indexes, 'index', 'indexes')}"
    )
    whole = f"{found}, {counted(checked.blocks, 'block')}"

    def human() -> str:
        return "\n".join([*lines, whole])

    if not checked.damaged:
        invocation.result(document, human)
        return
    error = IntegrityError(
        f"{len(checked.damaged)} of them are not whole.",
        hint="Bring the missing blocks back from a copy: hygieia admin blocks import FILE.car",
    )
    invocation.incomplete(document, human, error)


@admin.command("gc", cls=GlobalOptions, short_help="Clean up what nothing keeps.")
@data_option
@pass_invocation
def gc(invocation: Invocation, data: Path | None) -> None:
    """Do what is due: end old uploads, empty the trash, remove blocks that nothing keeps."""
    from hygieia.cli.sessions import run
    from hygieia.cli.text import size

    async def work() -> dict[str, int]:
        async with opened_services(data) as services:
            swept = await services.sweeper.sweep()
            return {
                "jobs": swept.jobs,
                "expired": swept.expired,
                "blocks": swept.blocks,
                "size_bytes": swept.size_bytes,
            }

    document = run(work())
    invocation.result(
        document,
        f"Removed {document['blocks']} blocks ({size(document['size_bytes'])}) "
        f"and {document['expired']} expired entries; did {document['jobs']} jobs.",
    )


@admin.group("blocks", cls=LazyGroup, short_help="The block store.")
def blocks() -> None:
    """The block store."""


@blocks.command("import", cls=GlobalOptions)
@click.argument("files", nargs=-1, required=True, metavar="FILE.car…", type=PATH)
@data_option
@pass_invocation
def import_blocks(invocation: Invocation, files: tuple[Path, ...], data: Path | None) -> None:
    """Take any CAR's blocks into the block store and pin its roots."""
    from hygieia.blocks.loading import import_car
    from hygieia.cli.sessions import run
    from hygieia.server.blocks_home import require_writable

    async def work() -> dict[str, Any]:
        total: dict[str, Any] = {"blocks": 0, "roots": [], "absent_roots": []}
        async with opened_services(data, make=True) as services:
            await require_writable(services)
            for file in files:
                with _opened(file) as source:
                    imported = await import_car(services.stores.blocks, source)
                total["blocks"] += imported.blocks
                total["roots"] += [str(root) for root in imported.roots]
                total["absent_roots"] += [str(root) for root in imported.absent_roots]
        return total

    document = run(work())
    invocation.result(
        document, f"{document['blocks']} blocks, {len(document['roots'])} roots pinned."
    )


@admin.group("ipns", cls=LazyGroup, short_help="IPNS records.")
def ipns() -> None:
    """IPNS records that the gateway serves."""


@ipns.command("put", cls=GlobalOptions)
@click.argument("name")
@click.argument("file", type=PATH)
@data_option
@pass_invocation
def put_record(invocation: Invocation, name: str, file: Path, data: Path | None) -> None:
    """Serve the signed record in FILE under NAME."""
    from hygieia.blocks.loading import put_ipns_record
    from hygieia.cli.sessions import run
    from hygieia.limits import MAX_IPNS_RECORD_BYTES
    from hygieia.server.blocks_home import require_writable

    with _opened(file) as source:
        record = source.read(MAX_IPNS_RECORD_BYTES + 1)

    async def work() -> dict[str, Any]:
        async with opened_services(data, make=True) as services:
            await require_writable(services)
            put = await put_ipns_record(services.stores.blocks, name, record)
            return {"name": name, "value": put.value, "sequence": put.sequence}

    document = run(work())
    invocation.result(document, f"{name} names {document['value']}.")


@admin.group("accounts", cls=LazyGroup, invoke_without_command=True, short_help="Accounts.")
@data_option
@pass_invocation
def accounts(invocation: Invocation, data: Path | None) -> None:
    """List the accounts; or invite someone, or free a sign-in after a lost key."""
    if click.get_current_context().invoked_subcommand is not None:
        return
    from hygieia.cli.sessions import run
    from hygieia.cli.text import size, table

    async def work() -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = []
        async with opened_services(data) as services:
            after: str | None = None
            while True:
                page, after = await services.identity.accounts.list(
                    after=after, limit=_ACCOUNTS_AT_ONCE
                )
                for account in page:
                    used = (await services.stores.quotas.usage(account.id)).used_bytes
                    found.append({"account": account.id, "email": account.email, "used": used})
                if after is None:
                    return found

    found = run(work())
    rows = [(one["account"], one["email"], size(one["used"])) for one in found]
    invocation.result({"accounts": found}, lambda: table(("ACCOUNT", "EMAIL", "USED"), rows))


@accounts.command("invite", cls=GlobalOptions)
@data_option
@pass_invocation
def invite(invocation: Invocation, data: Path | None) -> None:
    """Make an invitation for one sign-up."""
    from hygieia.cli.sessions import run

    async def work() -> str:
        async with opened_services(data, make=True) as services:
            return await services.identity.invitations.make()

    code = run(work())
    invocation.message("For one sign-up: hygieia signup EMAIL --invite CODE")
    invocation.result({"invite": code}, code)


@accounts.command("reset", cls=GlobalOptions)
@click.argument("email")
@data_option
@pass_invocation
def reset(invocation: Invocation, email: str, data: Path | None) -> None:
    """Free the sign-in of someone who lost her key; what was never shared stays lost to her.

    For a forgotten password with kit and code at hand she needs no operator: reset-password.
    """
    from hygieia.cli.sessions import run

    async def work() -> str:
        async with opened_services(data) as services:
            return await services.identity.accounts.vacate(email, services.indexes.forget)

    code = run(work())
    invocation.message("She signs up anew with: hygieia signup EMAIL --invite CODE")
    invocation.result({"invite": code}, code)


@contextlib.asynccontextmanager
async def opened_services(data: Path | None, *, make: bool = False) -> AsyncIterator[Services]:
    """The server's parts, without the server. Other processes may use the same data.

    Only with ``make`` is a vault made where there is none. Raises ``ConfigError``.
    """
    import asyncio

    from hygieia.config import load_settings
    from hygieia.server.blocks_home import require_blocks_here
    from hygieia.server.services import build_services

    settings = load_settings(overrides={"data_dir": data})
    if not make:
        _require_vault(settings)
    services = await asyncio.to_thread(build_services, settings)
    await require_blocks_here(services)
    try:
        yield services
    finally:
        await services.close()


def _require_vault(settings: Settings) -> None:
    """A slip in a folder's name makes no empty vault that is then found sound."""
    from hygieia.errors import ConfigError
    from hygieia.server.storage import documents_file

    file = documents_file(settings)
    if file is not None and not file.exists():
        raise ConfigError(
            f"There is no vault in {str(file.parent)!r}: {file.name} is missing.",
            hint="Name the server's data folder: --data FOLDER",
        )


@contextlib.contextmanager
def _opened(file: Path) -> Iterator[BinaryIO]:
    try:
        with file.open("rb") as source:
            yield source
    except OSError as error:
        reason = error.strerror or "unknown reason"
        raise UsageError(f"The file {str(file)!r} cannot be read: {reason}.") from None
