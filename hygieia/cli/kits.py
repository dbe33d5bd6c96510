"""The recovery kit on disk: the file, and apart from it the printable page with the code."""

from __future__ import annotations

import html
import importlib.resources
import io
from dataclasses import dataclass
from pathlib import Path
from string import Template
from typing import TYPE_CHECKING

from hygieia.client.state import write_atomically
from hygieia.errors import UsageError
from hygieia.folders import make_folder
from hygieia.vault.kit import KIT_FILE_NAME
from hygieia.vault.kit_page import kit_page

if TYPE_CHECKING:
    from hygieia.cli.invocation import Invocation
    from hygieia.vault.kit import Kit
    from hygieia.vault.kit_page import KitPage, QrCode

PAGE_NAME = "hygieia-code.html"


@dataclass(frozen=True, slots=True)
class WrittenKit:
    """Where the parts of a kit are now; ``page`` is None when only the file was written."""

    file: Path
    page: Path | None

    def to_json(self) -> dict[str, str | None]:
        """As ``--json`` names them."""
        return {"kit": str(self.file), "page": str(self.page) if self.page else None}


def check_kit_folder(folder: Path, *, page: bool = True) -> None:
    """Make the folder, and refuse to write over a kit that is there.

    Raises:
        UsageError: it cannot be made, or holds a kit already: an old kit may be the only way
            into another vault.
    """
    try:
        make_folder(folder)
    except OSError as error:
        raise UsageError(
            f"The folder {str(folder)!r} cannot be made: {error.strerror or 'unknown reason'}."
        ) from None
    names = (KIT_FILE_NAME, PAGE_NAME) if page else (KIT_FILE_NAME,)
    for name in names:
        if (folder / name).exists():
            raise UsageError(
                f"There is a {name} in {str(folder)!r} already; it is not overwritten.",
                hint="Name another folder, or move the old kit away.",
            )


def write_kit(folder: Path, kit: Kit, code: str | None) -> WrittenKit:
    """Write the kit's file, and the page when there is a code to put on it."""
    file = folder / KIT_FILE_NAME
    write_atomically(file, kit.to_bytes())
    if code is None:
        return WrittenKit(file, None)
    page = folder / PAGE_NAME
    write_atomically(page, _render(kit_page(kit, code)).encode())
    return WrittenKit(file, page)


def say_kit(invocation: Invocation, written: WrittenKit) -> None:
    """Tell the person what to do with the two parts."""
    if written.page is None:
        invocation.message(f"The kit's file is written afresh: {written.file}")
        return
    invocation.message(
        f"Your recovery kit:\n"
        f"  the file   {written.file}\n"
        f"  the code   {written.page}   (print it, then delete it)\n"
        "Keep the two apart: together they open your vault, alone neither opens anything.\n"
        "Without them a forgotten password means the records are lost; nobody can help."
    )


def _render(page: KitPage) -> str:
    template = importlib.resources.files("hygieia.cli").joinpath("kit_page.html")
    return Template(template.read_text("utf-8")).substitute(
        title=html.escape(page.title),
        email=html.escape(page.email),
        created=html.escape(page.created),
        code="".join(f"<span>{html.escape(group)}</span>" for group in page.code.split("-")),
        plain_code=html.escape(page.code),
        codes="".join(_figure(code) for code in page.qr_codes),
        instructions="".join(f"<p>{html.escape(text)}</p>" for text in page.instructions),
        by_hand="\n".join(html.escape(line) for line in page.by_hand),
    )


def _figure(code: QrCode) -> str:
    import segno

    picture = io.BytesIO()
    segno.make_qr(code.text, error="q").save(
        picture, kind="svg", scale=4, border=4, xmldecl=False, svgns=True, light="white"
    )
    return (
        f"<figure>{picture.getvalue().decode()}"
        f"<figcaption>{html.escape(code.caption)}</figcaption></figure>"
    )
