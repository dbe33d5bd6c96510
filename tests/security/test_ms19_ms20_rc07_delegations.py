"""MS-19, MS-20, RC-07: recipients that nobody delegated to, ended delegations, and wider ones.

Who becomes a recipient is decided by the notes in the owner's own signed index. What a server
counts, delivers once more, or a delegate writes wider than what he was given, adds nobody.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.running import Person
from tests.security.hostile import HostileProxy
from tests.security.victims import refused, run_here
from tests.vectors.vault_delegations import boris, read_table_vector

FOLDER = Path(__file__).parents[1] / "vectors" / "delegations"
NOBODY = ("ghost", "not-the-owners", "ended", "expired", "unverified", "changed", "not-begun")
WIDER = ("all-categories", "categories", "rights", "time")


def test_a_recipient_whom_the_server_counts_in_stops_the_upload(
    proxy: HostileProxy, newcomer: Person, tmp_path: Path
) -> None:
    """MS-19: one reader more than this client encrypted to."""
    (tmp_path / "blood.txt").write_text("Hb 13.9 g/dl")

    def one_more(answer: dict[str, Any]) -> None:
        for item in answer["reports"]:
            item["report"]["readers"] += 1

    proxy.change("POST", "/api/v1/reports", one_more)
    refused(newcomer, "put", str(tmp_path / "blood.txt"), code="recipient-refused")
    proxy.behave()
    [report] = run_here(newcomer, "--json", "ls").document["reports"]
    answer = run_here(newcomer, "--json", "info", report["id"])
    assert answer.document["readers"] == 1, "nobody but the owner was ever encrypted to"


@pytest.mark.parametrize("which", NOBODY)
def test_a_delegation_that_does_not_act_adds_no_recipient(which: str) -> None:
    """MS-19, MS-20: forged, of others, ended, expired, not compared, of a changed key."""
    vector = json.loads((FOLDER / f"table-{which}.json").read_text("ascii"))
    assert read_table_vector(vector)["readers"] == {}


@pytest.mark.parametrize("which", WIDER)
def test_what_is_passed_on_wider_than_it_was_given_adds_nobody(which: str) -> None:
    """RC-07: the delegate reads on, the one he chose does not."""
    vector = json.loads((FOLDER / f"chain-wider-{which}.json").read_text("ascii"))
    assert set(read_table_vector(vector)["readers"]) <= {boris().key_id}


def test_whose_parent_has_ended_reads_no_more() -> None:
    """RC-07 and MS-20: a chain ends where one of its links does."""
    vector = json.loads((FOLDER / "chain-parent-ended.json").read_text("ascii"))
    assert read_table_vector(vector)["readers"] == {}
