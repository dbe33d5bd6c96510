"""What is new is looked at soon, and counted once when everything is verified."""

from __future__ import annotations

from datetime import timedelta

from hygieia.domain.leases import Leases
from hygieia.domain.recent_checks import SETTLED, RecentChecks
from hygieia.openpgp.times import now
from tests.api.copies import CONTENT, copies_of, damage, verified, verifier_of
from tests.factories.dags import new_report
from tests.factories.servers import Api, Member


async def looked_at(api: Api, ahead: timedelta = 2 * SETTLED) -> int:
    """How many a look at the new finds, by default once everything has settled."""
    services = api.services
    async with verifier_of(api) as verifier:
        leases = Leases(services.stores.documents)
        later = RecentChecks(services.stores, verifier, leases, clock=lambda: now() + ahead)
        return await later.run()


async def test_what_is_new_is_looked_at_once_it_has_settled(api: Api, ada: Member) -> None:
    reports = await ada.upload(new_report(CONTENT), new_report(b"short"))
    assert await looked_at(api, -SETTLED) == 0, "it was stored a moment ago"
    assert await looked_at(api) == 2
    assert [(await copies_of(ada, report))["state"] for report in reports] == ["safe", "safe"]
    listed = (await ada.call("GET", "/api/v1/copies")).json
    assert (listed["summary"]["reports"], listed["summary"]["safe"]) == (2, 2)
    assert await looked_at(api) == 0, "nothing is new"


async def test_a_new_root_is_looked_at_soon_and_counted_once(api: Api, ada: Member) -> None:
    (report,) = await ada.upload(new_report(CONTENT))
    await verified(api)
    assert await looked_at(api) == 0, "the whole verification has seen it"
    assert (await ada.change(report, new_report(CONTENT[::-1]), "update")).status == 200
    damage(api)
    assert await looked_at(api) == 1
    assert (await copies_of(ada, report))["state"] == "short"
    summary = (await ada.call("GET", "/api/v1/copies")).json["summary"]
    assert (summary["reports"], summary["safe"], summary["short"]) == (1, 0, 1)


async def test_what_was_thrown_away_meanwhile_is_passed_over(api: Api, ada: Member) -> None:
    (report,) = await ada.upload(new_report(CONTENT))
    assert (await ada.call("DELETE", f"/api/v1/reports/{report['id']}")).status == 200
    assert await looked_at(api) == 0


async def test_a_whole_verification_keeps_what_was_found_soon(api: Api, ada: Member) -> None:
    await ada.upload(new_report(CONTENT))
    await looked_at(api)
    await verified(api)
    listed = (await ada.call("GET", "/api/v1/copies")).json
    assert len([item for item in listed["items"] if item["kind"] == "report"]) == 1
    assert listed["summary"]["reports"] == 1
