"""DAGs as clients make them: reports, indexes, and the CAR batches they travel in."""

from __future__ import annotations

import functools
import secrets
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, replace

from hygieia.ipld import builder
from hygieia.ipld.block import Block
from hygieia.ipld.builder import Built, FileBuilder
from hygieia.ipld.car import car_header, car_section
from hygieia.ipld.cid import CID
from hygieia.openpgp.certificates import Certificate
from hygieia.openpgp.envelope import make_header, rewrap
from hygieia.openpgp.packets import parse_header_leaf, pkesk_digest
from hygieia.openpgp.payload import encrypt_bytes
from hygieia.openpgp.session_keys import SessionKey, make_session_key
from tests.people import key_of


@dataclass(frozen=True)
class Dag:
    """A root and every block below it, once each."""

    built: Built
    blocks: tuple[Block, ...]

    @property
    def root(self) -> CID:
        return self.built.cid

    @property
    def cids(self) -> list[str]:
        return [str(block.cid) for block in self.blocks]

    def without(self, *cids: CID) -> Dag:
        return replace(self, blocks=tuple(b for b in self.blocks if b.cid not in cids))

    def car(self) -> bytes:
        return car_of(self.blocks)


@dataclass(frozen=True)
class ReportParts:
    """A report's pieces: for making another report that shares some of them."""

    session_key: SessionKey
    header: bytes
    data: bytes
    meta: bytes

    def dag(self) -> Dag:
        return report_dag(self.header, self.data, self.meta)

    def edited(self) -> ReportParts:
        """The same content under other meta."""
        return replace(self, meta=encrypt_bytes(secrets.token_bytes(300), self.session_key))

    def with_readers(self, *readers: Certificate, drop: Collection[str] = ()) -> ReportParts:
        """The same payloads, and packets, and one more for each reader."""
        wrapped = rewrap(self.header, self.session_key, add=readers, drop=drop)
        return replace(self, header=wrapped.octets)

    def packets(self) -> list[str]:
        """The digests of the header's packets."""
        return [pkesk_digest(packet) for packet in parse_header_leaf(self.header)]


def owner() -> Certificate:
    return key_of("ada@example.org").certificate


@functools.cache
def certificate_of(email: str) -> Certificate:
    return key_of(email).certificate


def report_parts(content: bytes | None = None) -> ReportParts:
    """A small report's envelopes, really encrypted."""
    session_key = make_session_key()
    return ReportParts(
        session_key=session_key,
        header=make_header(session_key, [owner()]),
        data=encrypt_bytes(secrets.token_bytes(500) if content is None else content, session_key),
        meta=encrypt_bytes(secrets.token_bytes(200), session_key),
    )


def new_report(content: bytes | None = None) -> Dag:
    """A report nobody has seen before."""
    return report_parts(content).dag()


def report_dag(header: bytes, data: bytes, meta: bytes, *, meta_header: bytes | None = None) -> Dag:
    """A report's directory over two envelopes, whatever is in them."""
    data_file = envelope_dag(header, data)
    meta_file = envelope_dag(header if meta_header is None else meta_header, meta)
    return directory_dag([("data.pgp", data_file), ("meta.pgp", meta_file)])


def envelope_dag(header: bytes, payload: bytes) -> Dag:
    """A file node over a header leaf and a payload's tree."""
    header_block, header_built = builder.leaf(header)
    payload_dag = file_dag(payload)
    node, built = builder.join(header_built, payload_dag.built)
    return Dag(built, unique([header_block, *payload_dag.blocks, node]))


def file_dag(data: bytes) -> Dag:
    """A payload's tree under the profile."""
    tree = FileBuilder()
    blocks = tree.update(data)
    last, built = tree.finish()
    return Dag(built, unique([*blocks, *last]))


def directory_dag(entries: Sequence[tuple[str, Dag]]) -> Dag:
    """A directory over named DAGs."""
    block, built = builder.directory([(name, dag.built) for name, dag in entries])
    return Dag(built, unique([*(b for _, dag in entries for b in dag.blocks), block]))


def unique(blocks: Iterable[Block]) -> tuple[Block, ...]:
    return tuple({block.cid: block for block in blocks}.values())


def car_of(blocks: Iterable[Block], roots: Sequence[CID] = ()) -> bytes:
    """A CARv1 batch."""
    return car_header(roots) + b"".join(car_section(block) for block in blocks)


@dataclass(frozen=True)
class IndexParts:
    """An index as text of segments, ready to be built; a change builds all of it again."""

    session_key: SessionKey
    header: bytes
    index: bytes
    keys: bytes
    reports: tuple[bytes, ...]

    @classmethod
    def new(cls, segments: int = 1) -> IndexParts:
        session_key = make_session_key()
        return cls(
            session_key=session_key,
            header=make_header(session_key, [owner()]),
            index=encrypt_bytes(secrets.token_bytes(200), session_key),
            keys=encrypt_bytes(secrets.token_bytes(200), session_key),
            reports=tuple(_segment(session_key) for _ in range(segments)),
        )

    def changed(self) -> IndexParts:
        """With its last segment written anew, as after an upload."""
        return replace(
            self,
            index=encrypt_bytes(secrets.token_bytes(200), self.session_key),
            reports=(*self.reports[:-1], _segment(self.session_key)),
        )

    def dag(self, *, extra: Sequence[tuple[str, Dag]] = ()) -> Dag:
        entries = [("keys.pgp", envelope_dag(self.header, self.keys))]
        if self.reports:
            entries.append(("reports", self._table()))
        contents = directory_dag(entries)
        index = envelope_dag(self.header, self.index)
        return directory_dag([("index.pgp", index), ("contents", contents), *extra])

    def _table(self) -> Dag:
        groups = []
        for start in range(0, len(self.reports), 64):
            files = [
                (f"{place:02d}.pgp", envelope_dag(self.header, segment))
                for place, segment in enumerate(self.reports[start : start + 64])
            ]
            groups.append((f"{start // 64:03d}", directory_dag(files)))
        return directory_dag(groups)


def _segment(session_key: SessionKey) -> bytes:
    return encrypt_bytes(secrets.token_bytes(100), session_key, 8192)
