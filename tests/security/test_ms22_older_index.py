"""MS-22: the server shows an older index, another one of the same number, or none."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest

from hygieia.blocks.gateway import GatewayReader
from hygieia.client.index_sync import IndexSync
from hygieia.client.session import Session
from hygieia.client.state import IndexFloor
from hygieia.openpgp.times import format_time, now
from hygieia.recovery.driving import read_from
from hygieia.vault.index import IndexUpdate, SetDeleted, apply, load_for
from tests.running import Person
from tests.security.hostile import HostileProxy, Reply, json_reply
from tests.security.victims import BLOOD_TEST, LETTER, Victim, in_vault, refused, unchanged

INDEX = "/api/v1/index"
# Reading it and changing it: neither goes on from there.
COMMANDS = [("ls",), ("edit", "REPORT", "--title", "Mine"), ("rm", "REPORT"), ("put", "FILE")]


def _arguments(command: tuple[str, ...], victim: Victim) -> list[str]:
    words = {"REPORT": victim.id(BLOOD_TEST), "FILE": str(victim.kit)}
    return [words.get(word, word) for word in command]


@pytest.mark.parametrize("command", COMMANDS, ids=lambda command: command[0])
def test_an_older_index_is_a_roll_back(
    command: tuple[str, ...], proxy: HostileProxy, victim: Victim, device: Person
) -> None:
    """The kit's own index: its blocks are all there, its signature and its record are good."""
    kit = json.loads(victim.kit.read_text())
    older = {"root": kit["index_cid"], "sequence": kit["sequence"]}
    proxy.change("GET", INDEX, lambda answer: answer | older)
    with unchanged(device.home):
        refused(device, *_arguments(command, victim), code="rollback")
    assert all(request.startswith("GET /ipfs/") for request in proxy.after_the_lie())


def test_no_index_at_all_is_a_roll_back(
    proxy: HostileProxy, victim: Victim, device: Person
) -> None:
    proxy.change("GET", INDEX, lambda answer: answer | {"root": None, "sequence": 0})
    with unchanged(device.home):
        refused(device, "ls", code="rollback")
    assert proxy.after_the_lie() == []


def _two_of_one_number(person: Person, victim: Victim) -> list[IndexUpdate]:
    """What two devices would write at once: both signed by her, one number, two roots."""

    async def work(session: Session, index: IndexSync, reader: GatewayReader) -> list[IndexUpdate]:
        updates = []
        for name in (BLOOD_TEST, LETTER):
            changes = [SetDeleted(victim.id(name), format_time(now()))]
            state = await read_from(load_for(index.state, changes), reader)
            update = await asyncio.to_thread(
                apply, state, changes, key=session.key, created=format_time(now())
            )
            assert update is not None
            updates.append(update)
        first = updates[0].state
        session.store.raise_floor(IndexFloor(first.sequence, str(first.root)))
        return updates

    return in_vault(person, work)


def test_another_index_of_the_same_number_is_a_fork(
    proxy: HostileProxy, victim: Victim, device: Person
) -> None:
    seen, other = _two_of_one_number(device, victim)
    proxy.behave()
    proxy.serve([*seen.blocks, *other.blocks])
    shown: dict[str, Any] = {"root": str(other.state.root), "sequence": other.state.sequence}
    proxy.change("GET", INDEX, lambda answer: answer | shown)
    with unchanged(device.home):
        refused(device, "ls", code="fork")
        refused(device, "rm", victim.id(LETTER), code="fork")
    assert not [r for r in proxy.seen if r.method == "PUT" or "uploads" in r.path]


def test_what_the_server_says_of_the_number_is_not_believed(
    proxy: HostileProxy, victim: Victim, device: Person
) -> None:
    """The number that counts stands in the signed note."""
    kit = json.loads(victim.kit.read_text())
    high = {"root": kit["index_cid"], "sequence": 10**6}
    proxy.change("GET", INDEX, lambda answer: answer | high)
    with unchanged(device.home):
        refused(device, "ls", code="rollback")


def test_a_change_is_not_taken_for_acknowledged_under_another_root(
    proxy: HostileProxy, victim: Victim, device: Person
) -> None:
    kit = json.loads(victim.kit.read_text())
    proxy.answer("DELETE", "/api/v1/reports/[^/]+", Reply(204))
    proxy.answer("PUT", INDEX, json_reply({"root": kit["index_cid"], "sequence": 99, "rev": 99}))
    with unchanged(device.home):
        refused(device, "rm", victim.id(LETTER), code="rollback")
