"""What ``kit test`` says of a kit that opens, but not as it should."""

from __future__ import annotations

import json
from types import SimpleNamespace

import pytest

from hygieia import recovery
from hygieia.cli import recoveries
from hygieia.cli.invocation import Invocation
from hygieia.cli.main import run
from hygieia.recovery import Proof

WARNING = "No newer index than the kit's could be opened: it may lack what came later."


@pytest.mark.parametrize("json_wanted", [False, True])
def test_what_was_odd_on_the_way_is_said(
    json_wanted: bool, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    async def prove(*_: object) -> Proof:
        return Proof(3, 0, False, None, (WARNING,))

    monkeypatch.setattr(recovery, "prove", prove)
    monkeypatch.setattr(recoveries, "read_kit", lambda _: SimpleNamespace(gateways=("http://x",)))
    monkeypatch.setattr(recoveries, "secret_for", lambda *_: object())
    words = ["--json"] if json_wanted else []
    assert run([*words, "kit", "test", "kit.json"], Invocation()) == 0
    said = capsys.readouterr()
    assert WARNING in said.err
    if json_wanted:
        assert json.loads(said.out)["warnings"] == [WARNING]
