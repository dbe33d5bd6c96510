"""How much room each account uses: real bytes of DAGs, counted once a pinned version.

One document an account. What is being committed stands beside what is used as a *hold*, under a
key of its own, so that taking room, keeping it and giving it back can each be repeated after a
crash without being counted twice: there is no transaction over documents (``documents.port``).
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final, cast

from hygieia.domain.account import COLLECTION as ACCOUNTS
from hygieia.errors import Conflict, Duplicate, NotFound, QuotaExceeded, StaleRevision

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from hygieia.documents.port import Body, Document, DocumentStore

COLLECTION: Final = "usage"
UPLOAD_PREFIX: Final = "upload-"
_TRIES: Final = 100


@dataclass(frozen=True, slots=True)
class Usage:
    """Bytes that reports and the index use, and bytes held for what is under way."""

    report_bytes: int = 0
    index_bytes: int = 0
    holds: tuple[tuple[str, int], ...] = ()

    @property
    def used_bytes(self) -> int:
        """What counts against the limit: committed, or being committed."""
        held = sum(size for key, size in self.holds if not key.startswith(UPLOAD_PREFIX))
        return self.report_bytes + self.index_bytes + held

    @property
    def uploading_bytes(self) -> int:
        """Bytes of uploads that nothing has committed yet."""
        return sum(size for key, size in self.holds if key.startswith(UPLOAD_PREFIX))

    @property
    def uploads(self) -> frozenset[str]:
        """The ids of the uploads that hold room."""
        keys = (key for key, _ in self.holds if key.startswith(UPLOAD_PREFIX))
        return frozenset(key.removeprefix(UPLOAD_PREFIX) for key in keys)

    def held(self, key: str) -> int | None:
        """The bytes held under ``key``, or None."""
        return dict(self.holds).get(key)

    def with_hold(self, key: str, size_bytes: int | None) -> Usage:
        """The same with one hold set, or dropped with None."""
        holds = {name: size for name, size in self.holds if name != key}
        if size_bytes is not None:
            holds[key] = size_bytes
        return replace(self, holds=tuple(sorted(holds.items())))


class Quotas:
    """The usage documents. ``default_bytes`` may be used where the host made no exception."""

    def __init__(self, documents: DocumentStore, default_bytes: int) -> None:
        self._documents = documents
        self._default_bytes = default_bytes

    async def limit(self, account: str) -> int:
        """Bytes that the account may use."""
        document = await self._documents.get(ACCOUNTS, account)
        own = None if document is None else document.body["quota_bytes"]
        return own if isinstance(own, int) else self._default_bytes

    async def usage(self, account: str) -> Usage:
        """What the account uses now."""
        document = await self._documents.get(COLLECTION, account)
        return Usage() if document is None else _read(document)

    async def room(self, account: str) -> int:
        """Bytes that may still be committed."""
        return max(0, await self.limit(account) - (await self.usage(account)).used_bytes)

    async def hold(self, account: str, key: str, size_bytes: int) -> None:
        """Take room under ``key``, or raise ``QuotaExceeded``. Repeating it changes nothing."""
        limit = await self.limit(account)

        def take(usage: Usage) -> Usage:
            if usage.held(key) is not None:
                return usage
            if size_bytes:
                _require_room(usage.used_bytes + size_bytes, limit)
            return usage.with_hold(key, size_bytes)

        await self._change(account, take)

    async def settle(self, account: str, key: str, change_bytes: int) -> None:
        """Turn the hold ``key`` into ``change_bytes`` of use. Without the hold it is done already."""

        def settle(usage: Usage) -> Usage:
            if usage.held(key) is None:
                return usage
            reports = max(0, usage.report_bytes + change_bytes)
            return replace(usage.with_hold(key, None), report_bytes=reports)

        await self._change(account, settle)

    async def set_index(self, account: str, size_bytes: int) -> None:
        """Say how large the current index is."""
        await self._change(account, lambda usage: replace(usage, index_bytes=size_bytes))

    async def add_upload(self, account: str, upload: str, size_bytes: int) -> None:
        """Count bytes put under an upload, or raise ``QuotaExceeded``."""
        limit = await self.limit(account)

        def add(usage: Usage) -> Usage:
            _require_room(usage.used_bytes + usage.uploading_bytes + size_bytes, limit)
            key = UPLOAD_PREFIX + upload
            return usage.with_hold(key, (usage.held(key) or 0) + size_bytes)

        await self._change(account, add)

    async def take_upload(self, account: str, upload: str, committed_bytes: int | None) -> None:
        """Count bytes of an upload as committed elsewhere; with None the upload is over."""

        def take(usage: Usage) -> Usage:
            key = UPLOAD_PREFIX + upload
            held = usage.held(key)
            if held is None:
                return usage
            left = 0 if committed_bytes is None else max(0, held - committed_bytes)
            return usage.with_hold(key, left or None)

        await self._change(account, take)

    async def end_uploads(self, account: str, uploads: Iterable[str]) -> None:
        """Give back all that these uploads, which are over, still hold."""
        keys = {UPLOAD_PREFIX + upload for upload in uploads}

        def end(usage: Usage) -> Usage:
            return replace(usage, holds=tuple(hold for hold in usage.holds if hold[0] not in keys))

        await self._change(account, end)

    async def drop(self, account: str) -> None:
        """Forget an account that is gone."""
        await self._documents.delete(COLLECTION, account)

    async def _change(self, account: str, change: Callable[[Usage], Usage]) -> None:
        """Compare-and-set until it holds; each loss means that another change went through."""
        for _ in range(_TRIES):
            document = await self._documents.get(COLLECTION, account)
            before = Usage() if document is None else _read(document)
            after = change(before)
            if after == before:
                return
            try:
                if document is None:
                    await self._documents.insert(COLLECTION, account, _body(after))
                else:
                    await self._documents.replace(COLLECTION, account, document.rev, _body(after))
            except (StaleRevision, Duplicate, NotFound):
                continue
            return
        raise Conflict("The account is being changed by too many requests at once.")


def _require_room(wanted_bytes: int, limit_bytes: int) -> None:
    if wanted_bytes > limit_bytes:
        raise QuotaExceeded(
            "The account's space is used up.",
            hint="Delete reports and empty the trash, or ask the host for more space.",
        )


def _read(document: Document) -> Usage:
    body = document.body
    holds = cast("dict[str, int]", body["holds"])
    return Usage(
        report_bytes=cast("int", body["report_bytes"]),
        index_bytes=cast("int", body["index_bytes"]),
        holds=tuple(sorted(holds.items())),
    )


def _body(usage: Usage) -> Body:
    return {
        "report_bytes": usage.report_bytes,
        "index_bytes": usage.index_bytes,
        "holds": dict(usage.holds),
    }
