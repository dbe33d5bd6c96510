"""Memory for transfers, under glibc: one heap, and what was freed is used again.

By default every thread allocates from a heap of its own, and each piece of a MiB is taken from the
system and given back: a transfer's pieces, made in one thread and freed in another, then hold the
memory of all heaps together, and every fresh page costs a fault. Measured while 1 GiB is stored:
peak 150 -> 123 MiB (client) and 165 -> 120 MiB (server), a quarter less system time.
"""

from __future__ import annotations

import gc
import sys
from typing import Final

_M_TRIM_THRESHOLD: Final = -1
_M_MMAP_THRESHOLD: Final = -3
_M_ARENA_MAX: Final = -8
_KEPT_BYTES: Final = 64 << 20
# The leaves of a transfer lie on the heap and are used again. A batch's buffer of 9 MiB is a
# mapping of its own: it is kept by whoever made it, and on the heap what comes to lie between two
# of them would keep their room from being given back. Argon2's 64 MiB go back at once.
_OWN_MAPPING_FROM_BYTES: Final = 6 << 20


def use_one_heap() -> None:
    """Set up malloc(3); call it before the first thread starts. Does nothing without glibc."""
    if not sys.platform.startswith("linux"):
        return
    import ctypes  # noqa: PLC0415 - 3 ms that other systems need not spend

    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is None:
        return
    mallopt.argtypes = (ctypes.c_int, ctypes.c_int)
    mallopt(_M_ARENA_MAX, 1)
    mallopt(_M_MMAP_THRESHOLD, _OWN_MAPPING_FROM_BYTES)
    mallopt(_M_TRIM_THRESHOLD, _KEPT_BYTES)


def keep_what_is_loaded() -> None:
    """Say that what is in memory by now stays: the collector need not look through it again.

    Call it once everything is imported. Each full collection over the modules and their classes
    stalls the event loop for 30 to 60 ms (measured); afterwards it looks at what came since.
    """
    gc.freeze()
