"""``recover`` (no server) and ``reset-password`` (with the server)."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from hygieia.cli.options import ANY_PATH, command
from hygieia.errors import Failed, HygieiaError, IntegrityError, InvalidInput, UsageError

if TYPE_CHECKING:
    from hygieia.cli.invocation import Invocation
    from hygieia.openpgp.keys import UnlockedKey
    from hygieia.recovery import RecoveryResult
    from hygieia.vault.kit import Kit


@command("recover")
@click.argument("kit", metavar="KIT", type=click.Path(path_type=Path))
@click.option(
    "--gateway",
    "gateways",
    multiple=True,
    metavar="URL",
    help="Where to look; repeat.",
)
@click.option("--out", type=click.Path(file_okay=False, path_type=Path), help="Where files go.")
@click.option(
    "--code-file",
    type=ANY_PATH,
    metavar="FILE",
    help="Open with the code in FILE, not the password.",
)
@click.option("--list", "only_list", is_flag=True, help="Only list what is there.")
def recover(
    invocation: Invocation,
    kit: Path,
    gateways: tuple[str, ...],
    out: Path | None,
    code_file: str | None,
    only_list: bool,
) -> None:
    """Restore a whole vault from its KIT and any IPFS gateways; no server is needed.

    Run it again to go on after an interruption: what is restored already is not fetched again.
    """
    from hygieia.cli.recoveries import read_kit, recovery_progress, secret_for
    from hygieia.cli.sessions import run
    from hygieia.recovery import recover as recover_vault

    if out is None and not only_list:
        raise click.UsageError("Say where the files go with --out DIR, or --list to only look.")
    made = read_kit(kit)
    if not gateways:
        known = " ".join(f"--gateway {url}" for url in made.gateways)
        raise UsageError(
            "Name at least one gateway with --gateway URL.",
            hint=f"When the kit was made there were: {known}" if known else None,
        )
    secret = secret_for(invocation, made, code_file)

    async def work() -> RecoveryResult:
        with recovery_progress(invocation) as report:
            folder = None if only_list else out
            return await recover_vault(made, secret, gateways, folder, progress=report)

    result = run(work())
    for warning in result.warnings:
        invocation.warn(warning)
    folder = None if only_list else out
    if result.complete:
        invocation.result(_document(result), lambda: _words(result, folder))
    else:
        invocation.incomplete(
            _document(result), lambda: _words(result, folder), _incomplete(result)
        )


def _document(result: RecoveryResult) -> dict[str, Any]:
    from hygieia.cli.reports import describe

    restored = {one.entry.id: one for one in result.restored}
    reports = []
    for entry in result.entries:
        document = describe(entry)
        if entry.id in restored:
            one = restored[entry.id]
            document |= {"sha256": one.sha256, "signature": one.verdict.value}
            document["path"] = str(one.path) if one.path is not None else None
        reports.append(document)
    return {
        "index_cid": str(result.root),
        "sequence": result.sequence,
        "created": result.created,
        "newest_by_name": result.from_record and not result.not_opened,
        "reports": reports,
        "missing": [
            {"id": one.entry.id, "title": one.entry.title, "code": one.error.code}
            for one in result.missing
        ],
        "not_opened": [
            {"index_cid": str(one.root), "sequence": one.sequence, "code": one.error.code}
            for one in result.not_opened
        ],
        "warnings": result.warnings,
    }


def _words(result: RecoveryResult, out: Path | None) -> str:
    from hygieia.cli.reports import report_table
    from hygieia.cli.text import counted, printable

    index = f"Index {result.sequence} of {result.created}"
    trashed = sum(entry.deleted is not None for entry in result.entries)
    of_trash = f", {trashed} of them in the trash" if trashed else ""
    if out is None:
        newest_first = sorted(result.entries, key=lambda entry: entry.created, reverse=True)
        kept = [entry for entry in newest_first if entry.deleted is None]
        count = counted(len(result.entries), "report")
        return f"{report_table(kept)}\n{index}: {count}{of_trash}."
    restored = counted(len(result.restored), "report")
    lines = [f"{index}: {restored} restored to {out}, each as it was signed."]
    if trashed:
        lines.append(f"  What was in the trash is in {out / 'trash'}.")
    lines += [f"  not restored: {printable(m.entry.title)}: {m.error}" for m in result.missing]
    unsure = [one for one in result.restored if one.verdict.value != "valid"]
    lines += [f"  signature {one.verdict.value}: {printable(one.entry.title)}" for one in unsure]
    return "\n".join(lines)


def _incomplete(result: RecoveryResult) -> HygieiaError:
    from hygieia.cli.text import counted

    count = counted(len(result.missing), "report")
    if any(one.altered for one in result.missing):
        return IntegrityError(f"Not restored: {count}, of which some do not verify.")
    wrong = []
    if result.not_opened:
        numbers = ", ".join(dict.fromkeys(str(one.sequence) for one in result.not_opened))
        wrong.append(f"Not opened: index number {numbers}, newer than the one that was.")
    if result.missing:
        wrong.append(f"Not restored: {count}, which no gateway given has.")
    return Failed(
        " ".join(wrong),
        hint="Name more gateways, and run it again: what is restored is kept.",
    )


def _open_with_code(invocation: Invocation, kit: Kit, code_file: str | None) -> UnlockedKey:
    """The kit's key; whoever types the code is told which group is wrong and asked again."""
    from hygieia.vault.kit import open_with_code

    if code_file is not None:
        return open_with_code(kit, invocation.secret_from_file(code_file))
    question = "Recovery code"
    while True:
        try:
            return open_with_code(kit, invocation.ask_secret(question, option="--code-file"))
        except InvalidInput as error:
            invocation.warn(str(error))
            invocation.forget_answer(question)


