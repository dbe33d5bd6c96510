"""Who may speak to the server how: TLS by certificate files, a proxy in front, plain on loopback."""

from __future__ import annotations

import asyncio
import contextlib
import ipaddress
import os
import signal
import socket
import ssl
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import aiohttp
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from hygieia.blocks.embedded import open_embedded
from hygieia.config import Settings, load_settings
from hygieia.errors import ConfigError
from hygieia.server import callers, connections, middleware, services
from hygieia.server.app import _tell, _tls_context, serve
from hygieia.server.connections import Patience
from tests.factories.servers import Member, running_api, settings_in
from tests.people import ADA


def make_certificate(folder: Path) -> tuple[Path, Path]:
    """A self-signed certificate for this machine, and its key."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
    addresses = [x509.IPAddress(ipaddress.ip_address("127.0.0.1")), x509.DNSName("localhost")]
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(datetime.now(UTC) - timedelta(days=1))
        .not_valid_after(datetime.now(UTC) + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName(addresses), critical=False)
        .sign(key, hashes.SHA256())
    )
    paths = folder / "certificate.pem", folder / "key.pem"
    paths[0].write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    paths[1].write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
    )
    return paths


@contextlib.asynccontextmanager
async def serving(settings: Settings) -> AsyncIterator[str]:
    """The server as the command runs it, in this loop; ended as an operator would."""
    ready: asyncio.Future[str] = asyncio.get_running_loop().create_future()
    server = asyncio.create_task(serve(settings, on_ready=ready.set_result))

    def give_up(ended: asyncio.Task[None]) -> None:
        if not ready.done():
            ready.set_exception(ended.exception() or AssertionError("it ended at once"))

    server.add_done_callback(give_up)
    try:
        yield await ready
    finally:
        os.kill(os.getpid(), signal.SIGTERM)
        await server


@pytest.fixture
def secured(tmp_path: Path) -> Settings:
    certificate, key = make_certificate(tmp_path)
    settings = settings_in(tmp_path, tls_cert=certificate, tls_key=key)
    return replace(settings, public_url="", shutdown_grace_seconds=1)


async def test_https_is_spoken_with_the_certificate_of_the_settings(
    secured: Settings, capsys: pytest.CaptureFixture[str]
) -> None:
    trusting = ssl.create_default_context(cafile=str(secured.tls_cert))
    async with serving(secured) as url, aiohttp.ClientSession() as http:
        assert url.startswith("https://127.0.0.1:")
        async with http.get(f"{url}/healthz", ssl=trusting) as reply:
            assert reply.status == 200
            assert reply.headers["Strict-Transport-Security"] == "max-age=31536000"
        async with http.get(f"{url}/api/v1/server", ssl=trusting) as reply:
            assert (await reply.json())["gateways"] == [url]
        with pytest.raises(aiohttp.ClientConnectorCertificateError):
            await http.get(f"{url}/healthz")
        with pytest.raises(aiohttp.ClientError):
            await http.get(f"{url}/healthz".replace("https", "http"))
    context = _tls_context(secured)
    assert context is not None
    assert context.minimum_version == ssl.TLSVersion.TLSv1_2
    assert f"running at {url}" in capsys.readouterr().err


async def test_a_handshake_that_never_comes_is_not_waited_for(
    secured: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connections, "TLS_HANDSHAKE_SECONDS", 0.3)
    async with serving(secured) as url:
        reader, writer = await asyncio.open_connection("127.0.0.1", int(url.rpartition(":")[2]))
        with contextlib.suppress(ConnectionError):
            assert await reader.read() == b""
        writer.close()


async def test_files_that_are_no_key_pair_stop_the_start(secured: Settings, tmp_path: Path) -> None:
    (tmp_path / "other").mkdir()
    other = make_certificate(tmp_path / "other")[1]
    with pytest.raises(ConfigError, match="key pair"):
        await serve(replace(secured, tls_key=other))


@pytest.mark.parametrize(
    ("peer", "settings", "status"),
    [
        ("127.0.0.1", {}, 200),
        ("::1", {}, 200),
        ("203.0.113.9", {}, 403),
        ("203.0.113.9", {"trusted_proxies": (ipaddress.ip_network("203.0.113.0/24"),)}, 200),
        ("::ffff:203.0.113.9", {"trusted_proxies": (ipaddress.ip_network("203.0.113.9"),)}, 200),
        ("198.51.100.1", {"trusted_proxies": (ipaddress.ip_network("203.0.113.0/24"),)}, 403),
        ("unknown", {}, 403),
        ("203.0.113.9", {"plain_http": "anywhere"}, 200),
    ],
)
async def test_plain_http_is_for_loopback_and_trusted_proxies(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    peer: str,
    settings: dict[str, object],
    status: int,
) -> None:
    monkeypatch.setattr(middleware, "peer_address", lambda _request: peer)
    async with running_api(settings_in(tmp_path, **settings)) as api:
        reply = await api.call("GET", "/api/v1/server", headers={"X-Forwarded-For": "127.0.0.1"})
        assert reply.status == status


BEHIND = {
    "trusted_proxies": (ipaddress.ip_network("203.0.113.0/24"),),
    "public_url": "https://vault.example.org",
}


def behind(peer: str, monkeypatch: pytest.MonkeyPatch) -> None:
    for module in (middleware, callers):
        monkeypatch.setattr(module, "peer_address", lambda _request: peer)


@pytest.mark.parametrize(
    ("forwarded", "status"),
    [
        ("https", 200),
        ("http", 403),
        ("https, http", 403),
        ("http, https", 200),
        ("HTTPS", 200),
        (" HtTp ", 403),
        ("https, http, ,", 403),
        ("http,https,", 200),
        # No word of ours: as if nothing were said, and the public address decides.
        ("wss", 200),
        ("http://", 200),
        ("", 200),
    ],
)
async def test_what_was_plain_before_a_trusted_proxy_is_plain(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, forwarded: str, status: int
) -> None:
    behind("203.0.113.9", monkeypatch)
    headers = {"X-Forwarded-Proto": forwarded, "X-Forwarded-For": "198.51.100.7"}
    async with running_api(settings_in(tmp_path, **BEHIND)) as api:
        reply = await api.call("GET", "/api/v1/server", headers=headers)
        promised = "Strict-Transport-Security" in reply.headers
    assert (reply.status, promised) == (status, status == 200)


async def test_a_page_asked_for_without_tls_is_sent_to_the_public_address(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    behind("203.0.113.9", monkeypatch)
    headers = {"X-Forwarded-Proto": "http", "X-Forwarded-For": "198.51.100.7"}
    async with running_api(settings_in(tmp_path, **BEHIND)) as api:
        async with api.http.get(
            f"{api.url}/api/docs?a=b%20c", headers=headers, allow_redirects=False
        ) as answer:
            assert answer.status == 308
            assert answer.headers["Location"] == "https://vault.example.org/api/docs?a=b%20c"
            assert "Strict-Transport-Security" not in answer.headers
        posted = await api.call("POST", "/api/docs", {}, headers=headers)
        assert posted.status == 403
        local = await api.call("GET", "/", headers=headers | {"X-Forwarded-For": "127.0.0.1"})
        assert local.status == 200


@pytest.mark.parametrize("proto", ["http", "https"])
async def test_nobody_but_a_trusted_proxy_says_how_a_request_came(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, proto: str
) -> None:
    behind("198.51.100.1", monkeypatch)
    async with running_api(settings_in(tmp_path, **BEHIND)) as api:
        reply = await api.call("GET", "/", headers={"X-Forwarded-Proto": proto})
        assert (reply.status, "Location" in reply.headers) == (403, False)
    behind("127.0.0.1", monkeypatch)
    async with running_api(settings_in(tmp_path / "own", public_url="http://localhost")) as api:
        reply = await api.call("GET", "/", headers={"X-Forwarded-Proto": proto})
        assert (reply.status, "Strict-Transport-Security" in reply.headers) == (200, False)


async def test_a_cookie_is_for_tls_only_however_the_request_came(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    behind("203.0.113.9", monkeypatch)
    for proto in ("https", "http"):
        settings = settings_in(tmp_path / proto, **BEHIND, plain_http="anywhere")
        async with running_api(settings) as api:
            body = Member(api, ADA).sign_up_body() | {"cookie": True}
            reply = await api.call(
                "POST", "/api/v1/accounts", body, headers={"X-Forwarded-Proto": proto}
            )
            assert reply.status == 201
            assert {"Secure", "HttpOnly", "SameSite=Strict"} <= set(
                reply.headers["Set-Cookie"].split("; ")
            )
            promised = "Strict-Transport-Security" in reply.headers
            assert promised == (proto == "https")


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"host": "0.0.0.0"}, None),  # noqa: S104  (a name to judge, not bound to)
        ({"host": "localhost"}, "Hygieia is running at http://localhost:8460\n"),
    ],
)
def test_the_start_says_where_plain_http_ends(
    given: dict[str, str], said: str | None, capsys: pytest.CaptureFixture[str]
) -> None:
    environment = {"HYGIEIA_PLAIN_HTTP": "anywhere"} if said is None else {}
    _tell(load_settings(environment, None, given))
    text = capsys.readouterr().err
    if said is None:
        assert "browsers give no cryptography" in text
        assert "HYGIEIA_TLS_CERT" in text
    else:
        assert said in text
        assert "browsers" not in text


async def test_a_full_disk_leaves_the_server_ready_to_read_and_delete(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def open_full(settings: Settings, *_: object) -> object:
        return open_embedded(settings.data_dir / "blocks", reserve_bytes=1 << 60)

    monkeypatch.setattr(services, "open_blocks", open_full)
    async with running_api(settings_in(tmp_path)) as api:
        assert (await api.call("GET", "/readyz")).status == 200


async def test_readiness_is_lost_with_a_store(tmp_path: Path) -> None:
    for store in ("documents", "blocks"):
        async with running_api(settings_in(tmp_path / store)) as api:
            assert (await api.call("GET", "/readyz")).status == 200
            await getattr(api.services.stores, store).close()
            reply = await api.call("GET", "/readyz")
            assert (reply.status, reply.code) == (503, "unavailable")
            assert reply.headers["Retry-After"]
            assert (await api.call("GET", "/healthz")).status == 200


async def test_a_connection_of_an_unfinished_header_does_not_hold_up_the_end(
    tmp_path: Path,
) -> None:
    async with running_api(settings_in(tmp_path), patience=Patience(header_seconds=60)) as api:
        half = socket.create_connection(("127.0.0.1", int(api.url.rpartition(":")[2])))
        half.sendall(b"GET / HTTP/1.1\r\nHos")
        await asyncio.sleep(0.1)
        patience = api.app[connections.PATIENCE]
        await asyncio.wait_for(patience.drain(30), 5)
        half.close()
