"""Decompression with a bound on what may come out (RFC 9580 §5.6; threat SN-02)."""

from __future__ import annotations

import bz2
import zlib
from typing import TYPE_CHECKING, Final

from hygieia.errors import EnvelopeRefused, LimitExceeded

if TYPE_CHECKING:
    from collections.abc import Iterator

_STEP_BYTES: Final = 1 << 20
_SLACK_BYTES: Final = 1 << 24
"""What may come out whatever the ratio: blank pages compress well and harm nobody."""

_DEFLATE_WINDOW_BITS: Final = {1: -15, 2: 15}  # ZIP is raw deflate, ZLIB has its header
_BZIP2: Final = 3


class Decompressor:
    """Unpacks the body of one Compressed packet as it arrives, in steps of at most 1 MiB."""

    def __init__(self, algorithm: int, *, max_bytes: int, max_ratio: int) -> None:
        if algorithm == _BZIP2:
            self._inner: _Zlib | bz2.BZ2Decompressor = bz2.BZ2Decompressor()
        elif algorithm in _DEFLATE_WINDOW_BITS:
            self._inner = _Zlib(_DEFLATE_WINDOW_BITS[algorithm])
        else:
            raise EnvelopeRefused("The message is compressed in a way that is not supported.")
        self._max_bytes = max_bytes
        self._max_ratio = max_ratio
        self._taken_bytes = 0
        self._given_bytes = 0

    def update(self, data: bytes) -> Iterator[bytes]:
        """Yield what ``data`` unpacks to.

        Raises:
            LimitExceeded: more comes out than the limits allow; at most 1 MiB more was held.
            EnvelopeRefused: these bytes are not compressed data.
        """
        self._taken_bytes += len(data)
        while not self._inner.eof:
            try:
                octets = self._inner.decompress(data, _STEP_BYTES)
            except (zlib.error, OSError, ValueError):
                raise EnvelopeRefused("The message is not compressed as it claims.") from None
            if not octets:
                return
            self._count(octets)
            yield octets
            data = b""
        if data:
            raise EnvelopeRefused("Something follows the compressed content.")

    def finish(self) -> None:
        """Raise EnvelopeRefused unless the compressed data was whole and the last of its packet."""
        if not self._inner.eof or self._inner.unused_data:
            raise EnvelopeRefused("The message is not compressed as it claims.")

    def _count(self, octets: bytes) -> None:
        self._given_bytes += len(octets)
        by_ratio = _SLACK_BYTES + self._max_ratio * self._taken_bytes
        if self._given_bytes > min(self._max_bytes, by_ratio):
            raise LimitExceeded("The compressed message grows too large.")


class _Zlib:
    """zlib's decompressor with bz2's manners: it keeps the input that it has not used yet."""

    def __init__(self, window_bits: int) -> None:
        self._inner = zlib.decompressobj(window_bits)

    @property
    def eof(self) -> bool:
        return self._inner.eof

    @property
    def unused_data(self) -> bytes:
        return self._inner.unused_data

    def decompress(self, data: bytes, max_length: int) -> bytes:
        return self._inner.decompress(self._inner.unconsumed_tail + data, max_length)
