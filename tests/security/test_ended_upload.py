"""The server has ended an upload that was interrupted: its day was over, or it was restored."""

from __future__ import annotations

from pathlib import Path

from tests.running import Person
from tests.security.hostile import Forward, HostileProxy, Reply, Request, json_reply
from tests.security.killing import CARS, Killer
from tests.security.test_kill_client import CONTENT, fetched, put_again, put_and_kill


def test_the_same_line_goes_on_under_a_new_upload(
    proxy: HostileProxy, newcomer: Person, tmp_path: Path
) -> None:
    film = tmp_path / "film.bin"
    film.write_bytes(CONTENT)
    put_and_kill(newcomer, proxy, Killer(CARS, nth=2), film)
    proxy.behave()
    gone = json_reply({"code": "not-found", "title": "There is no such upload."}, 404)
    begun: set[str] = set()

    async def only_new_ones(request: Request, forward: Forward) -> Reply:
        return await forward() if request.path.split("/")[4] in begun else gone

    async def begin(_: Request, forward: Forward) -> Reply:
        reply = await forward()
        begun.add(reply.document["upload"])
        return reply

    proxy.lie("POST", r"/api/v1/uploads/[^/]+/(blocks|missing)", only_new_ones)
    proxy.lie("POST", "/api/v1/uploads", begin)
    [report] = put_again(newcomer, film)
    assert fetched(newcomer, report["id"], tmp_path / "out") == CONTENT
