"""``hygieia admin migrate``: move a vault to other stores."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from hygieia.cli.options import GlobalOptions, pass_invocation
from hygieia.errors import IntegrityError, UsageError
from hygieia.limits import MAX_URL_BYTES

if TYPE_CHECKING:
    from hygieia.cli.invocation import Invocation
    from hygieia.cli.migrations import Moved

END = "sqlite:, sqlite:PATH, mongodb://..., directory:, directory:PATH or kubo+http://..."


@click.command("migrate", cls=GlobalOptions)
@click.option("--from", "sources", metavar="STORE", multiple=True, help=f"{END}.")
@click.option(
    "--to", "targets", metavar="STORE", multiple=True, help="The same; @FILE reads it from FILE."
)
@click.option("--unlock", metavar="STORE", help="Let servers change a migration's source again.")
@click.option(
    "--data",
    type=click.Path(file_okay=False, path_type=Path),
    help="The server's data folder; else the settings name it.",
)
@pass_invocation
def migrate(
    invocation: Invocation,
    sources: tuple[str, ...],
    targets: tuple[str, ...],
    unlock: str | None,
    data: Path | None,
) -> None:
    r"""Move a vault's documents, its blocks, or both to other stores.

    \b
    hygieia admin migrate --from sqlite: --to @mongodb-address
    hygieia admin migrate --from directory: --to @kubo-address
    hygieia admin migrate --from sqlite: --from directory: --to @mongodb-address --to @kubo-address

    Everything is copied, compared, and gone on with if cut off. Meanwhile running servers read and
    refuse to change anything. Afterwards set HYGIEIA_DOCUMENTS or HYGIEIA_BLOCKS to the new store
    and restart them. Where only blocks move, the documents are those of HYGIEIA_DOCUMENTS.
    """
    from hygieia.cli.migrations import move, stores_of, unlock_documents
    from hygieia.cli.sessions import run
    from hygieia.config import load_settings

    settings = load_settings(overrides={"data_dir": data})
    if unlock is not None and not sources and not targets:
        if stores_of([_address(unlock)]).documents is None:
            raise UsageError("--unlock takes a document store.")
        was = run(unlock_documents(_address(unlock), settings))
        invocation.result({"was_read_only": was}, "It may be changed." if was else "It was not.")
        return
    if not sources or not targets or unlock is not None:
        raise UsageError("Say --from STORE and --to STORE, or --unlock STORE.")
    source = stores_of([_address(one) for one in sources])
    target = stores_of([_address(one) for one in targets])
    _tell(invocation, run(move(invocation, settings, source, target)))


def _address(text: str) -> str:
    """A store's address, from a file where it holds a password that no other user may see."""
    if not text.startswith("@"):
        return text
    file = Path(text[1:])
    try:
        with file.open("rb") as source:
            return source.read(MAX_URL_BYTES).decode("utf-8", "replace").strip()
    except OSError as error:
        reason = error.strerror or "unknown reason"
        raise UsageError(f"The file {str(file)!r} cannot be read: {reason}.") from None


def _tell(invocation: Invocation, moved: Moved) -> None:
    from hygieia.cli.text import size

    document: dict[str, Any] = {}
    lines, settings = [], []
    if moved.documents is not None:
        document |= {
            "collections": moved.documents.collections,
            "documents": moved.documents.documents,
        }
        lines.append(f"{moved.documents.documents} documents moved and compared.")
        settings.append("HYGIEIA_DOCUMENTS")
    if moved.blocks is not None:
        document |= {
            "pins": moved.blocks.pins,
            "blocks": moved.blocks.blocks,
            "size_bytes": moved.blocks.size_bytes,
            "records": moved.blocks.records,
            "incomplete": list(moved.blocks.incomplete),
        }
        lines.append(
            f"{moved.blocks.pins} kept roots with {moved.blocks.blocks} blocks "
            f"({size(moved.blocks.size_bytes)}) and {moved.blocks.records} IPNS records moved "
            "and compared."
        )
        settings.append("HYGIEIA_BLOCKS")
    invocation.message(f"Now set {' and '.join(settings)} to the new store, restart the servers.")
    if moved.blocks is None or not moved.blocks.incomplete:
        invocation.result(document, "\n".join(lines))
        return
    lines += [f"not whole: {root}" for root in moved.blocks.incomplete]
    error = IntegrityError(
        "Everything that was there is moved, but some roots lacked blocks before already.",
        hint="hygieia admin check names the reports.",
    )
    invocation.incomplete(document, "\n".join(lines), error)
