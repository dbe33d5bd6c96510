"""Indexes, right and wrong (docs/spec/13-index.md)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from hygieia.errors import HygieiaError
from hygieia.ipld.builder import directory, join
from hygieia.ipld.cid import CID
from hygieia.openpgp.session_keys import make_session_key
from hygieia.openpgp.signing import sign_note
from hygieia.openpgp.strict_json import dumps
from hygieia.vault.index import (
    DelegationNote,
    Floor,
    Purge,
    PutContact,
    PutDelegation,
    PutReaders,
    PutReport,
    SetDeleted,
    SetKeys,
    load_all,
    make_keys_file,
    open_index,
)
from hygieia.vault.index.note import INDEX_CONTEXT
from hygieia.vault.reading import read_now
from hygieia.vault.report_build import make_header, seal_content
from hygieia.vault.share_note import Reader, Readers
from tests.unit.vault import forgeries
from tests.unit.vault.factories import NOW, Vault, ana, boris, contact, entry, ipns_key
from tests.vectors.vault_parts import Recorder, key_parts

Case = tuple[str, dict[str, Any]]


def indexes() -> Iterator[Case]:
    yield from _right()
    yield from _floors()
    yield from _notes()
    yield from _segments()


def vector(what: str, vault: Vault, root: CID | None = None, floor: Floor | None = None) -> Any:  # noqa: ANN401  (whatever JSON or arguments it is)
    root = root or vault.state.root
    recorder = Recorder(vault.blocks)
    made: dict[str, Any] = {
        "what": what,
        "kind": "index",
        "owner": key_parts(ana()),
        "floor": {"sequence": floor.sequence, "root": floor.root} if floor else None,
        "root": str(root),
    }
    try:
        state = read_now(open_index(root, ana(), floor=floor), recorder.get)
        state = read_now(load_all(state), recorder.get)
        name = state.keys.ipns_key(ana().certificate).name
    except HygieiaError as error:
        made["error"] = error.code
    else:
        made["opens"] = {
            "note": state.note.to_body(),
            "ipns_name": name,
            "digests": dict(state.keys.digests),
            "tables": {
                table: [row.to_json() for row in state.table(table).rows()]
                for table in state.tables
            },
            "pairs": str(state.pairs.cid) if state.pairs else None,
        }
    return made | {"blocks": recorder.dump()}


def _vault(count: int = 2) -> Vault:
    vault = Vault.new()
    vault.change(*(PutReport(entry()) for _ in range(count)))
    return vault


def _right() -> Iterator[Case]:
    yield "ok-empty", vector("a new index", Vault.new())
    vault = _vault(33)
    entries = list(vault.state.reports())
    note = {"note": 'hygieia delegation 1\n{"id":"' + "d" * 32 + '"}', "signature": "kept as it is"}
    vault.change(
        Purge(entries[1].id),
        SetDeleted(entries[2].id, NOW),
        PutReaders(Readers(entries[3].id, (Reader(boris().key_id, "a" * 64),), ("b" * 64,))),
        PutContact(contact(boris())),
        PutDelegation(DelegationNote("d" * 32, note)),
    )
    yield "ok-all-tables", vector("two segments, one purged, one trashed, all tables", vault)
    vault = _vault()
    pairs, built = directory([])
    vault.blocks.add(pairs)
    root = forgeries.root_over(
        vault,
        forgeries.envelope(vault, sign_note(ana(), INDEX_CONTEXT, vault.state.note.to_body())),
        forgeries.linked(forgeries.contents_of(vault)),
        ("pairs", built),
    )
    yield "ok-pairs", vector("pairs stands beside and is carried over", vault, root)
    vault = _vault()
    vault.change(PutReport(replace(entry(), extra={"later": "kept"})))
    yield "ok-later-field", vector("a field of a later version", vault)

    vault = _vault()
    [found, *_] = vault.state.reports()
    shared = Readers(found.id, (Reader(boris().key_id, "a" * 64),), ("b" * 64,))
    vault.change(PutReaders(shared))
    anew = replace(found, revision=2, data_payload_cid=entry().data_payload_cid)
    vault.change(PutReport(anew, Readers(found.id)))
    yield "ok-earlier-readers", vector("who has an earlier session key alone", vault)


def _floors() -> Iterator[Case]:
    vault = _vault()
    old, other = vault.state, vault.copy()
    vault.change(PutReport(entry()))
    other.change(PutReport(entry()))
    yield "ok-floor", vector("the one that is known", vault, floor=vault.state.floor)
    yield "ok-next", vector("the one after the known", vault, floor=old.floor)
    yield "rollback", vector("one lower than known", vault, old.root, vault.state.floor)
    yield (
        "fork",
        vector("the known number, another root", vault, other.state.root, vault.state.floor),
    )
    other.change(PutReport(entry()))
    yield (
        "fork-next",
        vector(
            "the next number, not after the known root", vault, other.state.root, vault.state.floor
        ),
    )


def _notes() -> Iterator[Case]:
    vault = _vault()
    body = vault.state.note.to_body()

    def noted(what: str, **changes: Any) -> Any:  # noqa: ANN401  (whatever JSON or arguments it is)
        note = sign_note(ana(), INDEX_CONTEXT, body | changes)
        return vector(what, vault, forgeries.with_note(vault, note))

    by_boris = sign_note(boris(), INDEX_CONTEXT, body)
    yield "signed-by-another", vector("by boris", vault, forgeries.with_note(vault, by_boris))
    context = sign_note(ana(), "hygieia report-meta 1", body)
    yield "wrong-context", vector("a meta's context", vault, forgeries.with_note(vault, context))
    yield "contents-not-the-signed", noted("other contents", contents=str(vault.state.root))
    yield "sequence-zero", noted("sequence 0", sequence=0)
    yield (
        "counts-disagree",
        noted("two entries in two segments", tables={"reports": {"segments": 2, "entries": 2}}),
    )
    yield "table-not-named", noted("a directory that the note does not name", tables={})
    yield "cursor-too-long", noted("a cursor of 257 bytes", cursor="c" * 257)
    other = Vault.new()
    other.change(SetKeys(make_keys_file(boris(), ipns_key(), NOW)))
    yield "ipns-key-by-another", vector("the IPNS key in boris's note", other)
    key = make_session_key()
    header = make_header(key, [boris().certificate])
    blocks, payload = seal_content(sign_note(ana(), INDEX_CONTEXT, body), key)
    node, index = join(header.built, payload)
    vault.blocks.add(header.block, *blocks, node)
    contents = forgeries.linked(forgeries.contents_of(vault))
    root = forgeries.root_over(vault, index, contents)
    yield "not-to-the-owner", vector("encrypted to somebody else", vault, root)
    own = forgeries.envelope(vault, sign_note(ana(), INDEX_CONTEXT, body))
    root = forgeries.root_over(vault, own, contents, ("more", contents))
    yield "third-entry", vector("a third entry in the root", vault, root)


def _segments() -> Iterator[Case]:
    vault = _vault()
    rows = [row.to_json() for row in vault.state.reports()]

    def listed(what: str, items: list[Any] | bytes, table: str = "reports") -> Any:  # noqa: ANN401  (whatever JSON or arguments it is)
        content = items if isinstance(items, bytes) else dumps(items).encode()
        segment = forgeries.envelope(vault, content)
        return vector(what, vault, forgeries.with_segment(vault, segment, table))

    yield "segment-short", listed("one entry where two are counted", rows[:1])
    yield "segment-entry-twice", listed("one id twice", [rows[0], rows[0]])
    yield "segment-not-a-list", listed("an object", b'{"0":{}}')
    text = dumps(rows).replace('"revision":1', '"revision":1,"revision":2', 1)
    yield "segment-duplicate-key", listed("a key twice", text.encode())
    yield "segment-float", listed("1.0", dumps(rows).replace(":1,", ":1.0,", 1).encode())
    untitled = {name: value for name, value in rows[1].items() if name != "title"}
    yield "segment-no-title", listed("an entry without a title", [rows[0], untitled])
    readers = [{"id": row["id"], "readers": [], "removed": []} for row in rows]
    yield "readers-not-parallel", listed("readers in another order", readers[::-1], "readers")
    key = make_session_key()
    header = make_header(key, [ana().certificate])
    blocks, payload = seal_content(dumps(rows).encode(), key)
    node, forged = join(header.built, payload)
    vault.blocks.add(header.block, *blocks, node)
    yield (
        "segment-to-the-owner",
        vector(
            "encrypted to the owner by somebody else", vault, forgeries.with_segment(vault, forged)
        ),
    )
    forged = forgeries.envelope(vault, dumps(rows).encode(), make_session_key())
    yield (
        "segment-other-session-key",
        vector("under another session key", vault, forgeries.with_segment(vault, forged)),
    )
    segments = forgeries.first_segments(vault)
    more = [*segments, ("01.pgp", segments[0][1])]
    yield (
        "segment-too-many",
        vector("one segment too many", vault, forgeries.with_segments(vault, more)),
    )
    renamed = [("0.pgp", segments[0][1])]
    yield (
        "segment-misnamed",
        vector("0.pgp for 00.pgp", vault, forgeries.with_segments(vault, renamed)),
    )
