"""Whether the vault's blocks are where the settings say, or have been moved elsewhere."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from hygieia.documents.guarded import COLLECTION, HOME, GuardedDocumentStore, read_home
from hygieia.errors import ConfigError, Unavailable
from hygieia.server.storage import blocks_kind

if TYPE_CHECKING:
    from hygieia.server.services import Services

_KINDS: Final = {"directory": "a directory", "kubo": "Kubo"}


async def require_blocks_here(services: Services) -> None:
    """Make sure that the blocks have not been moved to a store of another kind.

    Raises ``ConfigError``; the services are closed then.
    """
    try:
        home = read_home(await services.stores.documents.get(COLLECTION, HOME)).kind
    except Unavailable:
        return  # it answered a moment ago; until it does again nothing can be changed anyway
    if home in {"", blocks_kind(services.settings.blocks)}:
        return
    await services.close()
    raise ConfigError(
        f"The vault's blocks have been moved to {_KINDS[home]}.",
        hint="Let HYGIEIA_BLOCKS name the store where they are now.",
    )


async def require_writable(services: Services) -> None:
    """Make sure that the vault is not being moved, before blocks alone are changed.

    Raises ``ReadOnly``. A change of documents makes sure by itself.
    """
    documents = services.stores.documents
    if isinstance(documents, GuardedDocumentStore):
        await documents.require_writable()
