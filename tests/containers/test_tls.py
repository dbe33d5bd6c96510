"""The profile tls: Caddy before the server, on a network that does not reach the stores."""

from __future__ import annotations

import ssl
import urllib.error
import urllib.request
from pathlib import Path

import pytest

from tests.containers.engine import Engine, Stack
from tests.running import Person

# The first of them waits for the images.
pytestmark = [pytest.mark.containers, pytest.mark.timeout(1200)]


@pytest.fixture
def root(stack: Stack, tmp_path: Path) -> Path:
    """The certificate of the authority that Caddy makes for localhost."""
    stack.profiles = "tls"
    stack.compose("up", "--detach", "--no-build")
    stack.wait_for("/data/caddy/pki/authorities/local/root.crt", "caddy")
    certificate = stack.compose(
        "exec", "-T", "caddy", "cat", "/data/caddy/pki/authorities/local/root.crt"
    )
    (tmp_path / "root.crt").write_text(certificate)
    return tmp_path / "root.crt"


def test_people_are_served_over_https(
    stack: Stack, root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(root))
    bob = Person(tmp_path / "bob", f"https://localhost:{stack.ports['PUBLISH_HTTPS']}")
    bob.password_file.write_text("violet harbour quartz 52 lantern\n")
    bob.password_file.chmod(0o600)
    bob.run("signup", "bob@example.org", "--kit", str(tmp_path / "kit"))
    (tmp_path / "scan").write_bytes(bytes(3_000_000))
    report = bob.run_json("put", str(tmp_path / "scan"))["reports"][0]["id"]
    bob.run("get", report, "-o", str(tmp_path / "back"))
    assert (tmp_path / "back").read_bytes() == bytes(3_000_000)


def test_plain_http_is_sent_on_to_https(stack: Stack, root: Path) -> None:
    class Stay(urllib.request.HTTPRedirectHandler):
        def redirect_request(self, *_: object) -> None:
            return None

    address = f"http://localhost:{stack.ports['PUBLISH_HTTP']}/readyz"
    with pytest.raises(urllib.error.HTTPError) as caught:
        urllib.request.build_opener(Stay).open(address, timeout=10)
    caught.value.close()
    assert caught.value.code == 308
    assert caught.value.headers["Location"].startswith("https://localhost/")


def test_its_figures_are_not_told_to_people(stack: Stack, root: Path) -> None:
    context = ssl.create_default_context(cafile=str(root))
    address = f"https://localhost:{stack.ports['PUBLISH_HTTPS']}/metrics"
    with pytest.raises(urllib.error.HTTPError) as caught:
        urllib.request.urlopen(address, timeout=10, context=context)
    caught.value.close()
    assert caught.value.code == 403


def test_caddy_cannot_reach_the_stores(stack: Stack, containers: Engine) -> None:
    ask = "import socket,sys; socket.create_connection((sys.argv[1], int(sys.argv[2])), 30)"
    for network, reaches in (("stores", True), ("front", False)):
        options = (f"--network={stack.project}_{network}", "--entrypoint=python")
        for host, port in (("kubo", "5001"), ("mongodb", "27017")):
            code, said = containers.run(stack.image, "-c", ask, host, port, options=options)
            assert (code == 0) is reaches, said
