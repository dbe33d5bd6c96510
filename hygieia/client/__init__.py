"""The SDK: a vault from Python, with everything secret done on this machine.

>>> import asyncio
>>> from pathlib import Path
>>> from hygieia.client import Device, Labels
>>>
>>> async def first_steps(server: str, folder: Path, password: str) -> str:
...     device = Device(folder / "state")
...     kit, code = await device.sign_up(
...         server, email="ana@example.org", name="Ana", password=password
...     )
...     (folder / "hygieia-kit.json").write_bytes(kit.to_bytes())  # and the code on paper
...     async with device.open(password) as vault:
...         [stored] = await vault.put([folder / "blood.pdf"], Labels(category="lab"))
...         [newest] = vault.list(category="lab").reports
...         report = await vault.read(newest)
...         copy = await vault.get(report, folder / "copies" / "blood.pdf")
...     return f"{newest.title}, signature {report.verdict.value}, in {copy.name}"

``Device`` is one account's place on this machine; it signs up, in and out and opens the vault.
``Vault`` lists, stores, fetches and changes reports. Errors are those of ``hygieia.errors``;
each says what to do next. docs/guide/sdk.md tells more.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from hygieia.client.device import Device
    from hygieia.client.labels import Labels
    from hygieia.client.sdk import Vault

__all__ = ["Device", "Labels", "Vault"]

_MODULES: Final = {
    "Device": "hygieia.client.device",
    "Labels": "hygieia.client.labels",
    "Vault": "hygieia.client.sdk",
}


def __getattr__(name: str) -> object:
    # Imported when asked for (PEP 562): the command line needs a part of this package, quickly.
    module = _MODULES.get(name)
    if module is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    found: object = getattr(importlib.import_module(module), name)
    return found
