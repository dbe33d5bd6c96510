"""SN-02: a small message that unfolds to a huge one."""

from __future__ import annotations

import io
import tracemalloc

import pytest

from hygieia.errors import EnvelopeRefused, LimitExceeded
from hygieia.openpgp.envelope import open_envelope
from hygieia.openpgp.imported import open_message
from hygieia.openpgp.outside_content import ImportLimits
from hygieia.openpgp.session_keys import SessionKey, wrap
from tests.unit.openpgp import outside_cases as outside
from tests.unit.openpgp.openpgp_cases import ana, literal, padding, seal_inner


class Counting(io.BytesIO):
    """Counts what is written and forgets it."""

    written_bytes = 0

    def write(self, octets: object) -> int:
        size = memoryview(octets).nbytes  # type: ignore[arg-type]  # typed as object only
        self.written_bytes += size
        return size


@pytest.mark.parametrize("algorithm", [outside.ZIP, outside.ZLIB, outside.BZIP2])
def test_it_stops_early_and_holds_little(algorithm: int) -> None:
    squeezed = outside.compressed(literal(bytes(100_000_000)), algorithm)
    message = outside.pkesk_6(ana()) + outside.seipd_2(squeezed)
    out = Counting()
    tracemalloc.start()
    with pytest.raises(LimitExceeded):
        open_message(io.BytesIO(message), ana(), out, spool=io.BytesIO())
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert out.written_bytes < 48_000_000
    assert peak < 16_000_000


def test_it_stops_at_the_callers_own_limit() -> None:
    squeezed = outside.compressed(literal(bytes(1_000_000)))
    limits = ImportLimits(max_decompressed_bytes=100_000)
    with pytest.raises(LimitExceeded):
        outside.imported(outside.pkesk_3(ana()) + outside.seipd_1(squeezed), ana(), limits)


def test_a_vault_object_holds_no_compression_at_all() -> None:
    key = SessionKey(outside.SESSION)
    payload = seal_inner(outside.compressed(literal()) + padding(), key)
    with pytest.raises(EnvelopeRefused):
        list(open_envelope(io.BytesIO(wrap(key, ana().certificate) + payload), ana()))
