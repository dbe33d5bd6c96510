"""What the command says of people who are not given what is stored."""

from __future__ import annotations

from typing import cast

import pytest

from hygieia.cli.invocation import Invocation
from hygieia.cli.left_out import describe_each, warn_of_delegates, warn_of_left_out
from hygieia.vault.sharing import LeftOut, NextReaders, Why

KEY = "ab" * 16


class Saying:
    """Remembers what is said; of an invocation these commands need no more."""

    def __init__(self) -> None:
        self.said: list[str] = []

    def warn(self, text: str) -> None:
        self.said.append(text)


@pytest.mark.parametrize("why", Why)
def test_each_reason_is_said_and_told_to_programs(why: Why) -> None:
    left_out = (LeftOut(KEY, why),)
    said = Saying()
    warn_of_delegates(cast("Invocation", said), left_out)
    warn_of_left_out(cast("Invocation", said), "c" * 32, NextReaders((), left_out))
    assert all(f"not read by the key {KEY[:16]}…, who " in each for each in said.said)
    assert len(said.said) == 2
    assert describe_each(left_out) == [{"key": KEY, "email": None, "why": str(why)}]
