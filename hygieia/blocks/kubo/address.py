"""Where a Kubo's RPC is, as HYGIEIA_BLOCKS says it: ``kubo+http://[TOKEN@]HOST[:PORT]``."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Final
from urllib.parse import unquote, urlsplit

from hygieia.errors import ConfigError

RPC_PORT: Final = 5001
_TOKEN: Final = re.compile(r"[!-~]{1,4096}")
_SHAPE: Final = "It is written kubo+http://TOKEN@HOST:5001"


@dataclass(frozen=True, slots=True)
class Address:
    """An RPC to talk to. The token opens the whole node: it is never shown."""

    scheme: str
    host: str
    port: int
    token: str | None = field(repr=False)


def read_address(text: str) -> Address:
    """Read the setting without asking anybody. Raises ``ConfigError``."""
    try:
        parts = urlsplit(text)
        port = parts.port
    except ValueError:
        raise _wrong() from None
    known = parts.scheme in {"kubo+http", "kubo+https"}
    if not known or not parts.hostname or port == 0 or parts.password is not None:
        raise _wrong()
    if parts.path not in {"", "/"} or parts.query or parts.fragment:
        raise _wrong()
    token = unquote(parts.username) if parts.username else None
    if token is not None and not _TOKEN.fullmatch(token):
        raise _wrong()
    return Address(parts.scheme.removeprefix("kubo+"), parts.hostname, port or RPC_PORT, token)


def _wrong() -> ConfigError:
    # Nothing of it is repeated: it may hold the token.
    return ConfigError("HYGIEIA_BLOCKS: the Kubo address cannot be understood.", hint=_SHAPE + ".")
