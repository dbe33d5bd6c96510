"""Every vector of reports, indexes and kits gives the verdict written in it."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from hygieia.errors import BlockMissing, HygieiaError
from hygieia.ipld.block import Block, verify
from hygieia.ipld.cid import CID
from hygieia.openpgp.certificates import Certificate
from hygieia.openpgp.keys import UnlockedKey
from hygieia.vault.index import Floor, KeysFile, load_all, open_index
from hygieia.vault.kit import Kit, check_against, open_with_code, open_with_password
from hygieia.vault.people import Contact, ContactState, People
from hygieia.vault.reading import read_now
from hygieia.vault.report import ContentReader, Expected
from hygieia.vault.report_entry import ReportEntry
from hygieia.vault.report_read import read_report

FOLDER = Path(__file__).parents[2] / "vectors"
VECTORS = sorted(path for name in ("reports", "index", "kit") for path in (FOLDER / name).glob("*"))


def key_of(vector: dict[str, Any]) -> UnlockedKey:
    parts = vector["owner"]
    return UnlockedKey(
        Certificate.parse(parts["certificate"]),
        bytes.fromhex(parts["signing_secret"]),
        bytes.fromhex(parts["decryption_secret"]),
    )


def source_of(vector: dict[str, Any]) -> Callable[[CID], Block]:
    def get(cid: CID) -> Block:
        data = vector["blocks"].get(str(cid))
        if data is None:
            raise BlockMissing("not in the vector")
        return verify(cid, bytes.fromhex(data))

    return get


def contact(armored: str) -> Contact:
    certificate = Certificate.parse(armored)
    return Contact(
        certificate.key_id, armored, ContactState.VERIFIED, certificate.name, certificate.email
    )


def read_a_report(vector: dict[str, Any]) -> dict[str, Any]:
    key, get = key_of(vector), source_of(vector)
    people = People(key.certificate, (), [contact(armored) for armored in vector["contacts"]])
    entry = None if vector["entry"] is None else ReportEntry.from_json(vector["entry"])
    reading = read_report(CID.parse(vector["root"]), key, people, Expected(entry=entry))
    report = read_now(reading, get)
    content = ContentReader(report)
    _ = [*content.update(get(report.encrypted.data.cid).data), *content.finish()]
    return {
        "meta": report.meta.to_body(),
        "verdict": report.verdict.value,
        "ownership": str(report.ownership),
        "origin_author": report.origin.author if report.origin else None,
    }


def read_an_index(vector: dict[str, Any]) -> dict[str, Any]:
    key, get = key_of(vector), source_of(vector)
    floor = None if vector["floor"] is None else Floor(**vector["floor"])
    state = read_now(open_index(CID.parse(vector["root"]), key, floor=floor), get)
    state = read_now(load_all(state), get)
    return {
        "note": state.note.to_body(),
        "ipns_name": state.keys.ipns_key(key.certificate).name,
        "digests": dict(state.keys.digests),
        "tables": {
            table: [row.to_json() for row in state.table(table).rows()] for table in state.tables
        },
        "pairs": str(state.pairs.cid) if state.pairs else None,
    }


def read_a_kit(vector: dict[str, Any]) -> dict[str, Any]:
    kit = Kit.from_bytes(vector["kit"].encode())
    if vector["code"] is not None:
        key = open_with_code(kit, vector["code"])
    else:
        key = open_with_password(kit, vector["password"])[0]
    check_against(kit, KeysFile.from_bytes(vector["keys"].encode()), key.certificate)
    return {"key_id": key.key_id, "ipns_name": kit.ipns_name, "sequence": kit.sequence}


READERS = {"report": read_a_report, "index": read_an_index, "kit": read_a_kit}


@pytest.mark.parametrize(
    "path", VECTORS, ids=[f"{path.parent.name}/{path.stem}" for path in VECTORS]
)
def test_a_vector_gives_its_verdict(path: Path) -> None:
    vector = json.loads(path.read_text("ascii"))
    read = READERS[vector["kind"]]
    if "opens" in vector:
        assert read(vector) == vector["opens"]
        return
    with pytest.raises(HygieiaError) as refused:
        read(vector)
    assert refused.value.code == vector["error"]


def test_there_are_vectors_of_every_kind() -> None:
    assert len(VECTORS) >= 100
