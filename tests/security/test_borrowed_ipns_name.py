"""Somebody opens an account under another person's IPNS name (no key is needed to say it).

Her records are public and verify for everyone, so he could bring an old one and have this server's
gateway give it out again: a roll-back of her vault for whoever recovers it (G5, F§7).
"""

from __future__ import annotations

from hygieia.domain.published import COLLECTION, Published
from tests.factories.dags import IndexParts
from tests.factories.servers import Api, Member
from tests.people import BOB


async def given_out(api: Api, member: Member) -> bytes | None:
    reply = await api.call("GET", f"/ipns/{member.ipns_name}?format=ipns-record")
    return reply.body if reply.status == 200 else None


async def test_an_older_record_brought_by_a_stranger_is_not_given_out(
    api: Api, ada: Member
) -> None:
    parts = IndexParts.new()
    old = parts.dag()
    old_record = ada.record(old.root, 1)
    rev = (await ada.change_index(old, rev=0, sequence=1, record=old_record)).json["rev"]
    new = parts.changed().dag()
    new_record = ada.record(new.root, 2)
    await ada.change_index(new, rev=rev, sequence=2, record=new_record)
    mallory = await api.sign_up(BOB, ipns_name=ada.ipns_name)
    reply = await mallory.change_index(old, rev=0, sequence=1, record=old_record)
    assert reply.status == 200  # as far as his own account goes, this is an index
    assert await given_out(api, ada) == new_record


async def test_his_account_goes_and_her_record_stays(api: Api, ada: Member) -> None:
    dag = IndexParts.new().dag()
    record = ada.record(dag.root, 1)
    await ada.change_index(dag, rev=0, sequence=1, record=record)
    mallory = await api.sign_up(BOB, ipns_name=ada.ipns_name)
    await mallory.change_index(dag, rev=0, sequence=1, record=record)
    secret = mallory.person.seal().login_secret
    gone = {"confirm": mallory.person.email, "login_secret": secret}
    assert (await mallory.call("POST", "/api/v1/account/delete", gone)).status == 204
    await api.until_emptied(mallory.person)
    assert await given_out(api, ada) == record


async def test_her_own_record_goes_with_her_account(api: Api, ada: Member) -> None:
    dag = IndexParts.new().dag()
    await ada.change_index(dag, rev=0, sequence=1)
    secret = ada.person.seal().login_secret
    gone = {"confirm": ada.person.email, "login_secret": secret}
    await ada.call("POST", "/api/v1/account/delete", gone)
    await api.until_emptied(ada.person)
    assert await given_out(api, ada) is None
    stores = api.services.stores
    assert (await stores.documents.scan(COLLECTION, limit=1)).items == ()
    assert (await stores.documents.scan("index", limit=1)).items == ()


async def test_a_slow_writer_leaves_the_newest_record_behind(api: Api) -> None:
    """A newer record overtakes between the document and the block store."""
    stores = api.services.stores
    fast = Published(stores.documents, stores.blocks)

    class Slow:
        async def put_record(self, name: str, record: bytes) -> None:
            if record == b"old":
                await fast.give_out("ada", name, 2, "bmV3")
            await stores.blocks.put_record(name, record)

    await Published(stores.documents, Slow()).give_out("bob", "k51name", 1, "b2xk")  # type: ignore[arg-type]  # a stand-in for the test
    assert await stores.blocks.get_record("k51name") == b"new"
