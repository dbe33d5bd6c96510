"""The embedded block store: a directory of packs beside one SQLite catalogue.

Small blocks are rows of the catalogue, larger ones stand in pack files that rows name. A block
exists exactly when its row does, so making, holding, pinning and removing are transactions, and a
crash leaves at worst a file that no row names, which the next sweep removes. Packs say themselves
what they hold, and copies of the rest stand in plain files, so a lost catalogue can be remade. Several processes may use one
directory: ``hygieia admin`` runs beside the server.
"""

from hygieia.blocks.embedded.opening import open_embedded
from hygieia.blocks.embedded.reads import Damaged
from hygieia.blocks.embedded.rebuild import Rebuilt, rebuild
from hygieia.blocks.embedded.store import EmbeddedBlockStore

__all__ = ["Damaged", "EmbeddedBlockStore", "Rebuilt", "open_embedded", "rebuild"]
