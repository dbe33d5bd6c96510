"""Recovering with the password, in a hurry, and what it left."""

from __future__ import annotations

from pathlib import Path

from hygieia.blocks.gateway import GatewayReader
from hygieia.blocks.remote import Patience
from hygieia.recovery import (
    Password,
    RecoveryResult,
    recover_from,
)
from tests.unit.recovery.factories import PASSWORD, KeptVault

SECRET = Password(PASSWORD)
IMPATIENT = Patience(connect=2, stall=0.3, block=2, record=1, others=0.2)


async def recover_impatiently(kept: KeptVault, urls: list[str], out: Path | None) -> RecoveryResult:
    async with GatewayReader(urls, patience=IMPATIENT) as reader:
        return await recover_from(kept.kit, SECRET, reader, out)


def files_in(folder: Path) -> dict[str, bytes]:
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file()
    }
