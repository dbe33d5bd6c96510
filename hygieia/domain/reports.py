"""Reports as the server knows them: an id, a root, who owns it, how large it is. Nothing inside.

A report is one document. Its ``rev`` is the document's, so it rises with every change and a stale
one loses the compare-and-set (docs/spec/11 §2). Its committed roots are *versions*, one document each
under the root's CID, so a root is committed once and no more. Lists are scopes: live reports, the
trash, and what was purged but a recovery kit still names.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING, Final, Literal, cast

from hygieia.errors import NotFound
from hygieia.openpgp.times import parse_time

if TYPE_CHECKING:
    from datetime import datetime

    from hygieia.documents.port import Body, Document, DocumentStore

COLLECTION: Final = "reports"
VERSIONS: Final = "versions"

ChangeKind = Literal["create", "update", "edit", "readers", "rekey"]


class State(Enum):
    """Where a report is in its life. Only ``LIVE`` and ``TRASH`` are visible."""

    LIVE = "live"
    TRASH = "trash"
    KEPT = "kept"
    PURGING = "purging"
    RELEASING = "releasing"


class Stage(Enum):
    """How far a version has come."""

    CLAIMED = "claimed"
    COMMITTED = "committed"
    UNDOING = "undoing"
    DROPPED = "dropped"
    """Superseded by a re-key: being unpinned and forgotten (``dropping``)."""


@dataclass(frozen=True, slots=True)
class Report:
    """A report's document. ``first_root`` is that of its creation, or of its last re-key.

    Versions of a ``rev`` below ``kept_from`` ended with a re-key: they are nobody's any more.
    ``added_bytes``: what others than the owner have stored since then by adding readers.
    """

    id: str
    rev: int
    account: str
    state: State
    root: str
    first_root: str
    size_bytes: int
    readers: int
    data_payload: str
    data_payload_bytes: int
    meta_payload: str
    meta_payload_bytes: int
    created: str
    changed: str
    deleted: str | None = None
    release_bytes: int = 0
    kept_from: int = 1
    added_bytes: int = 0

    @property
    def pin_name(self) -> str:
        """The name under which the block store keeps this report's roots."""
        return pin_name(self.id)

    @property
    def is_visible(self) -> bool:
        """Whether its owner can see it."""
        return self.state in {State.LIVE, State.TRASH}

    @property
    def deleted_at(self) -> datetime | None:
        """When it was put in the trash."""
        return None if self.deleted is None else parse_time(self.deleted)

    def has_committed(self, version: Version) -> bool:
        """Whether ``version`` came to be this report's root, or was issued again before one."""
        ours = self.account == version.account and version.rev >= self.kept_from
        return ours and (
            version.root in {self.root, self.first_root}
            or version.before == self.root
            or version.stage is Stage.COMMITTED
        )


@dataclass(frozen=True, slots=True)
class Version:
    """One root offered for a report. ``charged_bytes`` is what it added to the account's use.

    A revision issued again by a re-key is committed together with the new root, ``before`` it, in
    its ``place``; any other has ``before`` None.
    """

    root: str
    document_rev: int
    report: str
    account: str
    attempt: str
    stage: Stage
    change: ChangeKind
    rev: int
    size_bytes: int
    charged_bytes: int
    created: str
    before: str | None = None
    place: int = 0

    @property
    def sort(self) -> str:
        """Its place among the report's versions: those issued again stand below their root."""
        return f"{self.rev - 1:016d}.{self.place:04d}" if self.before else f"{self.rev:016d}"


@dataclass(frozen=True, slots=True)
class ReportPage:
    """A piece of a list of reports."""

    items: tuple[Report, ...]
    next: str | None


@dataclass(frozen=True, slots=True)
class VersionPage:
    """A piece of a report's history."""

    items: tuple[Version, ...]
    next: str | None


