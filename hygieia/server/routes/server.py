"""What this server is."""

from __future__ import annotations

from datetime import UTC, datetime

from hygieia import __version__
from hygieia.server.api import Call, Role, Routes
from hygieia.server.schemas.server import ServerOut
from hygieia.server.services import public_url

routes = Routes("server")


@routes.add("GET", "/api/v1/server", ServerOut, role=Role.PUBLIC)
async def describe_server(call: Call) -> ServerOut:
    """Tell version, registration, gateways and the server's clock."""
    settings = call.services.settings
    return ServerOut(
        version=__version__,
        registration=settings.registration,
        gateways=list(settings.gateways) or [public_url(settings)],
        quota_default=settings.quota_bytes,
        ipns=True,
        time=datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
    )
