"""Uploads begun and roots committed, such that a lost answer does no harm (docs/spec/10)."""

from __future__ import annotations

import contextlib
import secrets
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from hygieia.client import answers
from hygieia.client.transport import named_error, plain_words
from hygieia.errors import Duplicate, Failed, HygieiaError, NotFound, Unreachable
from hygieia.limits import MAX_JSON_BODY_BYTES
from hygieia.vault.delegations import require_counted

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator, Sequence

    from hygieia.client.transport import Transport


_NOTES_BYTES: Final = MAX_JSON_BODY_BYTES // 2
_RUN_AGAIN: Final = "Run it again: what was committed is not stored twice."


@dataclass(frozen=True, slots=True)
class NewRoot:
    """A report's id and the root to commit under it.

    ``shares`` are the notes for its readers but the owner.
    """

    id: str
    root: str
    shares: tuple[bytes, ...] = ()

    @property
    def recipients(self) -> int:
        """How many packets its header has: a note each, and the owner's."""
        return len(self.shares) + 1

    def to_json(self) -> dict[str, Any]:
        """The item of a request."""
        shares = [note.decode() for note in self.shares]
        return {"id": self.id, "root": self.root} | ({"shares": shares} if shares else {})


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


async def commit_reports(
    transport: Transport, upload: str, roots: Sequence[NewRoot], owner: str | None = None
) -> frozenset[str]:
    """Commit new reports whose blocks have been acknowledged.

    A repetition after a lost answer finds its own reports there: the same id under the same root
    is success. ``owner`` is the email of whom they are for, if not for the caller.

    Returns the ids that are there under another root, which the caller has to look at: it was
    committed before and has been changed since.

    Raises:
        RecipientRefused: the server counts other recipients than were sealed (threat MS-19).
        HygieiaError: the first refusal; the other reports of the batch may be committed.
    """
    changed: set[str] = set()
    for part in _parts(roots):
        changed |= await _commit(transport, upload, part, owner)
    return frozenset(changed)


def _parts(roots: Sequence[NewRoot]) -> Iterator[Sequence[NewRoot]]:
    """Notes are long: as many reports a request as its body holds."""
    part: list[NewRoot] = []
    size_bytes = 0
    for one in roots:
        # Doubled, for line feeds and quotes are escaped once more.
        note_bytes = 2 * sum(map(len, one.shares))
        if part and size_bytes + note_bytes > _NOTES_BYTES:
            yield part
            part, size_bytes = [], 0
        part.append(one)
        size_bytes += note_bytes
    if part:
        yield part


async def _commit(
    transport: Transport, upload: str, roots: Sequence[NewRoot], owner: str | None
) -> set[str]:
    body: dict[str, Any] = {"upload": upload, "reports": [one.to_json() for one in roots]}
    if owner is not None:
        body["owner"] = owner
    key = secrets.token_hex(16)
    answer = await transport.call("POST", "/reports", body=body, idempotency_key=key)
    by_id = {one.id: one for one in roots}
    changed: set[str] = set()
    for item in answers.parts(answer.document, "reports"):
        report = answers.text(item, "id")
        if item.get("error") is None:
            one = by_id.pop(report, None)
            if one is not None:
                counted = answers.number(answers.part(item, "report"), "readers")
                require_counted(one.recipients, counted)
            continue
        error = _error_of(answers.part(item, "error"))
        if not isinstance(error, Duplicate) or report not in by_id:
            raise error
        root = await committed_root(transport, report)
        if root is None:
            raise error
        if root != by_id.pop(report).root:
            changed.add(report)
    if by_id:
        raise Failed("The server did not commit all reports of a batch.", hint=_RUN_AGAIN)
    return changed


async def committed_root(transport: Transport, report_id: str) -> str | None:
    """The root under which the server holds this report; None where it shows the caller none."""
    try:
        answer = await transport.call("GET", f"/reports/{report_id}")
    except NotFound:
        return None
    return answers.text(answer.document, "root")


def _error_of(problem: dict[str, Any]) -> HygieiaError:
    message = plain_words(problem.get("detail") or problem.get("title")) or "Not committed."
    return named_error(problem, message, Failed)
