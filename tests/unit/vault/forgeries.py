"""Indexes with one part exchanged, by somebody who has everything but the owner's consent.

Where the owner's signature would give the exchange away first, she signs again: so each forgery
is stopped by the one rule that it is meant to break.
"""

from __future__ import annotations

from hygieia.ipld.builder import Built, directory, join
from hygieia.ipld.cid import CID
from hygieia.ipld.dagpb import Link
from hygieia.ipld.shapes import read_index_root
from hygieia.ipld.unixfs import decode_directory
from hygieia.openpgp.session_keys import SessionKey
from hygieia.openpgp.signing import sign_note
from hygieia.vault.index.note import INDEX_CONTEXT
from hygieia.vault.report_build import seal_content
from tests.unit.vault.factories import Vault, ana


def header_of(vault: Vault) -> Built:
    header = vault.state.header
    return Built(header.cid, len(header.data), len(header.data))


def linked(link: Link) -> Built:
    return Built(link.cid, 0, link.tsize)


def envelope(vault: Vault, content: bytes, session_key: SessionKey | None = None) -> Built:
    """An envelope under the index's header, and its session key unless another is given."""
    blocks, payload = seal_content(content, session_key or vault.state.session_key)
    node, built = join(header_of(vault), payload)
    vault.blocks.add(*blocks, node)
    return built


def root_over(vault: Vault, index: Built, contents: Built, *more: tuple[str, Built]) -> CID:
    root, _ = directory([("index.pgp", index), ("contents", contents), *more])
    vault.blocks.add(root)
    return root.cid


def contents_of(vault: Vault) -> Link:
    return read_index_root(vault.blocks.get(vault.state.root).data).contents


def with_note(vault: Vault, note: bytes) -> CID:
    """The index with another note."""
    return root_over(vault, envelope(vault, note), linked(contents_of(vault)))


def with_contents(vault: Vault, contents: Built, **changes: object) -> CID:
    """The index with other contents, signed again; ``changes`` to the note's body."""
    body = vault.state.note.to_body() | {"contents": str(contents.cid)} | changes
    return root_over(vault, envelope(vault, sign_note(ana(), INDEX_CONTEXT, body)), contents)


def first_segments(vault: Vault, table: str = "reports") -> list[tuple[str, Built]]:
    """The entries of a table's first directory."""
    found = decode_directory(vault.blocks.get(contents_of(vault).cid).data).find(table)
    assert found is not None
    first = decode_directory(vault.blocks.get(found.cid).data).find("000")
    assert first is not None
    entries = decode_directory(vault.blocks.get(first.cid).data).entries
    return [(each.name, linked(each)) for each in entries]


def with_segments(
    vault: Vault, segments: list[tuple[str, Built]], table: str = "reports", **changes: object
) -> CID:
    """The index with other segments in a table's first directory, signed again."""
    first, first_built = directory(segments)
    root, root_built = directory([("000", first_built)])
    others = decode_directory(vault.blocks.get(contents_of(vault).cid).data).entries
    entries = [(each.name, linked(each)) for each in others if each.name != table]
    contents, built = directory([*entries, (table, root_built)])
    vault.blocks.add(first, root, contents)
    return with_contents(vault, built, **changes)


def with_segment(vault: Vault, segment: Built, table: str = "reports") -> CID:
    """The index with another first segment of a table of one, signed again."""
    return with_segments(vault, [("00.pgp", segment)], table)
