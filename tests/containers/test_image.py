"""Our image: what is in it, what is not, and what it needs of whoever runs it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.containers.engine import ROOT, Engine, Stack
from tests.guide import marked
from tests.running import running_server
from tests.storing import comes_back, put

# The first of them waits for the images.
pytestmark = [pytest.mark.containers, pytest.mark.timeout(1200)]

MOST_MIB = 300
HOSTING = ROOT / "docs" / "guide" / "hosting.md"


def inside(containers: Engine, image: str, script: str) -> str:
    """What a shell in the image says."""
    options = ("--read-only", "--network", "none", "--entrypoint", "sh")
    code, said = containers.run(image, "-c", script, options=options)
    assert code == 0, said
    return said


def test_is_no_larger_than_the_guide_says(containers: Engine, server_image: str) -> None:
    size_mib = containers.inspect(server_image)["Size"] / 2**20
    assert size_mib < MOST_MIB
    claimed = re.search(r"about (\d+)\s+MiB", HOSTING.read_text("utf-8"))
    assert claimed is not None
    assert abs(size_mib - int(claimed[1])) < 40


def test_holds_no_compiler_no_installer_and_no_cache(containers: Engine, server_image: str) -> None:
    script = (
        "for name in cc gcc g++ make go node npm pip pip3 git curl; do command -v $name; done;"
        "ls -A /var/lib/apt/lists /root 2>/dev/null | grep -v :;"
        "ls -d /src /tools /wheels /opt/hygieia/bin/pip* 2>/dev/null; true"
    )
    assert inside(containers, server_image, script).split() == []


def test_runs_as_nobody_special_on_a_file_system_it_cannot_change(
    containers: Engine, server_image: str
) -> None:
    config = containers.inspect(server_image)["Config"]
    assert config["User"] == "1000:1000"
    script = "id -u; touch /opt/hygieia/x 2>/dev/null || echo refused"
    assert inside(containers, server_image, script).split() == ["1000", "refused"]


def test_starts_without_compiling_anything(containers: Engine, server_image: str) -> None:
    script = (
        "cd /opt/hygieia/lib/python3*/site-packages;"
        "find . -name '*.py' | wc -l; find . -name '*.pyc' | wc -l"
    )
    sources, compiled = map(int, inside(containers, server_image, script).split())
    # Some packages carry a file that is Python for other versions only.
    assert compiled > sources - 20


def test_is_the_version_written_on_it(containers: Engine, server_image: str) -> None:
    labels = containers.inspect(server_image)["Config"]["Labels"]
    assert labels["org.opencontainers.image.version"] == "one"
    assert "hygieia, version" in inside(containers, server_image, "hygieia --version")


def test_keeps_a_vault_in_a_volume_with_no_other_server(
    containers: Engine, server_image: str
) -> None:
    options = ("--read-only", "--cap-drop", "ALL", "--network", "none")
    invite, check = ("admin", "accounts", "invite"), ("admin", "check")
    code, said = containers.run(server_image, *invite, options=(*options, "--tmpfs=/data"))
    assert code == 2, "a folder that root owns is not written to"
    assert said.startswith("hygieia: ")
    volume = "hygieia-test-home"
    try:
        where = (*options, f"--volume={volume}:/data")
        assert containers.run(server_image, *check, options=where)[0] == 2, "none is there yet"
        assert containers.run(server_image, *invite, options=where)[0] == 0
        code, said = containers.run(server_image, *check, options=where)
        assert (code, said.split(",")[0]) == (0, "0 reports and 0 indexes")
    finally:
        containers.podman("volume", "rm", "--force", volume)


def test_refuses_to_speak_plain_http_to_other_machines_unasked(
    containers: Engine, server_image: str
) -> None:
    code, said = containers.run(server_image, options=("--network", "none"))
    assert code == 2
    assert "HYGIEIA_PLAIN_HTTP forbids" in said
    assert "Traceback" not in said


@pytest.fixture
def alone(containers: Engine, server_image: str, tmp_path: Path) -> Iterator[Stack]:
    """A shell with a `docker`, and no vault yet; what its lines name is gone afterwards."""
    shell = Stack(containers, tmp_path, 7, server_image)
    try:
        yield shell
    finally:
        containers.podman("rm", "--force", shell.project, check=False)
        containers.podman("volume", "rm", "--force", shell.project, check=False)


def test_is_a_whole_vault_as_the_guide_starts_it_and_saves_it(alone: Stack) -> None:
    """The lines but for the build, with names and a port of the test's own."""
    port = alone.ports["PUBLISH"]
    build, _, start = marked(HOSTING, "alone").partition("\n")
    assert build == "docker build -f docker/Dockerfile -t hygieia:local ."
    for named, ours in (
        (" vault", f" {alone.project}"),
        ("127.0.0.1:8460:", f"127.0.0.1:{port}:"),
        ("localhost:8460 hygieia:local", f"localhost:{port} {alone.image}"),
    ):
        assert named in start
        start = start.replace(named, ours)
    alone.script(start)
    alone.wait()
    ana = alone.person("ana")
    ana.run("signup", "ana@example.org", "--kit", str(alone.folder / "kit"))
    stored = dict(put(ana, alone.folder, number) for number in range(2))
    save = marked(HOSTING, "savealone").replace(" vault", f" {alone.project}")
    said = alone.script(save.replace("data/backup backup", f"data/backup {alone.folder}/saved"))
    assert "2 reports" in said
    alone.engine.podman("rm", "--force", alone.project)
    with running_server(alone.folder / "saved", port):
        assert {report: comes_back(ana, alone.folder, report) for report in stored} == stored
