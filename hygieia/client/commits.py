"""Uploads begun and roots committed, such that a lost answer does no harm (FORMATS §9)."""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from hygieia.client.transport import ERRORS_BY_CODE, plain_words
from hygieia.errors import Duplicate, Failed, HygieiaError, NotFound, TooManyAttempts, Unavailable

if TYPE_CHECKING:
    from collections.abc import Sequence

    from hygieia.client.transport import Transport


@dataclass(frozen=True, slots=True)
class NewRoot:
    """A report's id and the root to commit under it."""

    id: str
    root: str


async def start_upload(transport: Transport) -> str:
    """Begin an upload: its blocks are kept for a day, committed or not."""
    key = secrets.token_hex(16)
    answer = await transport.call("POST", "/uploads", body={}, idempotency_key=key)
    return str(answer.document["upload"])


async def commit_reports(transport: Transport, upload: str, roots: Sequence[NewRoot]) -> None:
    """Commit new reports whose blocks have been acknowledged.

    A repetition after a lost answer finds its own reports there: the same id under the same root
    is success.

    Raises:
        HygieiaError: the first refusal; the other reports of the batch may be committed.
    """
    body = {"upload": upload, "reports": [{"id": one.id, "root": one.root} for one in roots]}
    key = secrets.token_hex(16)
    answer = await transport.call("POST", "/reports", body=body, idempotency_key=key)
    by_id = {one.id: one.root for one in roots}
    for item in answer.document["reports"]:
        problem = item.get("error")
        if problem is None:
            continue
        error = _error_of(problem)
        mine = isinstance(error, Duplicate) and item["id"] in by_id
        if not (mine and await is_committed(transport, item["id"], by_id[item["id"]])):
            raise error


async def is_committed(transport: Transport, report_id: str, root: str) -> bool:
    """Whether the server holds this report under this root."""
    try:
        answer = await transport.call("GET", f"/reports/{report_id}")
    except NotFound:
        return False
    return bool(answer.document.get("root") == root)


def _error_of(problem: dict[str, Any]) -> HygieiaError:
    kind = ERRORS_BY_CODE.get(str(problem.get("code")), Failed)
    message = plain_words(problem.get("detail") or problem.get("title")) or "Not committed."
    if issubclass(kind, TooManyAttempts | Unavailable):
        return kind(message, retry_after_seconds=5)
    return kind(message)
