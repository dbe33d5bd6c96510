"""Structured logs to standard error, as JSON or as text.

What is logged is chosen field by field: no bodies, no headers, no query, no email, no token; of a
path only the route's pattern. An unexpected error leaves its type and the places in our code it
came through, never its message, which may hold what was sent (threat CL-10).
"""

from __future__ import annotations

import contextlib
import logging
import sys
import traceback
from typing import TYPE_CHECKING, Any, cast

import structlog

if TYPE_CHECKING:
    from hygieia.config import Settings

Log = structlog.typing.FilteringBoundLogger
_LEVELS = {"debug": logging.DEBUG, "info": logging.INFO, "warning": logging.WARNING}


class StandardErrorLogger:
    """Writes lines to whatever standard error is now. One that is closed or full breaks nothing."""

    def __init__(self, *_: object) -> None:
        """Takes what structlog gives every logger, and needs none of it."""

    def line(self, text: str) -> None:
        """Write one line."""
        with contextlib.suppress(OSError, ValueError):
            sys.stderr.write(text + "\n")

    debug = info = warning = error = line


def configure_logs(settings: Settings) -> None:
    """Set up logging for the process."""
    renderer: Any = (
        structlog.processors.JSONRenderer()
        if settings.log_format == "json"
        else structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty(), pad_event_to=18)
    )
    structlog.configure(
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            renderer,
        ],
        wrapper_class=structlog.make_filtering_bound_logger(
            _LEVELS.get(settings.log_level, logging.ERROR)
        ),
        logger_factory=StandardErrorLogger,
        cache_logger_on_first_use=False,
    )
    # aiohttp speaks through the standard library, and its messages may quote what was sent.
    logging.getLogger("aiohttp").setLevel(logging.CRITICAL)
    logging.getLogger("asyncio").setLevel(logging.CRITICAL)


def get_log() -> Log:
    """The process's logger; where none was set up, as beside a server, to standard error too."""
    if not structlog.is_configured():
        structlog.configure(logger_factory=StandardErrorLogger)
    return cast("Log", structlog.get_logger())


def places_of(error: BaseException) -> list[str]:
    """Where an unexpected error came through: files, lines and functions, no values."""
    frames = traceback.extract_tb(error.__traceback__)[-8:]
    return [f"{frame.filename.rpartition('/')[2]}:{frame.lineno} {frame.name}" for frame in frames]
