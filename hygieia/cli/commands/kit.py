"""``hygieia kit``: write the recovery kit, and prove that one opens."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from hygieia.cli.options import ANY_PATH, GlobalOptions, LazyGroup, pass_invocation

if TYPE_CHECKING:
    from hygieia.cli.invocation import Invocation


@click.group("kit", cls=LazyGroup, invoke_without_command=True)
@click.option(
    "--out",
    "folder",
    type=click.Path(file_okay=False, path_type=Path),
    default=".",
    help="Where the kit goes; this folder if not said otherwise.",
)
@click.option("--file-only", is_flag=True, help="Write the file afresh under the code you have.")
@pass_invocation
def kit(invocation: Invocation, folder: Path, file_only: bool) -> None:
    """Write a new recovery kit: a file, and apart from it a page with a new code.

    With --file-only the code you have stays good and only the file is written. To prove that a kit
    opens: hygieia kit test KIT --gateway URL
    """
    if click.get_current_context().invoked_subcommand is not None:
        return
    from hygieia.cli.kits import check_kit_folder, say_kit, write_kit
    from hygieia.cli.sessions import opened_vault, run

    check_kit_folder(folder, page=not file_only)

    async def work() -> dict[str, Any]:
        async with opened_vault(invocation) as vault:
            code: str | None = None
            if file_only:
                made = await vault.fresh_kit_file()
            else:
                email = vault.session.profile.email
                password = invocation.password(f"Password of {email}")
                made, code = await vault.new_kit(password=password)
            written = write_kit(folder, made, code)
            say_kit(invocation, written)
            return dict(written.to_json())

    document = run(work())
    invocation.result(document, lambda: str(document["kit"]))


@kit.command("test", cls=GlobalOptions, short_help="Prove that a kit opens the vault.")
@click.argument("file", metavar="KIT", type=click.Path(path_type=Path))
@click.option("--gateway", "gateways", multiple=True, metavar="URL", help="Where to look.")
@click.option(
    "--code-file",
    type=ANY_PATH,
    metavar="FILE",
    help="Test with the code in FILE, not the password.",
)
@pass_invocation
def test(
    invocation: Invocation, file: Path, gateways: tuple[str, ...], code_file: str | None
) -> None:
    """Prove on the spot that KIT opens the vault, from gateways alone.

    Nothing is written; the newest index is read and one report is opened.
    """
    from hygieia.cli.recoveries import read_kit, secret_for
    from hygieia.cli.sessions import run
    from hygieia.cli.text import counted
    from hygieia.recovery import prove

    made = read_kit(file)
    secret = secret_for(invocation, made, code_file)
    proof = run(prove(made, secret, gateways or made.gateways))
    document = {
        "opens": True,
        "sequence": proof.sequence,
        "reports": proof.reports,
        "warnings": list(proof.warnings),
    }
    for warning in proof.warnings:
        invocation.warn(warning)
    invocation.result(
        document,
        f"This kit opens the vault: {counted(proof.reports, 'report')}, index {proof.sequence}.",
    )
