"""What the command says of people who are not given what is stored."""

from __future__ import annotations

from pathlib import Path
from typing import cast

import pytest

from hygieia.cli.commands import put
from hygieia.cli.invocation import Invocation
from hygieia.cli.left_out import describe_each, warn_of_delegates, warn_of_left_out
from hygieia.cli.main import run
from hygieia.errors import Unreachable
from hygieia.vault.sharing import LeftOut, NextReaders, Why

KEY = "ab" * 16


class Saying:
    """Remembers what is said; of an invocation these commands need no more."""

    def __init__(self) -> None:
        self.said: list[str] = []

    def warn(self, text: str) -> None:
        self.said.append(text)


def test_put_names_them_also_where_it_fails(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    async def fails(*given: object, **_: object) -> None:
        left_out = given[4]
        assert isinstance(left_out, list)
        left_out.append(LeftOut(KEY, Why.CHANGED))
        raise Unreachable("The server does not answer.")

    monkeypatch.setattr(put, "_put_files", fails)
    (tmp_path / "blood.txt").write_text("Hb 13.9")
    assert run(["put", str(tmp_path / "blood.txt")], Invocation()) == Unreachable.exit_code
    said = capsys.readouterr().err
    assert f"not read by the key {KEY[:16]}…" in said
    assert "does not answer" in said


@pytest.mark.parametrize("why", Why)
def test_each_reason_is_said_and_told_to_programs(why: Why) -> None:
    left_out = (LeftOut(KEY, why),)
    said = Saying()
    warn_of_delegates(cast("Invocation", said), left_out)
    warn_of_left_out(cast("Invocation", said), "c" * 32, NextReaders((), left_out))
    assert all(f"not read by the key {KEY[:16]}…, who " in each for each in said.said)
    assert len(said.said) == 2
    assert describe_each(left_out) == [{"key": KEY, "email": None, "why": str(why)}]
