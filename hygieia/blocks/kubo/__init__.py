"""Blocks in a Kubo node, over its RPC. Why it is built so: docs/adr/0008-kubo.md.

What is kept is kept by Kubo's own pins: a report's root is pinned recursively under a name, and
what an upload holds is linked from a small node that is pinned together with storing it. So no
garbage collection, ours or an operator's, takes what somebody still needs. Who keeps what, and
until when, stands in the document store beside it.
"""

from hygieia.blocks.kubo.gateway import KuboGateway
from hygieia.blocks.kubo.opening import open_kubo

__all__ = ["KuboGateway", "open_kubo"]
