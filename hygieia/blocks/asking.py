"""Asking a server something at start, while the event loop that will serve does not run yet."""

from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine

T = TypeVar("T")


def asked_apart(question: Callable[[], Coroutine[Any, Any, T]]) -> T:
    """The answer to a question, asked in an event loop of its own. Blocks meanwhile.

    In a thread, since the caller's may have an event loop already. Raises what the question does.
    """
    with ThreadPoolExecutor(1, thread_name_prefix="hygieia-start-check") as thread:
        return thread.submit(lambda: asyncio.run(question())).result()
