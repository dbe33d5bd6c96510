"""What a start on MongoDB refuses, before and after it has asked a server."""

from __future__ import annotations

import socket
from typing import Any

import dns.resolver
import pytest

from hygieia.documents.mongo import open_mongo
from hygieia.documents.mongo_start import read_address
from hygieia.errors import ConfigError
from tests.fake_mongodb import MODERN, PRIMARY, Document, fake_mongodb, noise

SECRET = "hunter2"
QUICKLY = "serverSelectionTimeoutMS=300&timeoutMS=1000"


@pytest.mark.parametrize(
    "uri",
    [
        "mongodb://",
        "mongodb:///vault",
        "mongodb://user@/vault",
        f"mongodb://user:{SECRET}@host:port/vault",
        f"mongodb://user:{SECRET}@host:99999/vault",
        f"mongodb://user:{SECRET}@@host/vault",
        f"mongodb://user:{SECRET}/{SECRET}@host/vault",
        f"mongodb://user:1/{SECRET}@host/vault",
        f"mongodb://user:{SECRET}@host",
        f"mongodb://user:{SECRET}@host/",
        f"mongodb://user:{SECRET}@host/vault.collection",
        f"mongodb://user:{SECRET}@host/a b",
        f"mongodb://user:{SECRET}@host/vault?colour=red",
        f"mongodb://user:{SECRET}@host/vault?timeoutMS=soon",
        f"mongodb://user:{SECRET}@host/vault?tls=maybe",
        f"mongodb://user:{SECRET}@host/vault?timeoutMS=0",
        f"mongodb://user:{SECRET}@host/vault?timeoutMS=12001",
    ],
)
def test_a_wrong_address_is_refused_without_its_password(uri: str) -> None:
    with pytest.raises(ConfigError) as caught:
        open_mongo(uri)
    assert SECRET not in f"{caught.value!r} {caught.value.hint}"
    assert caught.value.__suppress_context__ or caught.value.__context__ is None


@pytest.mark.parametrize(
    ("uri", "said"),
    [
        (f"mongodb+srv://user:{SECRET}@no-such-name.invalid/vault", "The DNS names no servers"),
        (f"mongodb+srv://user:{SECRET}/x@no-such-name.invalid/vault", "cannot be understood"),
        (f"mongodb://user:{SECRET}@host/vault?tls=true&tlsCAFile=/nowhere", "A file that"),
        (f"mongodb://user:{SECRET}@host/vault?compressors=nothing", "An option of"),
    ],
)
def test_what_is_wrong_around_an_address_is_said(
    uri: str, said: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def no_dns(*_: object, **__: object) -> None:
        raise dns.resolver.NXDOMAIN

    monkeypatch.setattr("dns.resolver.resolve", no_dns)
    with pytest.raises(ConfigError, match=said) as caught:
        open_mongo(uri)
    assert SECRET not in f"{caught.value!r} {caught.value.hint}"


def test_an_address_shows_nothing_of_itself() -> None:
    assert SECRET not in repr(read_address(f"mongodb://user:{SECRET}@host/vault"))


def test_an_address_cannot_weaken_what_the_port_promises() -> None:
    address = read_address("mongodb://host/vault?w=1&journal=false&readPreference=secondary")
    durable = {"w": "majority", "journal": True, "readPreference": "primary"}
    assert durable.items() <= address.options.items()


def test_an_address_may_choose_its_patience() -> None:
    patient = read_address("mongodb://host/vault?timeoutMS=12000")
    assert "timeoutMS" not in patient.options
    assert patient.call_seconds == 12
    usual = read_address("mongodb://host/vault")
    assert usual.options["timeoutMS"] == usual.call_seconds * 1000


def test_a_server_that_is_not_there_is_said_in_one_line() -> None:
    with socket.create_server(("127.0.0.1", 0)) as closed:
        port = closed.getsockname()[1]
    with pytest.raises(ConfigError, match="No MongoDB answers") as caught:
        open_mongo(f"mongodb://user:{SECRET}@127.0.0.1:{port}/vault?{QUICKLY}")
    assert SECRET not in str(caught.value)


def test_a_server_that_speaks_something_else_is_said_in_one_line() -> None:
    with noise() as port, pytest.raises(ConfigError, match="No MongoDB answers"):
        open_mongo(f"mongodb://127.0.0.1:{port}/vault?{QUICKLY}")


@pytest.mark.parametrize(
    ("wire_version", "about", "said"),
    [
        (6, MODERN, "6.0 or newer"),
        (13, {"version": "5.0.3", "versionArray": [5, 0, 3, 0]}, "too old"),
        (21, {**MODERN, "ferretdbVersion": "v1.24.0"}, "FerretDB 1"),
        (21, {"version": "?"}, "supported"),
        (21, {"versionArray": 7}, "supported"),
        (21, {"versionArray": "none"}, "supported"),
    ],
)
def test_an_unsupported_server_is_refused(
    wire_version: int, about: dict[str, Any], said: str
) -> None:
    hello = {"isWritablePrimary": True, "minWireVersion": 0, "maxWireVersion": wire_version}
    with fake_mongodb(hello, about) as server, pytest.raises(ConfigError, match=said):
        open_mongo(f"mongodb://127.0.0.1:{server.port}/vault")


SECONDARY = {**PRIMARY, "isWritablePrimary": False, "secondary": True}


@pytest.mark.parametrize(
    ("hello", "options"),
    [
        (SECONDARY, "directConnection=true"),
        (SECONDARY, "replicaSet=rs0"),
        ({**SECONDARY, "secondary": False, "arbiterOnly": True}, "directConnection=true"),
        (PRIMARY, "replicaSet=another"),
    ],
    ids=["one secondary", "a set without a primary", "an arbiter", "a set of another name"],
)
def test_what_takes_no_writes_is_refused_before_anything_is_written(
    hello: Document, options: str
) -> None:
    with fake_mongodb(hello) as server:
        address = f"mongodb://127.0.0.1:{server.port}/vault?{QUICKLY}&{options}"
        with pytest.raises(ConfigError) as caught:
            open_mongo(address)
        assert "primary" in f"{caught.value} {caught.value.hint}"
        assert not server.named("insert")
