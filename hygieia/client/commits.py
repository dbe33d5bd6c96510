"""Uploads begun and roots committed, such that a lost answer does no harm (FORMATS §9)."""

from __future__ import annotations

import contextlib
import secrets
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from hygieia.client import answers
from hygieia.client.transport import named_error, plain_words
from hygieia.errors import Duplicate, Failed, HygieiaError, NotFound, Unreachable

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Sequence

    from hygieia.client.transport import Transport


_RUN_AGAIN: Final = "Run it again: what was committed is not stored twice."


@dataclass(frozen=True, slots=True)
class NewRoot:
    """A report's id and the root to commit under it."""

    id: str
    root: str


async def start_upload(transport: Transport) -> str:
    """Begin an upload: its blocks are kept for a day, committed or not."""
    key = secrets.token_hex(16)
    answer = await transport.call("POST", "/uploads", body={}, idempotency_key=key)
    return answers.text(answer.document, "upload")


@contextlib.asynccontextmanager
async def upload_for(transport: Transport) -> AsyncIterator[str]:
    """An upload for one change: ended with it, as an account may have only so many open."""
    upload = await start_upload(transport)
    try:
        yield upload
    except Unreachable:
        raise  # It would not hear of the end either; the upload ends by itself.
    except Exception:
        await end_upload(transport, upload)
        raise
    else:
        await end_upload(transport, upload)


async def end_upload(transport: Transport, upload: str) -> None:
    """Tell the server that no more comes; that it could not be told does no harm."""
    with contextlib.suppress(HygieiaError):
        await transport.call("DELETE", f"/uploads/{upload}", repeatable=False)


async def is_open(transport: Transport, upload: str) -> bool:
    """Whether an upload begun earlier can go on: the server ends it a day later."""
    try:
        await transport.call(
            "POST", f"/uploads/{upload}/missing", body={"cids": []}, repeatable=True
        )
    except NotFound:
        return False
    return True


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
    for item in answers.parts(answer.document, "reports"):
        if item.get("error") is None:
            by_id.pop(answers.text(item, "id"), None)
            continue
        error = _error_of(answers.part(item, "error"))
        report = answers.text(item, "id")
        if not isinstance(error, Duplicate) or report not in by_id:
            raise error
        if not await is_committed(transport, report, by_id.pop(report)):
            raise error
    if by_id:
        raise Failed("The server did not commit all reports of a batch.", hint=_RUN_AGAIN)


async def is_committed(transport: Transport, report_id: str, root: str) -> bool:
    """Whether the server holds this report under this root."""
    try:
        answer = await transport.call("GET", f"/reports/{report_id}")
    except NotFound:
        return False
    return bool(answer.document.get("root") == root)


def _error_of(problem: dict[str, Any]) -> HygieiaError:
    message = plain_words(problem.get("detail") or problem.get("title")) or "Not committed."
    return named_error(problem, message, Failed)
