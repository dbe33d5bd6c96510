"""The embedded block store: a directory of packs beside one SQLite catalogue.

Small blocks are rows of the catalogue, larger ones stand in pack files that rows name. A block
exists exactly when its row does, so making, holding, pinning and removing are transactions, and a
crash leaves at worst a file that no row names, which the next sweep removes. Several processes may use one
directory: ``hygieia admin`` runs beside the server.
"""

from hygieia.blocks.embedded.store import Damaged, EmbeddedBlockStore, open_embedded

__all__ = ["Damaged", "EmbeddedBlockStore", "open_embedded"]
