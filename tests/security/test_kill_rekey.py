"""The client is killed (SIGKILL) at each stage of a re-key; the same line is run again.

Nothing is lost meanwhile, what goes on reads on, and what was replaced is let go once (19.2).
"""

from __future__ import annotations

import asyncio
import hashlib
import sqlite3
from dataclasses import dataclass
from pathlib import Path

import pytest

from hygieia.blocks.gateway import GatewayReader
from hygieia.client.index_sync import IndexSync
from hygieia.client.session import Session
from hygieia.documents.sqlite import open_sqlite
from hygieia.domain.quotas import Quotas
from hygieia.ipld.cid import CID
from tests.running import Person, RunningServer
from tests.security.hostile import HostileProxy
from tests.security.killing import CARS, Killer, check_nonces, run_and_kill, size_of
from tests.security.sharers import done
from tests.security.victims import in_vault, sign_up

# Nine commands a stage: on a busy machine that takes its time.
pytestmark = pytest.mark.timeout(600)

MIB = 1 << 20
REPORT = r"/api/v1/reports/[0-9a-f]{32}"


@dataclass(frozen=True)
class Stage:
    """When the client dies, and whether the server has the new root by then."""

    method: str
    path: str
    nth: int
    after: bool
    committed: bool
    size_bytes: int = 3 * MIB


@dataclass(frozen=True)
class Shared:
    """A report of Ana's that Ben reads."""

    id: str
    content: bytes
    before: dict[str, int]
    """What each account used before it was stored."""


@dataclass(frozen=True)
class Pair:
    """Two people who know each other."""

    ana: Person
    ben: Person


@pytest.fixture(scope="module")
def pair(
    _proxy: HostileProxy, server: RunningServer, tmp_path_factory: pytest.TempPathFactory
) -> Pair:
    _proxy.behave()
    folder = tmp_path_factory.mktemp("killed")
    ana, ben = (
        sign_up(Person(folder / name, _proxy.address), f"{name}-killed@example.org")
        for name in ("ana", "ben")
    )
    done(ben, "contacts", "show", "ana-killed@example.org")
    return Pair(ana, ben)


@pytest.fixture
def shared(
    stage: Stage, proxy: HostileProxy, server: RunningServer, pair: Pair, tmp_path: Path
) -> Shared:
    before = used(server)
    film = tmp_path / f"{tmp_path.name}.bin"
    film.write_bytes(hashlib.shake_256(film.name.encode()).digest(stage.size_bytes))
    [report] = done(pair.ana, "put", str(film))["reports"]
    done(pair.ana, "share", report["id"], "--with", "ben-killed@example.org")
    return Shared(report["id"], film.read_bytes(), before)


def used(server: RunningServer) -> dict[str, int]:
    """Bytes of reports that each account pays for."""

    async def work() -> dict[str, int]:
        documents = open_sqlite(server.data / "documents.sqlite")
        quotas = Quotas(documents, 0)
        accounts = (await documents.scan("usage", limit=1000)).items
        found = {item.id: (await quotas.usage(item.id)).report_bytes for item in accounts}
        await documents.close()
        return found

    return asyncio.run(work())


def pinned(server: RunningServer, report: str) -> list[str]:
    """The roots that the block store keeps for a report."""
    [catalogue] = server.data.glob("blocks/**/catalogue.sqlite")
    with sqlite3.connect(f"file:{catalogue}?mode=ro", uri=True) as database:
        rows = database.execute("SELECT root FROM pin WHERE name = ?", (f"report:{report}",))
        return [str(CID.decode(root)) for (root,) in rows]


def size_at_the_server(person: Person, report: str) -> int:
    """The real bytes of a report's DAG."""

    async def work(session: Session, _: IndexSync, __: GatewayReader) -> int:
        answer = await session.transport.call("GET", f"/reports/{report}")
        size_bytes: int = answer.document["size_bytes"]
        return size_bytes

    return in_vault(person, work)


def fetched(person: Person, report: str, out: Path) -> bytes:
    out.unlink(missing_ok=True)
    done(person, "shared")
    done(person, "get", report, "-o", str(out))
    return out.read_bytes()


@pytest.mark.parametrize(
    "stage",
    [
        pytest.param(Stage("POST", CARS, 1, after=False, committed=False), id="nothing sent"),
        pytest.param(
            Stage("POST", CARS, 2, after=False, committed=False, size_bytes=9 * MIB), id="half sent"
        ),
        pytest.param(Stage("PUT", REPORT, 1, after=False, committed=False), id="all sent"),
        pytest.param(Stage("PUT", REPORT, 1, after=True, committed=True), id="committed"),
        pytest.param(
            Stage("PUT", "/api/v1/index", 1, after=False, committed=True), id="index not renewed"
        ),
        pytest.param(
            Stage("DELETE", r"/api/v1/uploads/[^/]+", 1, after=False, committed=True),
            id="upload not ended",
        ),
    ],
)
def test_a_re_key_that_was_killed_is_run_again_and_ends_well(
    stage: Stage,
    proxy: HostileProxy,
    server: RunningServer,
    pair: Pair,
    shared: Shared,
    tmp_path: Path,
) -> None:
    ana, ben = pair.ana, pair.ben
    killer = Killer(stage.path, stage.nth, stage.after)
    run_and_kill(ana, proxy, stage.method, killer, "rekey", shared.id)
    sent = proxy.uploaded()
    proxy.behave()
    assert fetched(ben, shared.id, tmp_path / "ben") == shared.content, "he reads on meanwhile"

    proxy.behave()
    [again] = done(ana, "rekey", shared.id)["reports"]
    resent = proxy.uploaded()
    check_nonces(sent + resent)
    assert again["revision"] == (3 if stage.committed else 2)
    if not stage.committed:
        assert not {block.cid for block in killer.stored} & {block.cid for block in resent}
        assert size_of(resent) < len(shared.content) + MIB - size_of(killer.stored)
    assert pinned(server, shared.id) == [again["cid"]], "what was replaced is let go"
    now = used(server)
    more = {each: now[each] - shared.before.get(each, 0) for each in now}
    taken = [size for size in more.values() if size]
    assert taken == [size_at_the_server(ana, shared.id)], "and its room is given back once"
    for person in (ana, ben):
        assert fetched(person, shared.id, tmp_path / "out") == shared.content
