"""What import-linter cannot say about the arrows of the architecture (its contracts say the rest)."""

from __future__ import annotations

import subprocess
import sys
import tomllib
from pathlib import Path

ROOT = Path(__file__).parents[2]
PACKAGE = ROOT / "hygieia"

# What a commit is inspected with: framing and public checks. No secret key, no opened payload.
OPEN_TO_THE_SERVER = {
    "armor",
    "certificates",
    "framing",
    "key_packets",
    "notes",
    "packets",
    "parameters",
    "self_signatures",
    "signature_packets",
    "strict_json",
    "times",
    "unicode14",
}


def modules_of(package: str) -> set[str]:
    return {path.stem for path in (PACKAGE / package).glob("*.py")} - {"__init__"}


def forbidden_to_the_server() -> set[str]:
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
    contracts = settings["tool"]["importlinter"]["contracts"]
    [contract] = [c for c in contracts if c["name"].startswith("The server never reaches")]
    return set(contract["forbidden_modules"])


def test_every_openpgp_module_is_either_open_to_the_server_or_forbidden_to_it() -> None:
    forbidden = {
        name.removeprefix("hygieia.openpgp.")
        for name in forbidden_to_the_server()
        if name.startswith("hygieia.openpgp.")
    }
    assert modules_of("openpgp") - OPEN_TO_THE_SERVER == forbidden
    assert not forbidden & OPEN_TO_THE_SERVER


def test_the_servers_rooms_load_nothing_that_opens_a_vault() -> None:
    """At run time a package's ``__init__`` counts too, which import-linter does not see."""
    rooms = ["hygieia.domain", "hygieia.server", "hygieia.documents", "hygieia.blocks"]
    modules = [
        ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")
        for room in rooms
        for path in sorted((ROOT / room.replace(".", "/")).rglob("*.py"))
        if path.name != "__main__.py"
    ]
    program = (
        f"import importlib, sys\n"
        f"for name in {modules!r}: importlib.import_module(name)\n"
        f"print(*sys.modules)"
    )
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", program], capture_output=True, text=True, check=True
    )
    loaded = set(done.stdout.split())
    reached = {
        name
        for name in loaded
        for forbidden in forbidden_to_the_server()
        if name == forbidden or name.startswith(f"{forbidden}.")
    }
    assert not reached


def test_only_the_settings_read_the_environment() -> None:
    readers = {
        path.relative_to(PACKAGE).as_posix()
        for path in PACKAGE.rglob("*.py")
        if any(word in path.read_text("utf-8") for word in ("os.environ", "os.getenv", "getenv("))
    }
    assert readers == {"config.py"}


def test_nothing_is_called_by_a_name_that_says_nothing() -> None:
    vague = {"utils", "util", "common", "helpers", "helper", "manager", "misc"}
    names = {path.stem for path in PACKAGE.rglob("*.py")} | {p.name for p in PACKAGE.iterdir()}
    assert not names & vague


def test_the_package_carries_its_types() -> None:
    assert (PACKAGE / "py.typed").is_file()
