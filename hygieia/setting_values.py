"""What the values of settings may look like: each reads text, or says what it must be.

Each raises ``ValueError`` with words that go on from the setting's name: "must be a path".
"""

from __future__ import annotations

import ipaddress
from pathlib import Path
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

from hygieia import limits

if TYPE_CHECKING:
    from collections.abc import Callable

IpNetwork = ipaddress.IPv4Network | ipaddress.IPv6Network

_UNITS: Final = {"KiB": 2**10, "MiB": 2**20, "GiB": 2**30, "TiB": 2**40}


def text(value: str) -> str:
    """Any text."""
    return value


def path(value: str) -> Path:
    """A path, with ~ for somebody's home."""
    if "\0" in value:
        raise ValueError("must be a path")
    return Path(value).expanduser()


def optional_path(value: str) -> Path | None:
    """A path, or nothing."""
    return path(value) if value else None


def whole(low: int, high: int) -> Callable[[str], int]:
    """A whole number in a range."""

    def parse(value: str) -> int:
        if not (value.isascii() and value.isdigit() and low <= int(value[:20]) <= high):
            raise ValueError(f"must be a whole number from {low} to {high}")
        return int(value)

    return parse


def size(low: int, high: int) -> Callable[[str], int]:
    """A size in bytes, with a unit or without, in a range."""

    def parse(value: str) -> int:
        number, factor = value, 1
        for unit, unit_bytes in _UNITS.items():
            if value.endswith(unit):
                number, factor = value.removesuffix(unit).strip(), unit_bytes
        if number.isascii() and number.isdigit() and low <= int(number[:20]) * factor <= high:
            return int(number) * factor
        raise ValueError(f"must be a size in bytes, KiB, MiB, GiB or TiB, from {low} bytes")

    return parse


def one_of(*words: str) -> Callable[[str], str]:
    """One of some words."""

    def parse(value: str) -> str:
        if value not in words:
            raise ValueError(f"must be one of: {', '.join(words)}")
        return value

    return parse


def url(value: str) -> str:
    """An http(s) address without query, trailing slash or credentials; or nothing."""
    if not value:
        return ""
    wrong = ValueError("must be an address like https://vault.example.org")
    try:
        parts = urlsplit(value)
        port = parts.port
    except ValueError:
        raise wrong from None
    if parts.scheme not in {"http", "https"} or not parts.hostname:
        raise wrong
    if port == 0 or "@" in parts.netloc:
        raise wrong
    if parts.query or parts.fragment or len(value) > limits.MAX_URL_BYTES:
        raise ValueError("must be an address without ? and #, of at most 2048 characters")
    return value.rstrip("/")


def _items(value: str) -> list[str]:
    return [item.strip() for item in value.split(",") if item.strip()]


def urls(value: str) -> tuple[str, ...]:
    """Addresses by comma, each as `url` has it."""
    found = tuple(url(item) for item in _items(value))
    if len(found) > limits.MAX_GATEWAYS:
        raise ValueError(f"must name at most {limits.MAX_GATEWAYS} addresses")
    return found


def networks(value: str) -> tuple[IpNetwork, ...]:
    """IP addresses and networks by comma."""
    try:
        return tuple(ipaddress.ip_network(item) for item in _items(value))
    except ValueError:
        raise ValueError("must be IP addresses or networks, separated by commas") from None


def store(*schemes: str) -> Callable[[str], str]:
    """A store's address, by its scheme."""

    def parse(value: str) -> str:
        if not value.startswith(schemes):
            raise ValueError(f"must start with one of: {', '.join(schemes)}")
        return value

    return parse


def addresses(*schemes: str) -> Callable[[str], str]:
    """Addresses by comma, or nothing. They are read where they are used: they may hold secrets."""

    def parse(value: str) -> str:
        found = _items(value)
        if not all(item.startswith(schemes) for item in found):
            raise ValueError(f"must start with one of: {', '.join(schemes)}")
        if len(found) > limits.MAX_GATEWAYS:
            raise ValueError(f"must name at most {limits.MAX_GATEWAYS} addresses")
        return ",".join(found)

    return parse


def replication(value: str) -> tuple[int, int] | None:
    """``2`` or ``2-3``: at least and at most so many peers; nothing: Cluster's own setting."""
    if not value:
        return None
    low, dash, high = (part.strip() for part in value.partition("-"))
    high = high if dash else low
    if not all(part.isascii() and part.isdigit() and len(part) < 3 for part in (low, high)):
        raise ValueError("must be a number of peers, or two like 2-3")
    if not 1 <= int(low) <= int(high):
        raise ValueError("must be a number of peers, or two like 2-3, the lower one first")
    return int(low), int(high)
