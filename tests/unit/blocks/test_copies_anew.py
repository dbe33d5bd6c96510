"""A store whose copies a backup left out has all of them again, whenever its opening is cut off."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import NoReturn

import pytest

from hygieia.blocks.embedded import open_embedded, opening, rebuild
from tests.dags import raw

BLOCKS = [raw(number) for number in range(20)]


class Killed(BaseException):
    """As much of a kill -9 as one process can play."""


def kill(*_: object) -> NoReturn:
    raise Killed


def kill_before(monkeypatch: pytest.MonkeyPatch, step: str, path: Path) -> None:
    with monkeypatch.context() as patched:
        patched.setattr(opening, step, kill)
        with pytest.raises(Killed):
            open_embedded(path)


def lose_catalogue(path: Path) -> None:
    for file in path.glob("catalogue.sqlite*"):
        file.unlink()


@pytest.mark.parametrize("step", ["make_folders", "copy_all_again", "sync_folder"])
async def test_an_opening_that_was_cut_off_is_done_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    store = open_embedded(tmp_path)
    await store.put(BLOCKS)
    for block in BLOCKS:
        await store.pin(block.cid, name="kept")
    await store.close()
    shutil.rmtree(tmp_path / "copies")
    kill_before(monkeypatch, step, tmp_path)
    await open_embedded(tmp_path).close()
    assert not (tmp_path / opening.UNFINISHED).exists()
    lose_catalogue(tmp_path)
    rebuilt = rebuild(tmp_path)
    assert (rebuilt.blocks, rebuilt.pins) == (len(BLOCKS), len(BLOCKS))


async def test_one_that_came_to_its_end_is_not_done_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    await open_embedded(tmp_path).close()
    shutil.rmtree(tmp_path / "copies")
    await open_embedded(tmp_path).close()
    monkeypatch.setattr(opening, "copy_all_again", kill)
    await open_embedded(tmp_path).close()
