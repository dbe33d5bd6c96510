"""What the printable page of a recovery kit says (docs/spec/14-recovery-kit.md §4).

Words and codes only: the command makes a page of them. The page holds the code and never the
file; the two are kept apart.
"""

from __future__ import annotations

import shlex
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from hygieia.openpgp.recovery_code import parse_code
from hygieia.vault.kit import KIT_FILE_NAME

if TYPE_CHECKING:
    from hygieia.vault.kit import Kit


@dataclass(frozen=True, slots=True)
class QrCode:
    """Something to scan: what it is, and its text."""

    caption: str
    text: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class KitPage:
    """The page's content: ``code`` in its eight groups, two codes to scan, words, shell lines."""

    title: str
    email: str
    created: str
    code: str = field(repr=False)
    qr_codes: tuple[QrCode, ...] = field(repr=False)
    instructions: tuple[str, ...]
    by_hand: tuple[str, ...]


def kit_page(kit: Kit, code: str) -> KitPage:
    """The page that goes with ``kit``. Raises ``InvalidInput`` for a mistyped code."""
    code = parse_code(code)
    return KitPage(
        title="Hygieia recovery code",
        email=kit.email,
        created=kit.created,
        code=code,
        qr_codes=(
            QrCode("The recovery code", code),
            QrCode("Where the vault is", f"{kit.server}\n{kit.ipns_name}"),
        ),
        instructions=_instructions(kit),
        by_hand=_by_hand(kit),
    )


def _instructions(kit: Kit) -> tuple[str, ...]:
    return (
        (
            f"This page and the file {KIT_FILE_NAME} together open the health vault of {kit.email}. "
            "Keep them in different places: neither of them opens anything alone."
        ),
        (
            "Anyone who has both can read everything. Nobody can replace them: the people who run "
            "the server do not have your password and cannot make this code again."
        ),
        (
            "If you forgot your password: install Hygieia, run the first line below, and type the "
            "code when asked. You choose a new password; nothing is lost."
        ),
        (
            "If the server is gone: run the second line with the address of any IPFS gateway that "
            "has your vault. It needs the file and the code, or the file and your password."
        ),
        (
            "If there is no Hygieia any more: the lines from the third on need only the programs sq, "
            "curl and jq of Debian 13. Type the code when the fourth waits for it, with its dashes. "
            "They make key.pgp, your key in clear, and tell where your vault is. To read reports, "
            "follow docs/guide/open-without-hygieia.md of Hygieia's source code from its beginning, in "
            "another folder that is empty: print it as well."
        ),
        (
            "If you lose this page: sign in and make a new kit. The new code replaces this one in "
            "every kit written after it. An older kit file still opens with this page: delete it."
        ),
    )


def _by_hand(kit: Kit) -> tuple[str, ...]:
    gateway = next(iter(kit.gateways), kit.server)
    # The server names the gateways, and somebody will type these lines into a shell.
    record = shlex.quote(f"{gateway}/ipns/{kit.ipns_name}?format=ipns-record")
    return (
        f"hygieia --server {shlex.quote(kit.server)} reset-password {KIT_FILE_NAME}",
        f"hygieia recover {KIT_FILE_NAME} --gateway {shlex.quote(gateway)} --out vault",
        f"umask 077; jq -j .recovery_key {KIT_FILE_NAME} > locked.pgp",
        'read -r code && printf %s "$code" > code',
        (
            "sq key password --cert-file locked.pgp --password-file code --clear-password "
            "--output key.pgp && rm code"
        ),
        f"curl -s {record} | grep -aoE '/ipfs/b[a-z2-7]{{58}}' | head -1",
    )
