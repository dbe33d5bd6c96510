"""Sending notes to other people's inboxes, and reading one's own (docs/spec/17-delegations.md §4)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from hygieia.client import answers
from hygieia.client.batches import BatchSender
from hygieia.client.commits import upload_for
from hygieia.client.session import Session
from hygieia.ipld.cid import CID
from hygieia.recovery.driving import BlockSource, read_from
from hygieia.vault import words
from hygieia.vault.message import read_message, seal_message

if TYPE_CHECKING:
    from collections.abc import Sequence

    from hygieia.openpgp.certificates import Certificate

_PAGE_ITEMS: Final = 200
_MOST_PAGES: Final = 10


@dataclass(frozen=True, slots=True)
class Message:
    """What the server says of a message: a hint. ``sender`` is the email it gives, if any."""

    id: str
    root: CID
    sender: str | None


@dataclass(frozen=True, slots=True)
class Messages:
    """The messages of a signed-in account."""

    session: Session
    source: BlockSource

    async def post(
        self, note: bytes, certificates: Sequence[Certificate], emails: Sequence[str], kind: str
    ) -> None:
        """Encrypt a note to ``certificates``, and put it into the inboxes of ``emails``.

        ``kind`` is ``delegation`` or ``delegation-end``. Raises ``NotFound`` for somebody who is not
        at this server, ``QuotaExceeded``, ``TooManyAttempts``.
        """
        sealed = seal_message(note, certificates)
        transport = self.session.transport
        async with upload_for(transport) as upload:
            await BatchSender(transport, upload).send_all(sealed.blocks)
            for email in emails:
                body = {
                    "upload": upload,
                    "root": str(sealed.root.cid),
                    "email": email,
                    "kind": kind,
                }
                await transport.call("POST", "/inbox", body=body, repeatable=True)

    async def waiting(self) -> list[Message]:
        """What waits, oldest first; at most 2,000 messages."""
        found: list[Message] = []
        after: str | None = None
        for _ in range(_MOST_PAGES):
            query: dict[str, str | int] = {"limit": _PAGE_ITEMS}
            if after is not None:
                query["after"] = after
            page = (await self.session.transport.call("GET", "/inbox", query=query)).document
            for item in answers.parts(page, "items"):
                sender = item.get("sender")
                email = sender.get("email") if isinstance(sender, dict) else None
                root = CID.parse(answers.text(item, "root"))
                shown = email if isinstance(email, str) else None
                message_id = answers.text(item, "id")
                if words.is_report_id(message_id):
                    found.append(Message(message_id, root, shown))
            after = answers.text_or_none(page, "next")
            if after is None:
                break
        return found

    async def read(self, message: Message) -> bytes:
        """The note of a message. Raises ``IntegrityError``, ``NotFound``."""
        return await read_from(read_message(message.root, self.session.key), self.source)

    async def acknowledge(self, message_id: str) -> None:
        """Tell the server that it need not keep the message. Raises ``NotFound``."""
        await self.session.transport.call("DELETE", f"/inbox/{message_id}", repeatable=True)
