"""A stand-in for the one class that aioipfs takes from distutils, which Python no longer has.

Where setuptools stands in for it, importing aioipfs imports all of that as well: 3.5 MiB of a server's
memory, for a comparison of versions that no call of ours makes.
"""

from __future__ import annotations

import contextlib
import sys
from types import ModuleType
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator


@contextlib.contextmanager
def stood_in_for() -> Iterator[None]:
    """Meanwhile ``distutils.version`` is ours, unless it has been imported before."""
    if "distutils" in sys.modules:
        yield
        return
    package, version = ModuleType("distutils"), ModuleType("distutils.version")
    package.version = version  # type: ignore[attr-defined]  # a module has what it is given
    version.StrictVersion = type("StrictVersion", (), {})  # type: ignore[attr-defined]  # as above
    stand_ins = {"distutils": package, "distutils.version": version}
    sys.modules.update(stand_ins)
    try:
        yield
    finally:
        for name in stand_ins:
            del sys.modules[name]
