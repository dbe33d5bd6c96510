"""The wheel carries the web app: whoever installs it serves the app without Node."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
import urllib.request
import zipfile
from pathlib import Path

import pytest

from tests import running
from tests.running import running_server

# The bundle is built, packed and installed first.
pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]

ROOT = Path(__file__).parents[2]
BUNDLE = "hygieia/web_dist"
COMMAND = """#!{python}
import sys
sys.path[:] = [{site!r}, *(path for path in sys.path if path != {root!r})]
import hygieia
assert hygieia.__file__.startswith({site!r}), hygieia.__file__
from hygieia.cli.main import main
main()
"""


def run(*arguments: str | Path, cwd: Path) -> None:
    done = subprocess.run(
        arguments, cwd=cwd, capture_output=True, text=True, timeout=600, check=False
    )
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-2000:]


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The package's sources as a clone has them, and the bundle that `make web` adds."""
    folder = tmp_path_factory.mktemp("source")
    ours = shutil.ignore_patterns("__pycache__", "web_dist")
    shutil.copytree(ROOT / "hygieia", folder / "hygieia", ignore=ours)
    for name in ("pyproject.toml", "README.md", "LICENSE", ".gitignore"):
        shutil.copy(ROOT / name, folder)
    vite = ROOT / "web/node_modules/.bin/vite"
    run(vite, "build", "--logLevel=error", f"--outDir={folder / BUNDLE}", cwd=ROOT / "web")
    return folder


@pytest.fixture(scope="module")
def wheel(built: Path) -> Path:
    """What docker/Dockerfile makes of them."""
    options = ("--no-deps", "--no-build-isolation", "--no-index", "--wheel-dir", "own")
    run(sys.executable, "-m", "pip", "wheel", "--quiet", *options, ".", cwd=built)
    (path,) = (built / "own").glob("hygieia-*.whl")
    return path


def test_every_file_of_the_bundle_is_in_the_wheel(built: Path, wheel: Path) -> None:
    bundle = {
        path.relative_to(built).as_posix(): path.read_bytes()
        for path in (built / BUNDLE).rglob("*")
        if path.is_file()
    }
    assert f"{BUNDLE}/index.html" in bundle
    with zipfile.ZipFile(wheel) as packed:
        inside = [name for name in packed.namelist() if name.startswith(f"{BUNDLE}/")]
        assert {name: packed.read(name) for name in inside} == bundle


def test_what_is_installed_serves_the_app_with_no_node_about(
    wheel: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    site = tmp_path / "site"
    options = ("--no-deps", "--no-index", "--no-compile", "--target", site)
    run(sys.executable, "-m", "pip", "install", "--quiet", *options, wheel, cwd=tmp_path)
    command = tmp_path / "hygieia"
    command.write_text(COMMAND.format(python=sys.executable, site=str(site), root=str(ROOT)))
    command.chmod(0o700)
    monkeypatch.setattr(running, "COMMAND", command)
    monkeypatch.setenv("PATH", str(tmp_path / "nothing"))
    with running_server(tmp_path / "data") as server:
        page = read(f"{server.address}/")
        assert page == (site / BUNDLE / "index.html").read_bytes()
        named = re.findall(r'(?:src|href)="(/[^"]+)"', page.decode())
        assert any(name.endswith(".js") for name in named)
        for name in named:
            assert read(server.address + name) == (site / BUNDLE / name[1:]).read_bytes()


def read(address: str) -> bytes:
    with urllib.request.urlopen(address, timeout=30) as answer:
        content: bytes = answer.read()
        return content
