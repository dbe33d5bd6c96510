"""The verification of all copies, over the nodes that the settings name."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from hygieia.blocks.copy_nodes import GatewayNode, OwnNode
from hygieia.domain.copy_check import Pace
from hygieia.domain.leases import Leases
from hygieia.domain.verification import CopyRules, Verifier
from hygieia.errors import ConfigError, InvalidInput

if TYPE_CHECKING:
    from collections.abc import Sequence

    from hygieia.blocks.cluster import Cluster
    from hygieia.blocks.nodes import CopyNode
    from hygieia.config import Settings
    from hygieia.domain.index import Indexes
    from hygieia.domain.stores import Stores

MIB: Final = 1 << 20


def build_verifier(
    settings: Settings,
    stores: Stores,
    indexes: Indexes,
    cluster: Cluster | None,
    *,
    gateways: Sequence[str] = (),
) -> Verifier:
    """A verifier over this server's store, the nodes that the settings name, and more gateways.

    Raises:
        ConfigError: an address in HYGIEIA_COPY_NODES cannot be understood.
        InvalidInput: one of ``gateways`` cannot.
    """
    nodes: list[CopyNode] = [_own(settings, stores)]
    nodes += [_node(address) for address in settings.copy_nodes.split(",") if address]
    nodes += [GatewayNode(url) for url in gateways]
    rules = CopyRules(
        nodes, settings.wanted_copies, Pace(settings.verify_mib_a_second * MIB), cluster
    )
    return Verifier(stores, indexes, Leases(stores.documents), rules)


def _own(settings: Settings, stores: Stores) -> CopyNode:
    if not settings.blocks.startswith("kubo+"):
        return OwnNode(stores.blocks)
    from hygieia.blocks.kubo.node import KuboNode  # noqa: PLC0415  (adapters are imported when chosen)

    beside = KuboNode(settings.blocks)
    return OwnNode(stores.blocks, beside)


def _node(address: str) -> CopyNode:
    if address.startswith("kubo+"):
        from hygieia.blocks.kubo.node import KuboNode  # noqa: PLC0415  (adapters are imported when chosen)

        try:
            return KuboNode(address)
        except ConfigError as error:
            raise ConfigError(
                "HYGIEIA_COPY_NODES: a Kubo address cannot be understood.", hint=error.hint
            ) from None
    try:
        return GatewayNode(address)
    except InvalidInput as error:
        raise ConfigError(
            "HYGIEIA_COPY_NODES: a gateway's address cannot be understood.", hint=error.hint
        ) from None
