"""Hygieia: an end-to-end-encrypted vault for health records on IPFS."""
