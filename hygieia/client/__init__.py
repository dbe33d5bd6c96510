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

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from hygieia.client.put import Labels
    from hygieia.client.sdk import Device, Vault

__all__ = ["Device", "Labels", "Vault"]


def __getattr__(name: str) -> object:
    # Imported when asked for (PEP 562): the command line needs a part of this package, quickly.
    if name == "Labels":
        from hygieia.client import put as module  # noqa: PLC0415  (lazy, as the module says)
    elif name in __all__:
        from hygieia.client import sdk as module  # type: ignore[no-redef]  # noqa: PLC0415  (lazy, as the module says)
    else:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    found: object = getattr(module, name)
    return found
