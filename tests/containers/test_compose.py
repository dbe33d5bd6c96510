"""docker/compose.yaml as it stands, without CI's override: what it promises about itself."""

from __future__ import annotations

import json
import re
import subprocess
from typing import Any

import pytest

from tests.containers.engine import DOCKER, ROOT, Engine

# The first of them waits for the images.
pytestmark = [pytest.mark.containers, pytest.mark.timeout(1200)]

Services = dict[str, dict[str, Any]]
PROFILES = ("--profile", "tls", "--profile", "backup", "--profile", "cluster")


@pytest.fixture(scope="module")
def project(containers: Engine) -> dict[str, Any]:
    """All of it, as compose understands it."""
    return config(containers, "compose.yaml")


@pytest.fixture(scope="module")
def services(project: dict[str, Any]) -> Services:
    found: Services = project["services"]
    return found


def config(containers: Engine, *files: str, **environment: str) -> dict[str, Any]:
    """What `docker compose config` says of files."""
    named = [word for file in files for word in ("--file", str(DOCKER / file))]
    done = subprocess.run(
        [containers.folder / "docker-compose", *named, *PROFILES, "config", "--format", "json"],
        env=containers.environment | environment,
        capture_output=True,
        text=True,
        check=True,
    )
    assert not done.stderr, "compose warns of something"
    document: dict[str, Any] = json.loads(done.stdout)
    return document


def test_no_service_may_do_more_than_it_must(services: Services) -> None:
    for name, service in services.items():
        assert service["read_only"], name
        assert service["cap_drop"] == ["ALL"], name
        assert service["security_opt"] == ["no-new-privileges:true"], name
        assert not service.get("privileged"), name
        assert not any("sock" in volume["source"] for volume in service.get("volumes", [])), name
    may = {name: service["cap_add"] for name, service in services.items() if "cap_add" in service}
    assert may == {
        "caddy": ["NET_BIND_SERVICE"],
        "backup": ["DAC_OVERRIDE"],
        "restore": ["CHOWN", "DAC_OVERRIDE", "FOWNER"],
    }


def test_what_runs_on_is_bounded_watched_and_started_again(services: Services) -> None:
    assert set(services) >= {"server", "mongodb", "kubo", "caddy", "backup", "restore"}
    for name, service in services.items():
        assert int(service["mem_limit"]) > 0, name
        assert service["pids_limit"] > 0, name
    for name in ("server", "mongodb", "kubo", "caddy"):
        service = services[name]
        assert service["restart"] == "unless-stopped", name
        assert service["logging"]["options"]["max-size"] == "10m", name
    for name in ("mongodb", "kubo"):
        assert services[name]["healthcheck"]["test"], name
        assert services["server"]["depends_on"][name]["condition"] == "service_healthy"
        assert (
            services[name]["depends_on"]["check"]["condition"] == "service_completed_successfully"
        )
    for name in ("check", "settings"):
        assert services[name]["restart"] == "no"
        condition = services["server"]["depends_on"][name]["condition"]
        assert condition == "service_completed_successfully"
    assert services["check"]["image"] == services["kubo"]["image"], "an upgrade leaves it alone"
    assert "HEALTHCHECK" in (DOCKER / "Dockerfile").read_text()


def test_clusters_peer_is_as_confined_and_asked_for_by_its_profile(containers: Engine) -> None:
    environment = {"ANNOUNCE": "/dns4/one.example"}
    project = config(containers, "compose.yaml", "compose.cluster.yaml", **environment)
    peer, hardened = project["services"]["cluster"], project["services"]["server"]
    for field in ("read_only", "cap_drop", "security_opt", "restart", "logging"):
        assert peer[field] == hardened[field]
    assert peer["profiles"] == ["cluster"]
    assert re.fullmatch(r"docker\.io/ipfs/ipfs-cluster:v1\.1\.6", peer["image"])
    published = {
        port["target"] for s in project["services"].values() for port in s.get("ports", [])
    }
    assert published == {8460, 80, 443, 4001, 9096}, "no RPC and no REST API"
    for name in ("server", "settings"):
        given = {secret["source"] for secret in project["services"][name]["secrets"]}
        assert given == {"documents", "blocks", "server", "cluster"}
    check = project["services"]["check"]
    given = {secret["source"] for secret in check["secrets"]}
    assert given >= {"cluster", "cluster-network"}
    assert check["command"] == ["cluster"]
    assert peer["depends_on"]["check"]["condition"] == "service_completed_successfully"
    assert int(peer["mem_limit"]) > 0
    assert peer["pids_limit"] > 0


