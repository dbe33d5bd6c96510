"""What a block links: the edges along which pins keep and CARs travel."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hygieia.ipld import dagcbor, dagpb
from hygieia.ipld.cid import DAG_CBOR, DAG_PB

if TYPE_CHECKING:
    from hygieia.ipld.cid import CID


def links_of(cid: CID, data: bytes) -> list[CID]:
    """The CIDs that a block links, in order; of unknown codecs none. Raises ``DagRefused``."""
    if cid.codec == DAG_PB:
        return [link.cid for link in dagpb.decode_any(data).links]
    if cid.codec == DAG_CBOR:
        return list(dagcbor.links(dagcbor.decode(data)))
    return []
