"""Uploads, reports, versions, changes."""

from __future__ import annotations

from typing import Annotated, Final, Literal

from pydantic import Field, StringConstraints

from hygieia.limits import (
    MAX_ASKED_CIDS,
    MAX_BATCH_CIDS,
    MAX_COMMIT_REPORTS,
    MAX_EARLIER_REVISIONS,
)
from hygieia.server.api import Model, Parameters
from hygieia.server.schemas.fields import Bytes, CidText, Email, Id, PageQuery, Problem, Rev, Time

# A CID of ours has 59 characters, and a request's first line 8 KiB here and behind most proxies.
_ASKED_CHARACTERS: Final = 64 * MAX_ASKED_CIDS

ChangeKind = Literal["create", "update", "edit", "readers", "rekey"]

# A note that gives back carries a certificate (docs/spec/19-re-key-and-give-back.md §4).
MAX_SHARE_NOTE_CHARACTERS: Final = 8192
Shares = list[Annotated[str, Field(max_length=MAX_SHARE_NOTE_CHARACTERS)]]
SHARES: Final = (
    "Signed notes `hygieia share 1` (docs/spec/16), one for each recipient added but the owner."
)


class UploadPath(Parameters):
    """Names an upload."""

    upload: Id


class UploadOut(Model):
    """An upload: blocks put under it are kept until ``expires``."""

    upload: Id
    expires: Time


class MissingIn(Model):
    """Blocks that a client is about to send."""

    cids: list[CidText] = Field(max_length=MAX_BATCH_CIDS)


class MissingOut(Model):
    """Those to send; the others are had and kept for this upload."""

    missing: list[str]


class AbsentQuery(Parameters):
    """Names the blocks that are asked for."""

    cids: Annotated[
        str,
        StringConstraints(pattern=r"^b[a-z2-7]{50}[a-z2-7,]*$", max_length=_ASKED_CHARACTERS),
        Field(description=f"CIDs with commas between them, at most {MAX_ASKED_CIDS}."),
    ]


class AbsentOut(Model):
    """Blocks that are not here."""

    missing: list[str]


class StoredOut(Model):
    """What a CAR batch held."""

    stored_blocks: Annotated[int, Field(ge=0)]
    stored_bytes: Bytes = Field(description="Bytes of blocks in this batch that were new.")


class ReportPath(Parameters):
    """Names a report."""

    report: Id


class NewReport(Model):
    """A report to commit: its id, made by the client, and the root of its DAG (docs/spec/12)."""

    id: Id
    root: CidText
    shares: Shares = Field(default=[], description=SHARES)


class CommitIn(Model):
    """Reports whose blocks are uploaded."""

    upload: Id
    reports: list[NewReport] = Field(min_length=1, max_length=MAX_COMMIT_REPORTS)
    owner: Email | None = Field(
        default=None,
        description="For whom, if not for the caller: somebody who lets her store (17.5).",
    )


class ReportOut(Model):
    """What the server knows of a report: nothing that is in it."""

    id: Id
    root: str = Field(description="CID of the current root.")
    rev: Rev
    owner: Id
    created: Time
    changed: Time
    deleted: Time | None = Field(description="When it was put in the trash.")
    size_bytes: Bytes = Field(description="Bytes of the current root's whole DAG.")
    readers: Annotated[int, Field(ge=1)] = Field(
        description="Recipients of the current root, the owner among them."
    )


class CommitItem(Model):
    """The outcome for one report: the report, or the problem that kept it out."""

    id: Id
    report: ReportOut | None = None
    error: Problem | None = None


class CommitOut(Model):
    """Outcomes in the order asked."""

    reports: list[CommitItem]


class ChangeIn(Model):
    """A new root for a report.

    ``update``: new content. ``edit``: new meta, same data payload. ``readers``: same payloads,
    another header. ``rekey``: the same content under a new session key; every root committed before
    ends with it.
    """

    upload: Id
    root: CidText
    change: Literal["update", "edit", "readers", "rekey"]
    shares: Shares = Field(default=[], description=SHARES)
    earlier: list[CidText] = Field(
        default=[],
        max_length=MAX_EARLIER_REVISIONS,
        description="Of a re-key: roots of earlier revisions issued again, oldest first.",
    )


class ReportsQuery(PageQuery):
    """A piece of the list of reports, or of the trash."""

    trash: bool = False


class ReportsOut(Model):
    """Reports, newest first."""

    items: list[ReportOut]
    next: str | None


class VersionOut(Model):
    """One committed root of a report."""

    root: str
    rev: Rev
    created: Time
    change: ChangeKind
    size_bytes: Bytes


class VersionsOut(Model):
    """Committed roots, newest first."""

    items: list[VersionOut]
    next: str | None


class ChangeOut(Model):
    """That a report is new, changed, in the trash or gone (``root`` null)."""

    report: Id
    root: str | None
    rev: Rev
    deleted: bool


class ChangesOut(Model):
    """Changes after the cursor. Some may come twice, none is left out. ``next`` always goes on."""

    items: list[ChangeOut]
    next: str
    more: bool = Field(description="Whether more is there to be read at once.")
    inbox: bool = Field(description="Whether anything waits in the caller's inbox (17.4).")
