"""What a server says of itself."""

from __future__ import annotations

from typing import Literal

from hygieia.server.api import Model
from hygieia.server.schemas.fields import Bytes, Time


class ServerOut(Model):
    """The public description of this server."""

    version: str
    registration: Literal["open", "invite", "closed"]
    gateways: list[str]
    quota_default: Bytes
    ipns: bool
    time: Time
