"""docker/check.sh: a wrong secret or setting is one line and exit code 2, before anything starts."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from tests.containers.engine import DOCKER, Engine

# The first of them waits for the images.
pytestmark = [pytest.mark.containers, pytest.mark.timeout(1200)]

IMAGE = "localhost/hygieia-ci/kubo"
# As compose hands them over when docker/.env says nothing.
SETTINGS = {
    "KUBO_STORAGE_MAX": "1TB",
    "MONGODB_CACHE_GB": "1",
    "DOMAIN": "localhost",
    "ANNOUNCE": "/dns4/one.example.org",
    "KUBO_PEERS": "",
    "CLUSTER_PEERS": "",
}
PEER = "/tcp/4001/p2p/12D3KooWGzBqFDkrjTXVHkrBHLjiX9Pvb2QiHCwm8dbNcc5FhrZ4"


@pytest.fixture(scope="module")
def secrets(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """What make-secrets writes."""
    folder = tmp_path_factory.mktemp("made")
    subprocess.run(["sh", DOCKER / "make-secrets", folder], check=True)
    return {file.stem: file.read_text() for file in folder.iterdir()}


def checked(
    containers: Engine,
    folder: Path,
    secrets: dict[str, str | None],
    settings: dict[str, str],
    *words: str,
) -> tuple[int, str]:
    """How check.sh ends, and what it says."""
    options = ["--entrypoint=sh", f"--volume={DOCKER / 'check.sh'}:/check.sh:ro"]
    for name, content in secrets.items():
        if content is not None:
            (folder / name).write_text(content)
            options.append(f"--volume={folder / name}:/run/secrets/{name}:ro")
    options += [f"--env={name}={value}" for name, value in (SETTINGS | settings).items()]
    return containers.run(IMAGE, "/check.sh", *words, options=tuple(options))


def test_what_make_secrets_writes_is_fine(
    containers: Engine, secrets: dict[str, str], tmp_path: Path
) -> None:
    for words in ((), ("cluster",)):
        assert checked(containers, tmp_path, dict(secrets), {}, *words) == (0, "")
    fine = {
        "KUBO_STORAGE_MAX": "500GiB",
        "MONGODB_CACHE_GB": "0.25",
        "DOMAIN": "vault.example.org",
        "KUBO_PEERS": f"/dns4/two.example.org{PEER},/ip4/192.0.2.3{PEER}",
    }
    assert checked(containers, tmp_path, dict(secrets), fine, "cluster") == (0, "")


WRONG_SECRETS = [
    ("documents", None, "missing or empty"),
    ("documents", "mongodb://vault:PASSWORD@mongodb:27017/hygieia\n", "too short"),
    ("documents", "mongodb://vault:the-password-of-the-vault@mongodb:27017/hygieia\n", "placehold"),
    ("documents", "mongodb://mongodb:27017/hygieia\n", "holds no mongodb://"),
    ("documents", "postgres://vault:0123456789abcdef@mongodb/hygieia\n", "holds no mongodb://"),
    ("blocks", "kubo+http://TOKEN@kubo:5001\n", "too short"),
    ("blocks", "kubo+http://0123456789abcdef@kubo:5001\nand more\n", "more than one line"),
    ("server", "{}\n", "is not what make-secrets writes"),
    ("mongodb-root", "changeme\n", "too short"),
    ("mongodb-root", "changeme-changeme\n", "placeholder"),
    ("mongodb-key", "0123456789abcdef!\n", "no base64"),
    ("mongodb-key", "a1" * 600 + "\n", "longer than"),
    ("cluster", None, "missing or empty"),
    ("cluster", "", "missing or empty"),
    ("cluster", "http://vault:PASSWORD@cluster:9094\n", "too short"),
    ("cluster", "http://cluster:9094\n", "holds no http://"),
    ("cluster-network", "0123\n", "64 hexadecimal digits"),
    ("cluster-network", "g" * 64 + "\n", "64 hexadecimal digits"),
]


@pytest.mark.parametrize(("name", "content", "said"), WRONG_SECRETS)
def test_a_secret_that_is_missing_short_or_a_placeholder_is_named_and_not_shown(
    containers: Engine,
    secrets: dict[str, str],
    tmp_path: Path,
    name: str,
    content: str | None,
    said: str,
) -> None:
    code, told = checked(containers, tmp_path, {**secrets, name: content}, {}, "cluster")
    assert code == 2, told
    assert told.count("\n") == 1
    assert told.startswith(f"check.sh: the secret {name} ")
    assert said in told
    assert "docker/make-secrets" in told
    assert not content or content.strip() not in told


WRONG_SETTINGS = {
    "KUBO_STORAGE_MAX": ("lots", "10", ""),
    "MONGODB_CACHE_GB": ("much", "0.1", "-1"),
    "DOMAIN": ("https://vault.example.org", "vault.example.org/"),
    "ANNOUNCE": ("one.example.org", "/dns4/one.example.org/tcp/4001", "/dns4/"),
    "KUBO_PEERS": ("/dns4/two.example.org/tcp/4001", f"two.example.org{PEER}"),
    "CLUSTER_PEERS": (f"/dns4/two.example.org{PEER} /dns4/three.example.org{PEER}",),
}


@pytest.mark.parametrize(
    ("name", "value"), [(name, value) for name, all_ in WRONG_SETTINGS.items() for value in all_]
)
def test_a_setting_that_a_store_would_stumble_over_is_named(
    containers: Engine, secrets: dict[str, str], tmp_path: Path, name: str, value: str
) -> None:
    code, told = checked(containers, tmp_path, dict(secrets), {name: value}, "cluster")
    assert code == 2, told
    assert told.count("\n") == 1
    assert told.startswith(f"check.sh: {name} in docker/.env must be written like ")


def test_without_cluster_nothing_of_it_is_asked_for(
    containers: Engine, secrets: dict[str, str], tmp_path: Path
) -> None:
    alone = {**secrets, "cluster": None, "cluster-network": None}
    assert checked(containers, tmp_path, alone, {"ANNOUNCE": ""}) == (0, "")
