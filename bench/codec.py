"""How fast payloads are encrypted and opened, against bare AES-GCM and a copy in the same run.

python -m bench.codec [MiB]      one thread, memory to memory; ratios above 1 are slower
"""

from __future__ import annotations

import hashlib
import resource
import secrets
import sys
import time
from typing import TYPE_CHECKING

from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from hygieia.openpgp.keys import generate_key
from hygieia.openpgp.packets import parse_header_leaf
from hygieia.openpgp.payload import PayloadReader, PayloadWriter, decrypt_bytes, encrypt_bytes
from hygieia.openpgp.session_keys import make_session_key, unwrap, wrap

if TYPE_CHECKING:
    from collections.abc import Callable

MIB = 1 << 20
CHUNK = 1 << 18
ROUNDS = 3


def best(work: Callable[[], object]) -> float:
    """Least seconds of a few rounds: the machine is shared, and noise only ever adds."""
    times = []
    for _ in range(ROUNDS):
        start = time.perf_counter()
        work()
        times.append(time.perf_counter() - start)
    return min(times)


def bare(size_mib: int) -> None:
    """The floor: copy a MiB, seal it as four chunks into a buffer, nothing else."""
    cipher = AESGCM(secrets.token_bytes(32))
    source, copy, out = bytes(MIB), bytearray(MIB), bytearray(CHUNK + 16)
    view = memoryview(copy)
    number = 0
    for _ in range(size_mib):
        copy[:] = source
        for offset in range(0, MIB, CHUNK):
            nonce = number.to_bytes(12, "big")
            cipher.encrypt_into(nonce, view[offset : offset + CHUNK], b"", out)
            number += 1


def encrypt(size_mib: int) -> None:
    writer = PayloadWriter(make_session_key())
    piece = bytes(MIB)
    for _ in range(size_mib):
        writer.update(piece)
    writer.finish()


def decrypt(size_mib: int) -> Callable[[], None]:
    key = make_session_key()
    writer = PayloadWriter(key)
    leaves = [leaf for _ in range(size_mib) for leaf in writer.update(bytes(MIB))]
    leaves += writer.finish()

    def read() -> None:
        reader = PayloadReader(key)
        for leaf in leaves:
            reader.update(leaf)
        reader.finish()

    return read


def hashing(size_mib: int) -> None:
    piece = bytes(MIB)
    for _ in range(size_mib):
        hashlib.sha256(piece).digest()


def small(count: int = 2000) -> dict[str, float]:
    """Microseconds for what every small report does a few times."""
    key, person = make_session_key(), generate_key("Ana Probe", "ana@example.org")
    meta = secrets.token_bytes(1200)
    payload, packet = encrypt_bytes(meta, key), wrap(key, person.certificate)
    works: dict[str, Callable[[], object]] = {
        "encrypt 1.2 kB": lambda: encrypt_bytes(meta, key),
        "open 1.2 kB": lambda: decrypt_bytes(payload, key, 10_000),
        "wrap a session key": lambda: wrap(key, person.certificate),
        "unwrap a session key": lambda: unwrap(parse_header_leaf(packet), person),
    }
    result = {}
    for name, work in works.items():

        def repeat(work: Callable[[], object] = work) -> None:
            for _ in range(count):
                work()

        result[name] = best(repeat) / count * 1e6
    return result


def main() -> None:
    size_mib = int(sys.argv[1]) if len(sys.argv) > 1 else 256
    floor = best(lambda: bare(size_mib))
    rows = {
        "copy + AES-256-GCM (floor)": floor,
        "SHA-256 alone": best(lambda: hashing(size_mib)),
        "payload encrypted into leaves": best(lambda: encrypt(size_mib)),
    }
    peak_mib = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
    rows["payload opened from leaves"] = best(decrypt(size_mib))
    for name, seconds in rows.items():
        speed = size_mib * MIB / seconds / 1e6
        print(f"{name:32} {speed:7.0f} MB/s   {seconds / floor:5.2f} x floor")
    for name, micros in small().items():
        print(f"{name:32} {micros:7.0f} us")
    print(f"peak memory while encrypting {size_mib} MiB: {peak_mib} MiB")


if __name__ == "__main__":
    main()
