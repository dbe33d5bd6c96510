"""A lost or broken catalogue is made anew from packs and copies (docs/adr/0010)."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from hygieia.blocks.embedded import copies, open_embedded, rebuild, sweeper
from hygieia.blocks.embedded.pack_tables import Placed, encode_table, read_table
from hygieia.blocks.embedded.rebuild import KEPT_FOR_SECONDS
from hygieia.errors import (
    BlockMissing,
    ConfigError,
    Conflict,
    IntegrityError,
    Unavailable,
    UsageError,
)
from tests.dags import noise, raw, report
from tests.unit.blocks.broken_stores import (
    CATALOGUE,
    cut,
    empty,
    files_in,
    lose,
    lose_with_the_marker,
    overwrite,
)

DAMAGES = [lose, empty, overwrite, cut, lose_with_the_marker]


@pytest.mark.parametrize("damage", DAMAGES)
async def test_everything_acknowledged_is_back(
    tmp_path: Path, damage: Callable[[Path], None]
) -> None:
    store = open_embedded(tmp_path)
    dags = [report(seed, size) for seed, size in enumerate((10, 60_000, 3 << 20))]
    for dag in dags:
        await store.put(dag.blocks)
        await store.pin(dag.root, name=f"report:{dag.root}")
    await store.put_record("k51one", b"first")
    await store.put_record("k51one", b"second")
    pins = [pin async for pin in store.pins()]
    await store.close()
    damage(tmp_path / CATALOGUE)
    with pytest.raises(ConfigError, match="catalogue"):
        open_embedded(tmp_path)
    rebuilt = rebuild(tmp_path)
    assert (rebuilt.damaged, rebuilt.missing, rebuilt.unreadable_packs) == (0, 0, 0)
    assert (tmp_path / "format").exists()
    again = open_embedded(tmp_path)
    assert (await again.sweep()).missing == 0
    for dag in dags:
        found = await again.get_many(dag.cids)
        assert found == [block.data for block in dag.blocks]
    assert [pin async for pin in again.pins()] == pins
    assert await again.get_record("k51one") == b"second"
    await again.close()


async def test_what_was_unpinned_or_dropped_does_not_come_back(tmp_path: Path) -> None:
    store = open_embedded(tmp_path)
    gone, kept, again_pinned = report(1, 60_000), report(2, 60_000), report(3, 100)
    for dag in (gone, kept, again_pinned):
        await store.put(dag.blocks)
        await store.pin(dag.root, name="me")
    await store.unpin(gone.root, name="me")
    await store.unpin(again_pinned.root, name="me")
    await store.pin(again_pinned.root, name="me")
    for record in (b"x", b"y"):
        await store.put_record("k51one", record)
    await store.drop_record("k51one")
    await store.sweep()
    await store.close()
    lose(tmp_path / CATALOGUE)
    rebuilt = rebuild(tmp_path)
    assert (rebuilt.pins, rebuilt.records, rebuilt.missing, rebuilt.damaged) == (2, 0, 0, 0)
    store = open_embedded(tmp_path, clock=lambda: time.time() + KEPT_FOR_SECONDS + 1)
    await store.sweep()
    assert await store.missing([*kept.cids, *again_pinned.cids]) == []
    with pytest.raises(BlockMissing):
        await store.get(gone.root)
    await store.close()


async def test_damage_that_a_start_does_not_see_is_told_with_what_to_do(tmp_path: Path) -> None:
    store = open_embedded(tmp_path)
    for seed in range(40):
        await store.put([raw(seed, 4000)])
    await store.close()
    file = tmp_path / CATALOGUE
    with file.open("r+b") as catalogue:
        catalogue.seek(4096)  # the first page, with the schema, stays
        catalogue.write(noise(1, file.stat().st_size - 4096))
    store = open_embedded(tmp_path)
    with pytest.raises(Unavailable) as caught:
        await store.sweep()
    assert "admin rebuild" in str(caught.value.hint)
    await store.close()
    assert rebuild(tmp_path).blocks == 40


@pytest.mark.parametrize("what", ["cut", "gone"])
async def test_what_lost_its_pin_with_the_copies_outlives_the_next_sweeps(
    tmp_path: Path, what: str
) -> None:
    store = open_embedded(tmp_path)
    dag = report(1, 60_000)
    await store.put(dag.blocks)
    await store.close()  # so that the pin stands in a file of its own
    store = open_embedded(tmp_path)
    first = set(files_in(tmp_path / "copies"))
    await store.pin(dag.root, name="me")
    await store.close()
    [with_pin] = set(files_in(tmp_path / "copies")) - first
    if what == "cut":
        os.truncate(with_pin, with_pin.stat().st_size - 1)
    else:
        with_pin.unlink()
    lose(tmp_path / CATALOGUE)
    assert rebuild(tmp_path).pins == 0
    store = open_embedded(tmp_path)
    await store.sweep()
    assert await store.missing(dag.cids) == []
    await store.pin(dag.root, name="me")
    await store.close()
    store = open_embedded(tmp_path, clock=lambda: time.time() + KEPT_FOR_SECONDS + 1)
    await store.sweep()
    assert await store.missing(dag.cids) == []
    await store.close()


async def test_numbers_go_on_so_that_an_old_end_ends_nothing_new(tmp_path: Path) -> None:
    store = open_embedded(tmp_path)
    dag, other = report(1, 100), report(2, 100)
    await store.put([*dag.blocks, *other.blocks])
    await store.pin(dag.root, name="old")
    await store.unpin(dag.root, name="old")
    await store.release("nobody")  # the transaction that tells of the end
    await store.close()
    for _ in range(2):
        lose(tmp_path / CATALOGUE)
        rebuild(tmp_path)
        store = open_embedded(tmp_path)
        await store.pin(other.root, name="new")
        await store.close()
    lose(tmp_path / CATALOGUE)
    assert rebuild(tmp_path).pins == 1


async def test_a_number_given_back_and_given_again_costs_no_pin_and_no_record(
    tmp_path: Path,
) -> None:
    store = open_embedded(tmp_path)
    dag, other = report(1, 100), report(2, 100)
    await store.put([*dag.blocks, *other.blocks])
    await store.pin(dag.root, name="committed")
    await store.put_record("k51committed", b"committed")
    await store.close()
    rolled_back = copies.CopyFiles(tmp_path)  # as by a kill between copy and commit
    rolled_back.append(
        [
            copies.PinCopy(1, other.root.encode(), "rolled back", 1.0),
            copies.RecordCopy(1, "k51rolled", b"rolled back"),
        ]
    )
    rolled_back.close()
    for _ in range(2):
        lose(tmp_path / CATALOGUE)
        rebuild(tmp_path)
        store = open_embedded(tmp_path)
        assert await store.is_pinned(dag.root, name="committed")
        assert await store.get_record("k51committed") == b"committed"
        await store.close()
    store = open_embedded(tmp_path)
    await store.unpin(dag.root, name="committed")
    await store.release("nobody")
    await store.close()
    lose(tmp_path / CATALOGUE)
    rebuild(tmp_path)
    store = open_embedded(tmp_path)
    assert [pin.name async for pin in store.pins()] == ["rolled back"]
    await store.close()


async def test_a_damaged_copy_costs_the_records_it_hits_and_stops_sweeps(tmp_path: Path) -> None:
    store = open_embedded(tmp_path)
    dags = [report(seed, 60_000) for seed in range(3)]
    for dag in dags:
        await store.put(dag.blocks)
        await store.pin(dag.root, name="me")
    await store.close()
    (file,) = files_in(tmp_path / "copies")
    data = bytearray(file.read_bytes())
    place = data.find(dags[1].blocks[-1].data)  # the root's bytes
    data[place + 3] ^= 1
    file.write_bytes(data)
    lose(tmp_path / CATALOGUE)
    rebuilt = rebuild(tmp_path)
    assert rebuilt.unreadable_bytes > 0
    assert rebuilt.missing == 1
    assert any(path.read_bytes() == data for path in files_in(tmp_path / "quarantine"))
    store = open_embedded(tmp_path)
    with pytest.raises(IntegrityError):
        await store.sweep()  # would take what the lost root linked
    assert await store.missing(dags[1].cids) == [dags[1].root]
    await store.put([dags[1].blocks[-1]])
    await store.sweep()
    assert await store.missing([cid for dag in dags for cid in dag.cids]) == []
    await store.close()


async def test_a_large_block_that_is_wrong_is_told_and_one_removed_is_not(tmp_path: Path) -> None:
    store = open_embedded(tmp_path)
    blocks = [raw(seed, 100_000) for seed in range(3)]
    await store.put(blocks)
    for block in blocks[1:]:
        await store.pin(block.cid)
    await store.sweep()
    await store.close()
    (pack,) = files_in(tmp_path / "packs")
    with pack.open("r+b") as file:
        file.seek(2 * 102_400 + 7)
        file.write(b"\xff\x00\xff")
    lose(tmp_path / CATALOGUE)
    assert rebuild(tmp_path).damaged == 1
    store = open_embedded(tmp_path)
    assert await store.get(blocks[1].cid) == blocks[1].data
    assert await store.missing([blocks[2].cid]) == [blocks[2].cid]
    await store.close()


async def test_a_pack_without_a_table_is_kept_out_of_the_sweeps_way(tmp_path: Path) -> None:
    store = open_embedded(tmp_path)
    await store.put([raw(1, 100_000)])
    await store.put([raw(2, 100_000)])
    await store.close()
    pack = files_in(tmp_path / "packs")[0]
    whole = pack.read_bytes()
    pack.write_bytes(whole[:-1])
    lose(tmp_path / CATALOGUE)
    rebuilt = rebuild(tmp_path)
    assert (rebuilt.unreadable_packs, rebuilt.blocks) == (1, 1)
    assert [path.read_bytes() for path in (tmp_path / "quarantine").iterdir()] == [whole[:-1]]


async def test_it_is_refused_while_a_process_has_the_store_open(tmp_path: Path) -> None:
    store = open_embedded(tmp_path)
    await store.put([raw(1)])
    lose(tmp_path / CATALOGUE)
    with pytest.raises(Conflict):
        rebuild(tmp_path)
    await store.close()
    assert rebuild(tmp_path).blocks == 1


async def test_a_sound_catalogue_is_left_alone(tmp_path: Path) -> None:
    store = open_embedded(tmp_path)
    await store.put([raw(1)])
    await store.close()
    before = (tmp_path / CATALOGUE).read_bytes()
    with pytest.raises(UsageError):
        rebuild(tmp_path)
    assert (tmp_path / CATALOGUE).read_bytes() == before


def test_nothing_is_not_taken_for_an_empty_store(tmp_path: Path) -> None:
    with pytest.raises(ConfigError):
        rebuild(tmp_path)
    (tmp_path / "packs").mkdir()
    with pytest.raises(ConfigError):
        rebuild(tmp_path)
    assert not (tmp_path / CATALOGUE).exists()


async def test_the_broken_catalogue_is_kept(tmp_path: Path) -> None:
    store = open_embedded(tmp_path)
    await store.put([raw(1)])
    await store.close()
    (tmp_path / CATALOGUE).write_bytes(b"broken")
    rebuild(tmp_path)
    (aside,) = (tmp_path / "quarantine").iterdir()
    assert aside.read_bytes() == b"broken"


async def test_copies_are_written_anew_once_most_of_them_is_dead(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sweeper, "RENEW_FROM_BYTES", 10_000)
    store, beside = open_embedded(tmp_path), open_embedded(tmp_path)
    kept = raw(1, 5000)
    await store.put([kept])
    await store.pin(kept.cid, name="kept")
    await beside.pin(kept.cid, name="beside")  # its file stays open
    await store.unpin(kept.cid, name="beside")
    for seed in range(2, 30):
        await store.put([raw(seed, 5000)])
    before = sum(path.stat().st_size for path in files_in(tmp_path / "copies"))
    await store.sweep()
    after = sum(path.stat().st_size for path in files_in(tmp_path / "copies"))
    assert after < before / 10
    await store.put([raw(50, 100)])
    await beside.close()
    await store.close()
    lose(tmp_path / CATALOGUE)
    rebuilt = rebuild(tmp_path)
    assert (rebuilt.blocks, rebuilt.pins) == (2, 1)


async def test_what_was_removed_is_gone_from_the_copies_within_days(tmp_path: Path) -> None:
    ahead = 0.0
    store = open_embedded(tmp_path, clock=lambda: time.time() + ahead)
    kept, gone = raw(1), raw(2)
    await store.put([kept, gone])
    await store.pin(kept.cid)
    await store.sweep()
    assert any(gone.data in file.read_bytes() for file in files_in(tmp_path / "copies"))
    ahead = sweeper.RENEW_AFTER_SECONDS + 60
    await store.sweep()
    assert not any(gone.data in file.read_bytes() for file in files_in(tmp_path / "copies"))
    await store.close()
    lose(tmp_path / CATALOGUE)
    assert rebuild(tmp_path).blocks == 1


def test_a_reader_passes_over_what_is_no_record(tmp_path: Path) -> None:
    records: list[copies.Copy] = [
        copies.BlockCopy(b"\x12\x20" + noise(1, 32), b"data"),
        copies.PinCopy(7, b"root", "name é", 1.5),
        copies.RecordCopy(3, "k51", b"record"),
        copies.Ended("U", 7),
    ]
    encoded = [copies.encode(record) for record in records]
    file = tmp_path / "file"
    file.write_bytes(b"junk" + encoded[0] + encoded[1][:-1] + encoded[2] + encoded[3] + b"\xc6HyC")
    found = list(copies.read(file))
    assert [one for one in found if not isinstance(one, copies.Unreadable)] == [
        records[0],
        records[2],
        records[3],
    ]
    lost = sum(one.size_bytes for one in found if isinstance(one, copies.Unreadable))
    assert lost == 4 + len(encoded[1]) - 1 + 4


@pytest.mark.parametrize("position", range(0, 64, 5))
def test_a_table_with_a_flipped_bit_is_none(tmp_path: Path, position: int) -> None:
    table = bytearray(encode_table([Placed(b"\x12\x20" + noise(1, 32), 4096, 100)]))
    table[position % len(table)] ^= 4
    pack = tmp_path / "pack"
    pack.write_bytes(bytes(8192) + table)
    with pack.open("rb") as opened:
        assert read_table(opened.fileno()) is None
