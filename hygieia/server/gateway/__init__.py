"""The server's public gateway: ``/ipfs/…`` and ``/ipns/…``, ciphertext for anyone who asks."""

from hygieia.server.gateway.handlers import gateway_routes

__all__ = ["gateway_routes"]
