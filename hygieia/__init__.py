"""Hygieia: an end-to-end-encrypted vault for health records on IPFS."""

__version__ = "0.1.0"
