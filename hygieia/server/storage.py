"""Opening the two stores that the settings name; adapters are imported only when chosen."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from hygieia.documents.guarded import GuardedDocumentStore
from hygieia.domain.access import Access
from hygieia.domain.activity import Activity
from hygieia.domain.block_facts import BlockFacts
from hygieia.domain.changes import Changes
from hygieia.domain.claims import Claims
from hygieia.domain.jobs import Jobs
from hygieia.domain.quotas import Quotas
from hygieia.domain.reports import Reports
from hygieia.domain.shares import Shares
from hygieia.domain.stores import Stores
from hygieia.errors import ConfigError
from hygieia.folders import make_folder
from hygieia.openpgp.times import now
from hygieia.server.logs import get_log

if TYPE_CHECKING:
    from collections.abc import Callable

    from hygieia.blocks.cluster import Cluster
    from hygieia.blocks.embedded import Damaged
    from hygieia.blocks.kubo import KuboGateway
    from hygieia.blocks.port import BlockStore
    from hygieia.config import Settings
    from hygieia.documents.port import DocumentStore

SQLITE_FILE = "documents.sqlite"
BLOCKS_FOLDER = "blocks"
SECRETS_FILE = "secrets.json"


def blocks_kind(address: str) -> str:
    """``directory`` or ``kubo``: the kind of block store that HYGIEIA_BLOCKS names by an address."""
    return "directory" if address.startswith("directory:") else "kubo"


def make_data_folder(settings: Settings) -> None:
    """Make the data folder, for its owner only. Raises ``ConfigError``."""
    try:
        make_folder(settings.data_dir)
    except OSError as error:
        raise ConfigError(f"The data folder cannot be made: {error.strerror}.") from None


def open_documents(settings: Settings) -> DocumentStore:
    """The document store that HYGIEIA_DOCUMENTS names, as a server uses it. Raises ``ConfigError``."""
    store = open_document_store(settings.documents, settings.data_dir)
    return GuardedDocumentStore(store, blocks=blocks_kind(settings.blocks))


def open_document_store(
    address: str, data_dir: Path, clock: Callable[[], datetime] = lambda: datetime.now(UTC)
) -> DocumentStore:
    """The document store at an address as HYGIEIA_DOCUMENTS has it. Raises ``ConfigError``."""
    scheme, _, rest = address.partition(":")
    if scheme == "sqlite":
        from hygieia.documents.sqlite import open_sqlite  # noqa: PLC0415  (adapters are imported when chosen)

        return open_sqlite(Path(rest) if rest else data_dir / SQLITE_FILE, clock=clock)
    from hygieia.documents.mongo import open_mongo  # noqa: PLC0415  (adapters are imported when chosen)

    return open_mongo(address, clock=clock)


def documents_file(settings: Settings) -> Path | None:
    """The file of the embedded document store, None where the settings name another."""
    scheme, _, rest = settings.documents.partition(":")
    if scheme != "sqlite":
        return None
    return Path(rest) if rest else settings.data_dir / SQLITE_FILE


def open_replicas(settings: Settings) -> Cluster | None:
    """The Cluster that HYGIEIA_CLUSTER names, if one does. Raises ``ConfigError``."""
    if not settings.cluster:
        return None
    from hygieia.blocks.cluster import Replication, open_cluster  # noqa: PLC0415  (adapters are imported when chosen)

    at_least, at_most = settings.cluster_replication or (None, None)
    return open_cluster(settings.cluster, Replication(at_least, at_most))


def open_bulk(settings: Settings) -> KuboGateway | None:
    """The gateway that HYGIEIA_KUBO_GATEWAY names, if one does. Raises ``ConfigError``."""
    if not settings.kubo_gateway:
        return None
    from hygieia.blocks.kubo import KuboGateway  # noqa: PLC0415  (adapters are imported when chosen)

    return KuboGateway(settings.kubo_gateway)


def open_blocks(
    settings: Settings,
    documents: DocumentStore,
    cluster: Cluster | None = None,
    bulk: KuboGateway | None = None,
) -> BlockStore:
    """The block store that HYGIEIA_BLOCKS names. Raises ``ConfigError``.

    ``documents`` is where an adapter keeps what its store cannot, ``cluster`` keeps copies of what
    is pinned; closing them is the caller's. ``bulk`` is closed with the store.
    """
    folder = blocks_folder(settings)
    if folder is None:
        from hygieia.blocks.kubo import open_kubo  # noqa: PLC0415  (adapters are imported when chosen)

        return open_kubo(settings.blocks, documents, cluster, bulk)
    from hygieia.blocks.embedded import open_embedded  # noqa: PLC0415  (adapters are imported when chosen)

    return open_embedded(folder, on_damage=_log_damage)


def blocks_folder(settings: Settings) -> Path | None:
    """The folder of the embedded block store; None where HYGIEIA_BLOCKS names another kind."""
    scheme, _, rest = settings.blocks.partition(":")
    if scheme != "directory":
        return None
    return Path(rest) if rest else settings.data_dir / BLOCKS_FOLDER


def _log_damage(damaged: Damaged) -> None:
    get_log().error("damaged block", multihash=damaged.multihash.hex(), kept_as=damaged.kept_as)


def secrets_path(settings: Settings) -> Path:
    """Where the server's own secrets lie."""
    return settings.secrets_file or settings.data_dir / SECRETS_FILE


def build_stores(documents: DocumentStore, blocks: BlockStore, quota_bytes: int) -> Stores:
    """The two stores with the books that the rules keep in them."""
    reports, shares = Reports(documents), Shares(documents)
    return Stores(
        documents=documents,
        blocks=blocks,
        facts=BlockFacts(blocks),
        reports=reports,
        claims=Claims(documents, reports),
        changes=Changes(documents),
        quotas=Quotas(documents, quota_bytes),
        jobs=Jobs(documents),
        shares=shares,
        access=Access(reports, shares),
        activity=Activity(documents, now),
    )
