"""What the rules about reports work on, put together once."""

from __future__ import annotations

from dataclasses import dataclass

from hygieia.blocks.port import BlockStore
from hygieia.documents.port import DocumentStore
from hygieia.domain.access import Access
from hygieia.domain.activity import Activity
from hygieia.domain.block_facts import BlockFacts
from hygieia.domain.changes import Changes
from hygieia.domain.claims import Claims
from hygieia.domain.jobs import Jobs
from hygieia.domain.quotas import Quotas
from hygieia.domain.reports import Reports
from hygieia.domain.shares import Shares


@dataclass(frozen=True, slots=True)
class Stores:
    """The two stores and the small books kept in them."""

    documents: DocumentStore
    blocks: BlockStore
    facts: BlockFacts
    reports: Reports
    claims: Claims
    changes: Changes
    quotas: Quotas
    jobs: Jobs
    shares: Shares
    access: Access
    activity: Activity
