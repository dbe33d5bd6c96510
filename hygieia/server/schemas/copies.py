"""Copies of reports: where they are, when they were verified."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from hygieia.server.api import Model
from hygieia.server.schemas.fields import Id, Time

Count = Annotated[int, Field(ge=0)]


class NodeCopyOut(Model):
    """What one node has of a report."""

    node: str = Field(description="What people call it: a host, or `this server`.")
    kind: Literal["own", "kubo", "gateway", "cluster"]
    state: Literal["whole", "missing", "damaged", "unreachable", "pinned", "unpinned"] = Field(
        description="`whole`: every block was read there and hashed. `pinned`, `unpinned`: what a "
        "Cluster peer says of itself; it is no copy that was verified."
    )
    verified: Time | None = Field(description="When every block was read there and hashed.")
    lacking: Count = Field(
        description="Blocks that are missing, damaged or could not be asked for."
    )


class CopiesOut(Model):
    """The copies of one report, all its versions included, or of the vault's index."""

    kind: Literal["report", "index"]
    report: Id | None = Field(description="Null for the index.")
    root: str | None = Field(description="The current root when it was looked at.")
    state: Literal["safe", "short", "unchecked"] = Field(
        description="`short`: fewer copies than `wanted`. `unchecked`: no verification has seen "
        "the current root yet."
    )
    copies: Count = Field(description="Nodes that have every block.")
    wanted: Count = Field(description="Copies that the server's host asks for.")
    checked: Time | None
    nodes: list[NodeCopyOut]


class CopiesSummaryOut(Model):
    """All reports of the account when it was last verified whole."""

    reports: Count
    safe: Count
    short: Count
    wanted: Count
    checked: Time


class CopiesPageOut(Model):
    """What is known of the account's copies, what is short first."""

    summary: CopiesSummaryOut | None = Field(description="Null before the first verification.")
    items: list[CopiesOut]
    next: str | None
