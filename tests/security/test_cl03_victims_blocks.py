"""CL-03: who commits a root over a victim's blocks and deletes it takes nothing from the victim."""

from __future__ import annotations

from tests.factories.dags import ReportParts, report_parts
from tests.factories.servers import Api, Member


async def test_deleting_a_root_over_anothers_blocks_leaves_them(
    api: Api, ada: Member, bob: Member
) -> None:
    victims = report_parts()
    dag = victims.dag()
    (report,) = await ada.upload(dag)
    # Bob knows the CIDs, which are public, and needs to send the four blocks that are his own.
    thefts = ReportParts(victims.session_key, victims.header, victims.data, b"")
    stolen = thefts.edited().dag()
    (theft,) = await bob.upload(stolen)
    path = f"/api/v1/reports/{theft['id']}"
    await bob.call("DELETE", path)
    assert (await bob.call("DELETE", f"{path}/purge")).status == 204
    await api.services.sweeper.sweep()
    blocks = api.services.stores.blocks
    assert await blocks.missing([block.cid for block in dag.blocks]) == []
    assert await blocks.missing([stolen.root]) == [stolen.root]
    assert (await ada.call("GET", f"/api/v1/reports/{report['id']}")).json == report
    assert (await api.call("GET", f"/ipfs/{dag.root}/data.pgp")).status == 200


async def test_his_copy_counts_against_his_own_room(ada: Member, bob: Member) -> None:
    victims = report_parts(bytes(300_000))
    await ada.upload(victims.dag())
    thefts = ReportParts(victims.session_key, victims.header, victims.data, b"")
    stolen = thefts.edited().dag()
    await bob.upload(stolen)
    account = (await bob.call("GET", "/api/v1/account")).json
    assert account["quota"]["used_bytes"] == stolen.built.tsize > 300_000
