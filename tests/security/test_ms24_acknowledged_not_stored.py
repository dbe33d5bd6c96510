"""MS-24: the server acknowledges what it drops, and says that it does not have what it has."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.running import Person, RunningServer
from tests.security.hostile import Forward, HostileProxy, Reply, Request, json_reply
from tests.security.victims import (
    BLOOD_TEST,
    CONTENTS,
    LETTER,
    Victim,
    make_victim,
    refused,
    run_here,
    unchanged,
)

BLOCKS = r"/api/v1/uploads/[^/]+/blocks"
NEW_FILES = {"short.txt": b"Pulse 61\n", "long.bin": bytes(3_000_000)}


@pytest.fixture(scope="module")
def cleo(server: RunningServer, victim: Victim, tmp_path_factory: pytest.TempPathFactory) -> Victim:
    folder = tmp_path_factory.mktemp("cleo") / "cleo"
    return make_victim(server, victim.server, folder, "cleo@example.org")


@pytest.fixture
def cleos(cleo: Victim, proxy: HostileProxy, tmp_path: Path) -> Person:
    return cleo.device(tmp_path / "device")


async def _swallow(request: Request, _: Forward) -> Reply:
    sizes = [len(block.data) for block in request.blocks]
    return json_reply({"stored_blocks": len(sizes), "stored_bytes": sum(sizes)})


async def _pretend(request: Request, _: Forward) -> Reply:
    asked = request.document["reports"]
    reports = [{"id": r["id"], "report": r | {"readers": 1}, "error": None} for r in asked]
    return json_reply({"reports": reports}, 201)


@pytest.mark.parametrize("name", NEW_FILES)
def test_what_was_only_acknowledged_is_not_called_saved(
    name: str, proxy: HostileProxy, cleos: Person, tmp_path: Path
) -> None:
    file = tmp_path / name
    file.write_bytes(NEW_FILES[name])
    listed = cleos.roots()
    proxy.behave()
    proxy.lie("POST", BLOCKS, _swallow)
    proxy.lie("POST", "/api/v1/reports", _pretend)
    error = refused(cleos, "put", str(file), code="not-saved")
    assert "not saved" in error["message"]
    assert not proxy.asked("PUT", "/api/v1/index"), "it is not entered in the index"

    proxy.behave()
    assert cleos.roots() == listed
    cleos.run("put", str(file))
    assert len(cleos.roots()) == len(listed) + 1, "run again, it is stored after all"


def test_a_file_is_not_left_out_because_the_server_says_that_it_has_it(
    proxy: HostileProxy, cleos: Person, tmp_path: Path
) -> None:
    """What an earlier put stored has gone, and the server goes on saying that nothing is missing."""
    file = tmp_path / "kept.txt"
    file.write_bytes(b"Pulse 62\n")
    proxy.behave()
    [report] = json.loads(cleos.run("--json", "put", str(file)))["reports"]
    proxy.answer("GET", f"/ipfs/{report['cid']}(/.*)?", Reply(404))
    error = refused(cleos, "put", str(file), code="not-saved")
    assert "not saved" in error["message"]
    proxy.behave()


def test_an_index_that_was_only_acknowledged_is_noticed(
    proxy: HostileProxy, cleo: Victim, cleos: Person
) -> None:
    """The blocks of a new index are dropped, everything else is kept."""
    cleos.roots()

    async def pretend(request: Request, _: Forward) -> Reply:
        sent = request.document
        return json_reply({"root": sent["root"], "sequence": sent["sequence"], "rev": 99})

    proxy.lie("PUT", "/api/v1/index", pretend)
    proxy.lie("POST", BLOCKS, _swallow)
    with unchanged(cleos.home):
        refused(cleos, "rm", cleo.id(LETTER), code="not-saved")
    proxy.behave()
    cleos.run("restore", cleo.id(LETTER))


def test_a_report_that_the_server_hides_is_listed_and_comes_from_another_gateway(
    server: RunningServer, proxy: HostileProxy, victim: Victim, device: Person, tmp_path: Path
) -> None:
    report, out = victim.id(BLOOD_TEST), tmp_path / "out.txt"
    hidden = Reply(404)
    proxy.answer("GET", "/api/v1/reports(/.*)?", hidden)
    proxy.answer("GET", f"/ipfs/{victim.cid(BLOOD_TEST)}(/.*)?", hidden)
    assert len(device.roots()) == 3, "the index is hers, not the server's"
    with unchanged(tmp_path):
        refused(device, "get", report, "-o", str(out), code="block-missing", exit_code=4)
    gateways = ("--gateway", proxy.address, "--gateway", server.address)
    done = run_here(device, "get", report, "-o", str(out), *gateways)
    # The index itself is still asked for at the server, which has it.
    assert done.exit_code == 0, done
    assert out.read_bytes() == CONTENTS[BLOOD_TEST]
