"""Hygieia: an end-to-end-encrypted vault for health records on IPFS."""

from typing import Final

__version__: Final = "0.1.0"
