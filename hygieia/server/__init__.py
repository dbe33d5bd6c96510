"""The HTTP server: API, gateway, pages. ``run(settings)`` serves; ``build_app`` is what it serves."""

from __future__ import annotations

from hygieia.server.app import build_app, run, serve

__all__ = ["build_app", "run", "serve"]