@command("reset-password")
@click.argument("kit", metavar="KIT", type=click.Path(path_type=Path))
@click.option(
    "--code-file", type=ANY_PATH, metavar="FILE", help="Read the recovery code from FILE."
)
@click.option(
    "--new-password-file", type=ANY_PATH, metavar="FILE", help="Read the new password from FILE."
)
def reset_password(
    invocation: Invocation, kit: Path, code_file: str | None, new_password_file: str | None
) -> None:
    """Set a new password with KIT and the recovery code. All sessions end; nothing is lost."""
    from hygieia.cli.commands.account import new_password
    from hygieia.cli.recoveries import read_kit
    from hygieia.cli.sessions import device_label, profile_store, run, warn_of_plain_http
    from hygieia.client.reset import reset_password as reset
    from hygieia.client.session import refuse_other_account
    from hygieia.client.transport import Transport
    from hygieia.client.vault import open_vault

    made = read_kit(kit)
    refuse_other_account(profile_store(invocation), made.email)
    invocation.refuse_two_from_standard_input(code_file, new_password_file)
    server = invocation.settings.server or made.server
    if not server:
        raise UsageError("The kit names no server: say --server URL.")
    warn_of_plain_http(invocation, server)
    # The code is tried before a new password is thought up for it.
    key = _open_with_code(invocation, made, code_file)
    if new_password_file is not None:
        new = invocation.secret_from_file(new_password_file)
    else:
        new = new_password(invocation, "New password", email=made.email, name="")

    async def work() -> dict[str, Any]:
        async with Transport(server) as transport:
            session = await reset(
                profile_store(invocation),
                transport,
                kit=made,
                key=key,
                new_password=new,
                label=device_label(),
            )
            async with open_vault(session) as (index, _):
                await index.rotate()
            return {"email": session.profile.email, "changed": True}

    document = run(work())
    invocation.done(document, f"The password of {document['email']} is changed.")
    invocation.message("Write the kit's file afresh now: hygieia kit --file-only --out DIR")