class Reports:
    """Reading reports and their versions."""

    def __init__(self, documents: DocumentStore) -> None:
        self._documents = documents

    async def get(self, account: str, report_id: str) -> Report:
        """The account's report, in the trash or not. ``NotFound`` for anyone else's as well."""
        report = await self.find(report_id)
        if report is None or report.account != account or not report.is_visible:
            raise NotFound("There is no such report.")
        return report

    async def find(self, report_id: str) -> Report | None:
        """The report whoever owns it, in any state."""
        document = await self._documents.get(COLLECTION, report_id)
        return None if document is None else read_report(document)

    async def page(
        self, account: str, *, state: State, after: str | None, limit: int
    ) -> ReportPage:
        """The account's reports in a state, newest first."""
        page = await self._documents.page(
            COLLECTION, scope_of(account, state), after=after, limit=limit, newest_first=True
        )
        return ReportPage(tuple(read_report(item) for item in page.items), page.next)

    async def versions(self, report: Report, *, after: str | None, limit: int) -> VersionPage:
        """The roots committed for a report, newest first."""
        page = await self._documents.page(
            VERSIONS, report.id, after=after, limit=limit, newest_first=True
        )
        found = (read_version(item) for item in page.items)
        return VersionPage(tuple(v for v in found if report.has_committed(v)), page.next)

    async def replace(self, report: Report) -> Report:
        """Store ``report``, in the list of its state, over the one it was read as.

        Raises ``StaleRevision`` when that has changed since, ``NotFound`` when it is gone.
        """
        document = await self._documents.replace(
            COLLECTION,
            report.id,
            report.rev,
            report_body(report),
            scope=scope_of(report.account, report.state),
        )
        return read_report(document)

    async def version(self, root: str) -> Version | None:
        """What is known of a root."""
        document = await self._documents.get(VERSIONS, root)
        return None if document is None else read_version(document)


def pin_name(report_id: str) -> str:
    """The name under which the block store keeps a report's roots."""
    return f"report:{report_id}"


def scope_of(account: str, state: State) -> str:
    """The list that a report in ``state`` stands in."""
    return account if state is State.LIVE else f"{account}.{state.value}"


def report_body(report: Report) -> Body:
    """The document of a report."""
    return {
        "account": report.account,
        "state": report.state.value,
        "root": report.root,
        "first_root": report.first_root,
        "size_bytes": report.size_bytes,
        "readers": report.readers,
        "data_payload": report.data_payload,
        "data_payload_bytes": report.data_payload_bytes,
        "meta_payload": report.meta_payload,
        "meta_payload_bytes": report.meta_payload_bytes,
        "created": report.created,
        "changed": report.changed,
        "deleted": report.deleted,
        "release_bytes": report.release_bytes,
        "kept_from": report.kept_from,
        "added_bytes": report.added_bytes,
    }


def read_report(document: Document) -> Report:
    """A report from its document."""
    body = document.body
    return Report(
        id=document.id,
        rev=document.rev,
        account=cast("str", body["account"]),
        state=State(body["state"]),
        root=cast("str", body["root"]),
        first_root=cast("str", body["first_root"]),
        size_bytes=cast("int", body["size_bytes"]),
        readers=cast("int", body["readers"]),
        data_payload=cast("str", body["data_payload"]),
        data_payload_bytes=cast("int", body["data_payload_bytes"]),
        meta_payload=cast("str", body["meta_payload"]),
        meta_payload_bytes=cast("int", body["meta_payload_bytes"]),
        created=cast("str", body["created"]),
        changed=cast("str", body["changed"]),
        deleted=cast("str | None", body["deleted"]),
        release_bytes=cast("int", body["release_bytes"]),
        kept_from=cast("int", body.get("kept_from", 1)),
        added_bytes=cast("int", body.get("added_bytes", 0)),
    )


def version_body(version: Version) -> Body:
    """The document of a version; its id is the root, its scope the report."""
    return {
        "report": version.report,
        "account": version.account,
        "attempt": version.attempt,
        "stage": version.stage.value,
        "change": version.change,
        "rev": version.rev,
        "size_bytes": version.size_bytes,
        "charged_bytes": version.charged_bytes,
        "created": version.created,
        "before": version.before,
        "place": version.place,
    }


def read_version(document: Document) -> Version:
    """A version from its document."""
    body = document.body
    return Version(
        root=document.id,
        document_rev=document.rev,
        report=cast("str", body["report"]),
        account=cast("str", body["account"]),
        attempt=cast("str", body["attempt"]),
        stage=Stage(body["stage"]),
        change=cast("ChangeKind", body["change"]),
        rev=cast("int", body["rev"]),
        size_bytes=cast("int", body["size_bytes"]),
        charged_bytes=cast("int", body["charged_bytes"]),
        created=cast("str", body["created"]),
        before=cast("str | None", body.get("before")),
        place=cast("int", body.get("place", 0)),
    )
