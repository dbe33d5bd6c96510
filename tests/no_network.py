"""A network of a test's own with nothing in it but loopback: what starts in it reaches nobody."""

from __future__ import annotations

import contextlib
import ctypes
import fcntl
import os
import socket
import struct
from collections.abc import Iterator
from pathlib import Path

CLONE_NEWNET = 0x40000000
SIOCSIFFLAGS = 0x8914
IFF_UP = 1
_LIBC = ctypes.CDLL(None, use_errno=True)


@contextlib.contextmanager
def no_network() -> Iterator[None]:
    """Meanwhile this thread, and each program that it starts, is in one. Needs root."""
    with Path("/proc/thread-self/ns/net").open("rb") as before:
        _check(_LIBC.unshare(CLONE_NEWNET))
        try:
            with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as any_socket:
                fcntl.ioctl(any_socket, SIOCSIFFLAGS, struct.pack("16sh22x", b"lo", IFF_UP))
            yield
        finally:
            _check(_LIBC.setns(before.fileno(), CLONE_NEWNET))


def _check(result: int) -> None:
    if result != 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))
