"""What emails without an account are answered (docs/spec/09-accounts.md §4, threat WB-06).

Of the same kind as for an email with an account: an id made with the server's secret, always the
same, and the stretching parameters of the account that lies next, by id, to another digest made
with it. So parameters that real accounts have are met among made-up ones as often, whatever the
defaults were when those accounts were made. They change when that account does, or another comes
to lie between: of any one account's coming, change or going, few strangers' answers change, as
those of real accounts do with a new password.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from hygieia.documents.body import encode_cursor
from hygieia.domain.account import COLLECTION, read_account
from hygieia.openpgp.parameters import DEFAULT_KDF, KdfParams

if TYPE_CHECKING:
    from hygieia.documents.port import DocumentStore
    from hygieia.domain.server_secrets import ServerSecrets


class Strangers:
    """Makes up accounts for emails that have none."""

    def __init__(self, documents: DocumentStore, server_secrets: ServerSecrets) -> None:
        self._documents = documents
        self._secrets = server_secrets

    def account_id(self, email: str) -> str:
        """The account id that this email would seem to have."""
        return self._secrets.digest("made-up account", email)[:16].hex()

    async def kdf(self, email: str) -> KdfParams:
        """The parameters that this email would seem to have: those of a real account."""
        place = self._secrets.digest("made-up parameters", email)[:16].hex()
        page = await self._documents.scan(COLLECTION, after=encode_cursor("", place), limit=1)
        if not page.items:
            page = await self._documents.scan(COLLECTION, limit=1)
        return read_account(page.items[0]).kdf if page.items else DEFAULT_KDF
