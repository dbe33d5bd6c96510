"""Everything a handler may need, put together once by ``app``."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from hygieia.blocks.bulk import BulkReads
from hygieia.blocks.cluster import Cluster
from hygieia.config import Settings
from hygieia.domain.attempts import InFlight, Limit
from hygieia.domain.commits import Commits
from hygieia.domain.identity import Identity, IdentityPolicy, build_identity
from hygieia.domain.inbox import Inboxes
from hygieia.domain.index import Indexes
from hygieia.domain.leases import Leases
from hygieia.domain.recent_checks import RecentChecks
from hygieia.domain.report_changes import ReportChanges
from hygieia.domain.server_secrets import ServerSecrets, load_server_secrets
from hygieia.domain.stores import Stores
from hygieia.domain.sweeper import Rules, Sweeper
from hygieia.domain.trash import Trash
from hygieia.domain.uploaders import Uploaders
from hygieia.domain.uploads import Uploads
from hygieia.domain.verification import Verifier
from hygieia.server.car_batches import PUT_BLOCKS_MAX_BYTES, BatchReader
from hygieia.server.copies import build_verifier
from hygieia.server.idempotency import Idempotency
from hygieia.server.metrics import Metrics
from hygieia.server.storage import (
    build_stores,
    make_data_folder,
    open_blocks,
    open_bulk,
    open_documents,
    open_replicas,
    secrets_path,
)

if TYPE_CHECKING:
    from hygieia.documents.port import DocumentStore

BATCHES_AT_ONCE = 64
BATCHES_AT_ONCE_EACH = 8
"""CAR batches of all accounts, and of one, that are read at a time: each is up to 9 MiB of memory."""

LOOPBACK_NAMES = ("localhost", "127.0.0.1", "[::1]")


@dataclass(slots=True)
class Lifecycle:
    """What changes while a server runs: whether it still takes work, and that a sweep is wanted."""

    draining: bool = False
    sweep_wanted: asyncio.Event = field(default_factory=asyncio.Event)


@dataclass(frozen=True, slots=True)
class Services:
    """The server's parts."""

    settings: Settings
    origins: tuple[str, ...]
    stores: Stores
    cluster: Cluster | None
    bulk: BulkReads | None
    identity: Identity
    uploads: Uploads
    commits: Commits
    report_changes: ReportChanges
    trash: Trash
    indexes: Indexes
    inboxes: Inboxes
    uploaders: Uploaders
    sweeper: Sweeper
    verifier: Verifier
    recent_checks: RecentChecks
    batches: InFlight
    batch_reader: BatchReader
    server_secrets: ServerSecrets
    idempotency: Idempotency
    metrics: Metrics
    lifecycle: Lifecycle

    async def close(self) -> None:
        """Finish what was accepted and let go of files and threads."""
        await asyncio.to_thread(self.identity.close)
        await self.verifier.close()
        await self.stores.blocks.close()
        if self.cluster is not None:
            await self.cluster.close()
        await self.stores.documents.close()


def build_services(settings: Settings) -> Services:
    """Open the stores and put everything together. Blocks briefly.

    Raises:
        ConfigError: a store or the secrets file cannot be opened.
    """
    make_data_folder(settings)
    documents, cluster, bulk = (
        open_documents(settings),
        open_replicas(settings),
        open_bulk(settings),
    )
    blocks = open_blocks(settings, documents, cluster, bulk)
    stores = build_stores(documents, blocks, settings.quota_bytes)
    origins = public_origins(settings)
    server_secrets = load_server_secrets(secrets_path(settings))
    identity = _identity(settings, documents, server_secrets, origins)
    uploads = _uploads(settings, stores)
    indexes = Indexes(stores)
    trash = Trash(stores, indexes, keep=timedelta(days=settings.trash_days))
    inboxes, uploaders = Inboxes(stores), Uploaders(documents)
    verifier = build_verifier(settings, stores, indexes, cluster)
    rules = Rules(uploads, trash, indexes, identity.accounts, inboxes, uploaders)
    return Services(
        settings=settings,
        origins=origins,
        stores=stores,
        cluster=cluster,
        bulk=bulk,
        identity=identity,
        uploads=uploads,
        commits=Commits(stores),
        report_changes=ReportChanges(stores),
        trash=trash,
        indexes=indexes,
        inboxes=inboxes,
        uploaders=uploaders,
        sweeper=Sweeper(stores, rules, Leases(documents)),
        verifier=verifier,
        recent_checks=RecentChecks(stores, verifier.beside(), Leases(documents)),
        batches=InFlight(BATCHES_AT_ONCE, BATCHES_AT_ONCE_EACH, of="batches"),
        batch_reader=BatchReader(PUT_BLOCKS_MAX_BYTES),
        server_secrets=server_secrets,
        idempotency=Idempotency(documents, server_secrets),
        metrics=Metrics(),
        lifecycle=Lifecycle(),
    )


def _uploads(settings: Settings, stores: Stores) -> Uploads:
    lease = timedelta(hours=settings.upload_lease_hours)
    return Uploads(
        stores.documents, stores.blocks, stores.facts, stores.quotas, stores.jobs, lease=lease
    )


def public_url(settings: Settings) -> str:
    """The address that people use, without a slash at the end."""
    if settings.public_url:
        return settings.public_url
    host = "localhost" if settings.host in {"", "0.0.0.0", "::"} else settings.host  # noqa: S104  (compared with, not bound to)
    shown = f"[{host}]" if ":" in host else host
    return f"{'https' if settings.tls else 'http'}://{shown}:{settings.port}"


def public_origins(settings: Settings) -> tuple[str, ...]:
    """The origins of this server, from its settings and never from a request."""
    parts = urlsplit(public_url(settings))
    port = parts.port
    default = {"http": 80, "https": 443}[parts.scheme]
    suffix = "" if port in {None, default} else f":{port}"
    host = parts.netloc.rpartition(":")[0] if port is not None else parts.netloc
    names = LOOPBACK_NAMES if host.lower() in LOOPBACK_NAMES else (host.lower(),)
    first = [name for name in names if name == host.lower()]
    return tuple(f"{parts.scheme}://{name}{suffix}" for name in dict.fromkeys([*first, *names]))


def _identity(
    settings: Settings,
    documents: DocumentStore,
    server_secrets: ServerSecrets,
    origins: tuple[str, ...],
) -> Identity:
    window = timedelta(minutes=settings.sign_in_window_minutes)
    policy = IdentityPolicy(
        origins=origins,
        registration=settings.registration,
        session_lifetime=timedelta(days=settings.session_days),
        account_limit=Limit(settings.sign_in_attempts_account, window),
        address_limit=Limit(settings.sign_in_attempts_address, window),
    )
    return build_identity(documents, server_secrets, lambda: datetime.now(UTC), policy)
