"""Long work stays off the event loop: counted, not timed. What was found on it comes here."""

from __future__ import annotations

import threading
from collections import Counter
from typing import Any

import pytest

from hygieia.domain import envelope_shape
from hygieia.domain.block_facts import BlockFacts
from hygieia.ipld.cid import CID, RAW
from tests.factories.dags import new_report
from tests.factories.servers import Api, Member, new_id

FEW = 8
"""So many calls of a kind a request may make on the loop."""


@pytest.fixture
def on_the_loop(monkeypatch: pytest.MonkeyPatch) -> Counter[str]:
    """Counts calls that were made by the loop's own thread, by name."""
    counted: Counter[str] = Counter()
    loop_thread = threading.get_ident()

    def watch(owner: Any, name: str) -> None:  # noqa: ANN401  (whatever JSON or arguments it is)
        original = getattr(owner, name)

        def wrapper(*arguments: Any, **named: Any) -> Any:  # noqa: ANN401  (whatever JSON or arguments it is)
            if threading.get_ident() == loop_thread:
                counted[name] += 1
            return original(*arguments, **named)

        monkeypatch.setattr(owner, name, wrapper)

    watch(CID, "parse")
    watch(CID, "__str__")
    watch(BlockFacts, "_remember")
    watch(envelope_shape, "parse_header_leaf")
    return counted


async def test_thousands_of_cids_are_read_elsewhere(ada: Member, on_the_loop: Counter[str]) -> None:
    upload = await ada.start_upload()
    asked = [str(CID.of(RAW, number.to_bytes(4, "big"))) for number in range(2000)]
    on_the_loop.clear()
    reply = await ada.call("POST", f"/api/v1/uploads/{upload}/missing", {"cids": asked})
    assert reply.json["missing"] == asked
    assert {name: n for name, n in on_the_loop.items() if n > FEW} == {}


async def test_a_large_commit_is_inspected_elsewhere(
    ada: Member, api: Api, on_the_loop: Counter[str]
) -> None:
    dags = [new_report(number.to_bytes(4, "big") * 100) for number in range(40)]
    upload = await ada.start_upload()
    blocks = [block for dag in dags for block in dag.blocks]
    on_the_loop.clear()
    await ada.put(upload, blocks)
    put = {name: n for name, n in on_the_loop.items() if name == "_remember"}
    assert put == {}
    facts = api.services.stores.facts
    facts._known.clear()  # as after a restart, or on another server
    facts._used_bytes = 0
    reply = await ada.commit(upload, [(new_id(), dag.root) for dag in dags])
    assert reply.status == 201
    for name in ("_remember", "parse_header_leaf"):
        assert on_the_loop[name] == 0
