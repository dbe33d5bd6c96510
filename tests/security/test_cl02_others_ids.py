"""CL-02: with another's id every route answers as if there were no such thing."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Any

from hygieia.openpgp.times import format_time, now
from hygieia.server.api import IfMatch, Role, Route
from hygieia.server.routes import ALL_ROUTES
from hygieia.vault.message import seal_message
from tests.factories.dags import new_report
from tests.factories.servers import CAR, Api, Member, Reply, new_id

NAMES_NO_ID = {"allow_uploader"}
"""Says something of a key, which is nobody's."""


def routes_with_ids() -> list[Route]:
    routes = [r for r in ALL_ROUTES if r.says.role is Role.ACCOUNT and "path" in r.models]
    return [route for route in routes if route.operation not in NAMES_NO_ID]


async def ask(member: Member, route: Route, ids: dict[str, str], upload: str) -> Reply:
    path = re.sub(r"\{(\w+)\}", lambda found: ids[found[1]], route.path)
    bodies: dict[str, Any] = {
        "ask_missing": {"cids": []},
        "restore_report": {},
        "change_report": {
            "upload": upload,
            "root": str(new_report().root),
            "change": "edit",
        },
    }
    rev = 1 if route.says.if_match is not IfMatch.NONE else None
    if route.says.body_media_type == CAR:
        return await member.put_car(ids["upload"], new_report().car())
    return await member.call(route.method, path, bodies.get(route.operation), rev=rev)


async def send(sender: Member, to: Member) -> Any:  # noqa: ANN401  (an answer's JSON)
    """A message that waits in somebody's inbox."""
    people = [member.person.key.certificate for member in (sender, to)]
    sealed = seal_message(b"{}", people)
    upload = await sender.start_upload()
    await sender.put(upload, sealed.blocks)
    body = {"upload": upload, "root": str(sealed.root.cid), "email": to.person.email}
    reply = await sender.call("POST", "/api/v1/inbox", body | {"kind": "delegation"})
    assert reply.status == 201, reply.body
    return reply.json


async def test_anothers_and_nobodys_ids_are_answered_alike(
    api: Api, ada: Member, bob: Member
) -> None:
    (report,) = await ada.upload(new_report())
    upload, own = await ada.start_upload(), await bob.start_upload()
    key = new_id() * 2
    later = format_time(now() + timedelta(days=1))
    assert (await ada.call("PUT", f"/api/v1/uploaders/{key}", {"expires": later})).status == 200
    hers = {
        "report": report["id"],
        "upload": upload,
        "session": ada.signed_up["session"]["id"],
        "message": (await send(bob, ada))["id"],
        "key": key,
    }
    nobodys = {
        "report": new_id(),
        "upload": new_id(),
        "session": new_id() * 2,
        "message": new_id(),
        "key": new_id() * 2,
    }
    routes = routes_with_ids()
    assert len(routes) >= 10
    for route in routes:
        answers = [await ask(bob, route, ids, own) for ids in (hers, nobodys)]
        for answer in answers:
            assert (answer.status, answer.code) == (404, "not-found"), route.operation
            answer.json.pop("request_id")
        assert answers[0].json == answers[1].json, route.operation
    assert (await ada.call("GET", f"/api/v1/reports/{report['id']}")).json == report
    assert (await ada.call("GET", "/api/v1/sessions")).status == 200


async def test_anothers_upload_cannot_be_committed_under(ada: Member, bob: Member) -> None:
    dag = new_report()
    upload = await ada.start_upload()
    await ada.put(upload, dag.blocks)
    reply = await bob.commit(upload, [(new_id(), dag.root)])
    assert (reply.status, reply.code) == (404, "not-found")


async def test_every_account_route_refuses_who_is_not_signed_in(api: Api) -> None:
    for route in ALL_ROUTES:
        if route.says.role is Role.ACCOUNT:
            path = re.sub(r"\{(\w+)\}", new_id(), route.path)
            for headers in ({}, {"Authorization": "Bearer " + "A" * 43}, {"Authorization": "x"}):
                reply = await api.call(route.method, path, headers=headers)
                assert (reply.status, reply.code) == (401, "not-signed-in"), route.operation
