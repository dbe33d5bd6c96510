"""A server in a container that is told something wrong: one line, exit code 2, no other store."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.containers.engine import DOCKER, Engine, Stack

# The first of them waits for the images.
pytestmark = [pytest.mark.containers, pytest.mark.timeout(1200)]


def started_with(stack: Stack, tmp_path: Path, **changed: str) -> str:
    """Start a server beside the running one with other secrets; the line that it ends with."""
    options = [f"--network={stack.project}_stores", "--read-only", "--tmpfs=/tmp:mode=1777"]
    settings = {"HYGIEIA_DATA_DIR": "/tmp/data", "HYGIEIA_PLAIN_HTTP": "anywhere"}  # noqa: S108  (the container's)
    for secret in ("documents", "blocks"):
        file = tmp_path / secret
        file.write_text(changed.get(secret, (stack.secrets / secret).read_text()))
        file.chmod(0o444)
        options.append(f"--volume={file}:/run/secrets/{secret}:ro")
        settings[f"HYGIEIA_{secret.upper()}"] = f"@/run/secrets/{secret}"
    settings |= {name: value for name, value in changed.items() if name.isupper()}
    options += [f"--env={name}={value}" for name, value in settings.items()]
    code, said = stack.engine.run(stack.image, options=tuple(options))
    assert code == 2, said
    assert "Traceback" not in said
    first, *hint = said.splitlines()
    assert first.startswith("hygieia: ")
    assert len(hint) <= 1
    for secret in ("documents", "blocks"):
        password = (stack.secrets / secret).read_text().split("@")[0].split(":")[-1].strip("/")
        assert password not in said
    return said


@pytest.mark.parametrize(
    ("secret", "old", "new", "said"),
    [
        ("documents", "vault:", "vault:x", "MongoDB refuses the user or password"),
        ("documents", "@mongodb", "@nowhere", "No MongoDB answers"),
        ("documents", "@mongodb:27017", "@kubo:8080", "No MongoDB answers"),
        ("documents", "/hygieia", "/", "names no database"),
        ("documents", "mongodb://", "postgres://", "HYGIEIA_DOCUMENTS must start with"),
        ("blocks", "//", "//x", "token"),
        ("blocks", "@kubo", "@nowhere", "No Kubo answers"),
        ("blocks", ":5001", ":8080", "no Kubo RPC"),
        ("blocks", "kubo+http://", "http://", "HYGIEIA_BLOCKS must start with"),
        ("blocks", "kubo+http", "\nkubo+http", "must start with"),
    ],
)
def test_a_wrong_secret_is_said_in_one_line(
    stack: Stack, tmp_path: Path, secret: str, old: str, new: str, said: str
) -> None:
    right = (stack.secrets / secret).read_text()
    wrong = right.replace(old, new, 1) if not new.startswith("\n") else "kubo\n" + right
    assert said in started_with(stack, tmp_path, **{secret: wrong})


@pytest.mark.parametrize("secret", ["documents", "blocks"])
def test_a_missing_secret_is_said_in_one_line(stack: Stack, tmp_path: Path, secret: str) -> None:
    name = f"HYGIEIA_{secret.upper()}"
    said = started_with(stack, tmp_path, **{name: "@/run/secrets/absent"})
    assert f"The file that {name} names cannot be read: No such file" in said


def test_an_empty_secret_is_said_in_one_line(stack: Stack, tmp_path: Path) -> None:
    said = started_with(stack, tmp_path, documents="\n")
    assert "The file that HYGIEIA_DOCUMENTS names holds no setting" in said


def test_an_unknown_setting_is_said_in_one_line(stack: Stack, tmp_path: Path) -> None:
    assert "Did you mean" in started_with(stack, tmp_path, HYGIEIA_DOCUMENT="sqlite:")


def test_a_kubo_without_its_secret_says_so_and_starts_nothing(
    containers: Engine, tmp_path: Path
) -> None:
    kubo: tuple[str, ...] = ("--entrypoint=sh", f"--volume={DOCKER / 'kubo.sh'}:/kubo.sh:ro")
    for content in (None, "", "a-token-alone\n", "kubo+http://@kubo:5001\n"):
        options = kubo
        if content is not None:
            (tmp_path / "blocks").write_text(content)
            options += (f"--volume={tmp_path / 'blocks'}:/run/secrets/blocks:ro",)
        code, said = containers.run("localhost/hygieia-ci/kubo", "/kubo.sh", "run", options=options)
        assert code == 2
        assert said.count("\n") == 1
        assert said.startswith("kubo.sh: the secret blocks ")


@pytest.mark.parametrize("service", ["kubo", "cluster"])
def test_a_node_that_never_ran_tells_no_half_of_an_address(
    containers: Engine, tmp_path: Path, service: str
) -> None:
    options = [
        "--entrypoint=sh",
        f"--volume={DOCKER / service}.sh:/{service}.sh:ro",
        "--env=IPFS_PATH=/data/ipfs",
        "--env=IPFS_CLUSTER_PATH=/data/ipfs-cluster",
        *(f"--env={name}_ANNOUNCE=/dns4/one.example/tcp/1" for name in ("KUBO", "CLUSTER")),
    ]
    subprocess.run(["sh", DOCKER / "make-secrets", tmp_path], check=True)
    options += [
        f"--volume={tmp_path / name}:/run/secrets/{name}:ro"
        for name in ("blocks", "cluster", "cluster-network")
    ]
    image = f"localhost/hygieia-ci/{service}"
    code, said = containers.run(image, f"/{service}.sh", "address", options=tuple(options))
    assert code == 2, said
    assert said.splitlines()[-1].startswith(f"{service}.sh: ")
    assert "/p2p/" not in said


@pytest.fixture
def unstarted(containers: Engine, server_image: str, tmp_path: Path) -> Iterator[Stack]:
    """A vault that nobody has started yet."""
    made = Stack(containers, tmp_path / "unstarted", 6, server_image)
    made.make_secrets()
    try:
        yield made
    finally:
        made.remove()


@pytest.mark.parametrize(
    ("secret", "content", "said"),
    [
        ("mongodb-root", "", "check.sh: the secret mongodb-root is missing or empty."),
        ("blocks", None, "check.sh: the secret blocks is missing or empty."),
        ("blocks", "a-token-alone\n", "check.sh: the secret blocks holds no kubo+http"),
    ],
)
def test_a_stack_with_a_wrong_secret_starts_nothing_and_says_why_once(
    unstarted: Stack, secret: str, content: str | None, said: str
) -> None:
    (unstarted.secrets / secret).unlink()
    if content is not None:
        (unstarted.secrets / secret).write_text(content)
        (unstarted.secrets / secret).chmod(0o444)
    code, told = unstarted.start("up", "--detach", "--no-build")
    assert code != 0, told
    logs = unstarted.start("logs", "--no-log-prefix", "check")[1]
    assert logs.count(said) == 1, "it is not started over and over again"
    assert "Traceback" not in logs
    assert unstarted.container("check")["State"]["ExitCode"] == 2
    for service in ("mongodb", "kubo", "server"):
        assert unstarted.container(service)["State"]["Status"] in {"created", "configured"}


@pytest.mark.parametrize(
    ("setting", "value", "said"),
    [
        ("HYGIEIA_PUBLIC_URL", "vault.example.org", "HYGIEIA_PUBLIC_URL"),
        ("HYGIEIA_QUOTA_BYTES", "plenty", "HYGIEIA_QUOTA_BYTES"),
        ("HYGIEIA_GATEWAY", "https://example.org", "Did you mean"),
    ],
)
def test_a_mistake_in_the_settings_is_said_once_and_no_server_is_started_over_and_over(
    unstarted: Stack, setting: str, value: str, said: str
) -> None:
    settings = unstarted.folder / "env"
    settings.write_text(f"{setting}={value}\n")
    if setting == "HYGIEIA_PUBLIC_URL":  # compose itself hands this one on
        unstarted.settings[setting] = value
    override = unstarted.folder / "compose.env.yaml"
    override.write_text(
        f"services:\n  server: {{env_file: [{settings}]}}\n  settings: {{env_file: [{settings}]}}\n"
    )
    unstarted.overrides = (str(override),)
    code, told = unstarted.start("up", "--detach", "--wait", "--no-build")
    assert code != 0, told
    assert unstarted.container("settings")["State"]["ExitCode"] == 2
    logs = unstarted.engine.podman("logs", f"{unstarted.project}-settings-1")
    first, *hint = logs.strip().splitlines()
    assert first.startswith("hygieia: ")
    assert said in logs
    assert len(hint) <= 1, "it is not started over and over again"
    assert unstarted.container("server")["State"]["Status"] in {"created", "configured"}
