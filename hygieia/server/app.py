"""The composition root: settings in, a running server out."""

from __future__ import annotations

import asyncio
import gc
import os
import shutil
import signal
import socket
import ssl
import sys
from dataclasses import replace
from typing import TYPE_CHECKING, Final

from aiohttp import web

from hygieia.config import Settings, is_loopback
from hygieia.errors import ConfigError
from hygieia.memory import use_one_heap
from hygieia.scheduling import work_behind
from hygieia.server.background import sweep_in_background
from hygieia.server.blocks_home import require_blocks_here
from hygieia.server.connections import PATIENCE, Patience, PatientSite
from hygieia.server.gateway import gateway_routes
from hygieia.server.logs import configure_logs, get_log
from hygieia.server.middleware import SERVICES, add_headers, answer_errors, observe
from hygieia.server.mount import mount
from hygieia.server.routes import ALL_ROUTES
from hygieia.server.services import Services, build_services, public_url
from hygieia.server.site import site_routes
from hygieia.server.verifying import verify_in_background

if TYPE_CHECKING:
    from collections.abc import Callable

LAST_ANSWER_SECONDS: Final = 2.0
SWITCH_INTERVAL_SECONDS: Final = 0.0005


def build_app(settings: Settings) -> web.Application:
    """The application with its stores open. Blocks briefly.

    Raises:
        ConfigError: a setting does not work out.
    """
    services = build_services(settings)
    app = web.Application(middlewares=[observe, answer_errors], client_max_size=0)
    app[SERVICES] = services
    app[PATIENCE] = Patience()
    mount(app, ALL_ROUTES)
    app.add_routes(site_routes(settings))
    app.add_routes(gateway_routes(services.stores.blocks, services.bulk))
    app.on_response_prepare.append(add_headers)
    app.cleanup_ctx.append(sweep_in_background)
    app.cleanup_ctx.append(verify_in_background)
    app.on_cleanup.append(_close)
    return app


def run(settings: Settings) -> None:
    """Serve until SIGTERM or SIGINT, then let transfers finish for the grace time.

    Raises:
        ConfigError: a setting does not work out, or the port is taken.
    """
    use_one_heap()
    configure_logs(settings)
    # Threads hash and parse beside the event loop: it must not wait 5 ms for each turn.
    sys.setswitchinterval(SWITCH_INTERVAL_SECONDS)
    asyncio.run(serve(settings))


async def serve(settings: Settings, *, on_ready: Callable[[str], None] | None = None) -> None:
    """Serve in the running loop; ``on_ready`` is given the address once requests are taken."""
    work_behind(asyncio.get_running_loop())
    tls = _tls_context(settings)
    sockets = _bind(settings)
    settings = replace(settings, port=sockets[0].getsockname()[1])
    try:
        app = await asyncio.to_thread(build_app, settings)
        await require_blocks_here(app[SERVICES])
    except BaseException:
        for bound in sockets:
            bound.close()
        raise
    runner = web.AppRunner(app, handle_signals=False, shutdown_timeout=LAST_ANSWER_SECONDS)
    await runner.setup()
    # What is there now stays. A full collection over it stops the loop for 30 to 50 ms.
    gc.collect()
    gc.freeze()
    site = PatientSite(runner, sockets, app[PATIENCE], tls=tls)
    try:
        try:
            await site.start()
        except OSError as error:  # another server took the port while our stores were opened
            raise _cannot_listen(settings, error) from None
        stop = _stop_event()
        _tell(settings)
        if on_ready is not None:
            on_ready(public_url(settings))
        await stop.wait()
        app[SERVICES].lifecycle.draining = True
        get_log().info("stopping", grace_seconds=settings.shutdown_grace_seconds)
        await site.stop()
        await app[PATIENCE].drain(settings.shutdown_grace_seconds)
    finally:
        await runner.cleanup()
        get_log().info("stopped")


async def _close(app: web.Application) -> None:
    services: Services = app[SERVICES]
    await services.close()


def _stop_event() -> asyncio.Event:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    return stop


def _bind(settings: Settings) -> list[socket.socket]:
    """Sockets on every address of HOST, all on one port. Raises ``ConfigError``."""
    try:
        found = socket.getaddrinfo(
            settings.host or None, settings.port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )
    except socket.gaierror:
        raise ConfigError("HYGIEIA_HOST is no address of this machine.") from None
    sockets: list[socket.socket] = []
    port = settings.port
    failure: OSError | None = None
    # IPv4 first: it is the one that must work where a machine has IPv6 by halves.
    for family, _, _, _, address in sorted(dict.fromkeys(found), key=lambda one: one[0]):
        try:
            bound = _bound(family, (str(address[0]), port))
        except OSError as error:
            failure = error
            continue
        port = port or bound.getsockname()[1]
        sockets.append(bound)
    if not sockets:
        raise _cannot_listen(settings, failure)
    return sockets


def _bound(family: int, address: tuple[str, int]) -> socket.socket:
    """A socket that has its address and does not listen yet.

    Who connects before the stores are open is refused at once, and does not wait for an answer
    that comes when a slow store has started. Raises ``OSError``.
    """
    bound = socket.socket(family, socket.SOCK_STREAM)
    try:
        if os.name == "posix":
            bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if family == socket.AF_INET6:
            bound.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        bound.bind(address)
        bound.setblocking(False)
    except OSError:
        bound.close()
        raise
    return bound


def _cannot_listen(settings: Settings, failure: OSError | None) -> ConfigError:
    reason = failure.strerror if failure is not None else "no address"
    return ConfigError(
        f"Port {settings.port} cannot be listened on: {reason}.",
        hint="Another server may be running there: choose another with --port.",
    )


def _tls_context(settings: Settings) -> ssl.SSLContext | None:
    if settings.tls_cert is None or settings.tls_key is None:
        return None
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    try:
        context.load_cert_chain(settings.tls_cert, settings.tls_key)
    except (OSError, ssl.SSLError):
        raise ConfigError("HYGIEIA_TLS_CERT and HYGIEIA_TLS_KEY do not hold a key pair.") from None
    return context


def _command() -> str:
    """How the command that started this is called from here: a shell may not find it by name."""
    return "hygieia" if shutil.which("hygieia") else sys.argv[0]


def _tell(settings: Settings) -> None:
    """Say where the server is and what to do next, to people at a terminal."""
    url = public_url(settings)
    default = "http://localhost:8460"
    server = "" if url == default else f" --server {url}"
    lines = [
        f"Hygieia is running at {url}",
        f"Next: {_command()}{server} signup you@example.org",
        f"Data: {settings.data_dir.resolve()}    Stop: Ctrl-C",
    ]
    if not settings.tls and not is_loopback(settings.host):
        lines.append(
            "Plain HTTP beyond this machine: browsers give no cryptography to such pages, so put "
            "an HTTPS proxy in front, or set HYGIEIA_TLS_CERT and HYGIEIA_TLS_KEY."
            if settings.plain_http == "anywhere"
            else "Plain HTTP is spoken with the trusted proxies and on this machine only."
        )
    sys.stderr.write("\n".join(lines) + "\n")
    sys.stderr.flush()