def test_the_server_waits_for_clusters_peer_and_that_for_its_kubo(containers: Engine) -> None:
    environment = {"ANNOUNCE": "/dns4/one.example"}
    project = config(containers, "compose.yaml", "compose.cluster.yaml", **environment)
    waits = {
        name: {other for other, how in service["depends_on"].items() if _until_healthy(how)}
        for name, service in project["services"].items()
        if name in {"server", "cluster"}
    }
    assert waits == {"server": {"mongodb", "kubo", "cluster"}, "cluster": {"kubo"}}
    for name in ("mongodb", "kubo", "cluster"):
        assert project["services"][name]["healthcheck"]["test"], name


def _until_healthy(how: dict[str, Any]) -> bool:
    return bool(how["condition"] == "service_healthy" and how["required"])


def test_foreign_images_are_of_a_named_version(services: Services) -> None:
    for name in ("mongodb", "kubo", "caddy"):
        assert re.fullmatch(r"docker\.io/.+:v?\d+\.\d+\.\d+(-alpine)?", services[name]["image"])


def test_only_the_server_is_published_and_only_on_this_machine(services: Services) -> None:
    published = {name for name, service in services.items() if service.get("ports")}
    assert published == {"server", "caddy"}, "caddy is asked for by its profile"
    assert services["caddy"]["profiles"] == ["tls"]
    (port,) = services["server"]["ports"]
    assert (port["host_ip"], port["target"]) == ("127.0.0.1", 8460)


def test_the_stores_are_on_a_network_that_leads_nowhere(project: dict[str, Any]) -> None:
    services = project["services"]
    for name in ("mongodb", "kubo"):
        assert list(services[name]["networks"]) == ["stores"]
    assert project["networks"]["stores"]["internal"]
    assert "stores" not in services["caddy"]["networks"]


def test_secrets_are_files_and_each_service_gets_its_own(project: dict[str, Any]) -> None:
    given = {
        name: {secret["source"] for secret in service.get("secrets", [])}
        for name, service in project["services"].items()
    }
    assert given == {
        "check": {"documents", "blocks", "server", "mongodb-root", "mongodb-key"},
        "settings": {"documents", "blocks", "server"},
        "server": {"documents", "blocks", "server"},
        "mongodb": {"documents", "mongodb-root", "mongodb-key"},
        "kubo": {"blocks"},
        "caddy": set(),
        "backup": set(),
        "restore": set(),
    }
    assert all(secret["file"] for secret in project["secrets"].values())


def test_what_looks_at_the_servers_settings_has_the_servers_settings(services: Services) -> None:
    for field in ("image", "environment", "secrets", "user"):
        assert services["settings"].get(field) == services["server"].get(field)
    assert services["settings"]["command"] == ["serve", "--check"]


def test_what_is_kept_is_in_named_volumes(project: dict[str, Any]) -> None:
    assert set(project["volumes"]) == {"mongodb", "kubo", "caddy"}


def test_the_override_of_ci_changes_images_and_mongodb_alone(
    containers: Engine, services: Services
) -> None:
    changed = config(containers, "compose.yaml", "compose.ci.yaml")["services"]
    for name in ("kubo", "caddy"):
        ours, theirs = dict(services[name]), dict(changed[name])
        assert set(ours["networks"]) <= set(theirs["networks"])
        for field in ("image", "networks", "ports"):
            ours.pop(field, None)
            theirs.pop(field, None)
        assert ours == theirs
    assert services["server"] == changed["server"]


def test_the_example_names_every_setting_of_compose_with_its_default() -> None:
    files = ("compose.yaml", "compose.cluster.yaml")
    compose = "".join((DOCKER / file).read_text("utf-8") for file in files)
    defaults = dict(re.findall(r"\$\{(\w+):-([^}]*)\}", compose))
    defaults |= dict.fromkeys(re.findall(r"\$\{(\w+):\?", compose), "")
    example = (DOCKER / ".env.example").read_text("utf-8")
    shown = dict(re.findall(r"^# (\w+)=(.*)$", example, re.M))
    for own in ("COMPOSE_PROFILES", "COMPOSE_FILE"):
        del shown[own]
    assert {name: value.removeprefix("./") for name, value in shown.items()} == {
        name: value.removeprefix("./") for name, value in defaults.items()
    }


def test_kubo_is_the_version_that_is_tested() -> None:
    (tested,) = re.findall(r"^version=(.+)$", (ROOT / "scripts/kubo").read_text(), re.M)
    assert f"docker.io/ipfs/kubo:v{tested}" in (DOCKER / "compose.yaml").read_text()
