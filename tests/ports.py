"""Ports for the servers of tests, none given twice; ``python -m tests.ports`` prints one.

A port that ``bind(0)`` chose and that is closed again is anybody's: the next ``bind(0)`` may take
it, or any connection that goes out, before our server listens or while it is started again. These
lie below those that the system gives out by itself, and all tests of all runs count them together.
"""

from __future__ import annotations

import errno
import fcntl
import os
import random
import socket
import tempfile
from pathlib import Path
from typing import IO

PORTS = range(20_000, 32_000)
# MongoDB's own: whoever works here may run one.
TAKEN = range(27_000, 27_101)
COUNTER = Path(tempfile.gettempdir()) / f"hygieia-test-ports-{os.getuid()}"


def free_port() -> int:
    """A port of loopback that nobody listens on now, and that no other test is given."""
    with COUNTER.open("a+b") as counter:
        fcntl.flock(counter, fcntl.LOCK_EX)
        port = _after_the_last(counter)
        counter.truncate(0)
        counter.write(b"%d" % port)
        return port


def _after_the_last(counter: IO[bytes]) -> int:
    counter.seek(0)
    last = counter.read()
    # At random: somebody else's runs on this machine count in a file of their own.
    begin = int(last) + 1 if last.isdigit() else random.choice(PORTS)
    for number in range(len(PORTS)):
        port = PORTS[(begin - PORTS.start + number) % len(PORTS)]
        if port not in TAKEN and _is_free(port):
            return port
    raise AssertionError("no port is free")


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        try:
            probe.bind(("127.0.0.1", port))
        except OSError as error:
            if error.errno != errno.EADDRINUSE:
                raise
            return False
    return True


if __name__ == "__main__":
    print(free_port())
