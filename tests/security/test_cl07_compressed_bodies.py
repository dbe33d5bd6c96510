"""CL-07: a body with a Content-Encoding is refused before a byte of it is unpacked."""

from __future__ import annotations

import gzip
import json

import pytest

from tests.factories.servers import CAR, Api, Member


@pytest.mark.parametrize("encoding", ["gzip", "deflate", "br", "zstd", "GZIP", "identity, gzip"])
async def test_a_compressed_body_is_refused(api: Api, encoding: str) -> None:
    reply = await api.call(
        "POST",
        "/api/v1/sessions",
        data=gzip.compress(json.dumps({"email": "a" * 10_000_000}).encode()),
        headers={"Content-Type": "application/json", "Content-Encoding": encoding},
    )
    assert (reply.status, reply.code) == (415, "unsupported-media-type")


async def test_a_compressed_batch_is_refused(ada: Member) -> None:
    upload = await ada.start_upload()
    reply = await ada.call(
        "POST",
        f"/api/v1/uploads/{upload}/blocks",
        data=gzip.compress(bytes(50_000_000)),
        headers={"Content-Type": CAR, "Content-Encoding": "gzip"},
    )
    assert (reply.status, reply.code) == (415, "unsupported-media-type")


async def test_identity_says_nothing(api: Api) -> None:
    reply = await api.call(
        "POST",
        "/api/v1/sign-in/parameters",
        {"email": "ada@example.org"},
        headers={"Content-Encoding": "identity"},
    )
    assert reply.status == 200
