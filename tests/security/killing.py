"""A client that is killed (SIGKILL) at a request of the test's choosing, and what must hold after."""

from __future__ import annotations

import asyncio
import signal
import subprocess
from dataclasses import dataclass, field

from hygieia.ipld.block import Block
from tests.running import Person
from tests.security.hostile import Forward, HostileProxy, Reply, Request

CARS = r"/api/v1/uploads/[^/]+/blocks"
SALT_AT, SALT_BYTES = 4, 32
# SEIPD version 2, AES-256, GCM, chunks of 256 KiB (RFC 9580 §5.13.2); before it tag and length.
PAYLOAD_START = b"\x02\x09\x03\x0c"


@dataclass
class Killer:
    """Ends the client at its n-th request for a path, before or after the server has it."""

    path: str
    nth: int
    after: bool = False
    process: subprocess.Popen[bytes] | None = None
    stored: list[Block] = field(default_factory=list)
    """Blocks of the CARs that the server has acknowledged."""
    _count: int = 0
    _one_by_one: asyncio.Lock = field(default_factory=asyncio.Lock)

    async def __call__(self, request: Request, forward: Forward) -> Reply | None:
        async with self._one_by_one:
            return await self._let_live(request, forward)

    async def _let_live(self, request: Request, forward: Forward) -> Reply | None:
        self._count += 1
        if self._count == self.nth:
            if self.after:
                await forward()
            assert self.process is not None
            self.process.send_signal(signal.SIGKILL)
        if self._count >= self.nth:
            return None
        reply = await forward()
        if reply.status == 200 and request.path.endswith("/blocks"):
            self.stored += request.blocks
        return reply


def run_and_kill(
    person: Person, proxy: HostileProxy, method: str, killer: Killer, *arguments: str
) -> None:
    """Run a command that ends by the killer's hand."""
    proxy.behave()
    proxy.lie(method, killer.path, killer)
    killer.process = person.begin(*arguments)
    killer.process.communicate(timeout=120)
    assert killer.process.returncode == -signal.SIGKILL


def size_of(blocks: list[Block]) -> int:
    return sum(len(block.data) for block in blocks)


def check_nonces(sent: list[Block]) -> None:
    """Payloads that begin with one salt are one ciphertext."""
    starts: dict[bytes, bytes] = {}
    for block in sent:
        place = block.data[:12].find(PAYLOAD_START)
        if place > 0:
            salt = block.data[place + SALT_AT :][:SALT_BYTES]
            assert starts.setdefault(salt, block.data) == block.data, "a nonce was used twice"
    assert starts
