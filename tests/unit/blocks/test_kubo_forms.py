from __future__ import annotations

import re

from hygieia.blocks.kubo.forms import PIECE_BYTES, Form, car_pieces
from hygieia.ipld.car import CarReader
from tests.dags import raw


async def body_of(form: Form) -> bytes:
    return b"".join([bytes(piece) async for piece in form.pieces()])


async def test_a_form_is_as_long_as_it_says_each_time_it_is_sent() -> None:
    form = Form("data.car", [b"abc", memoryview(b"x" * (PIECE_BYTES + 1))])
    body = await body_of(form)
    assert len(body) == int(form.headers["Content-Length"])
    assert await body_of(form) == body


async def test_a_form_has_its_content_between_its_own_boundaries() -> None:
    form = Form("data.car", [b"--content--"])
    boundary = form.headers["Content-Type"].removeprefix("multipart/form-data; boundary=").encode()
    head, content, tail = (await body_of(form)).partition(b"--content--")
    assert head.startswith(b"--" + boundary + b"\r\n")
    assert head.endswith(b"\r\n\r\n")
    assert (content, tail) == (b"--content--", b"\r\n--" + boundary + b"--\r\n")
    assert re.search(rb'name="path"; filename="data.car"', head)


async def test_no_two_forms_share_a_boundary() -> None:
    assert Form("a", []).headers != Form("a", []).headers


def test_blocks_large_and_small_make_one_car() -> None:
    blocks = [raw(1, 10), raw(2, 1 << 20), raw(3, 0), raw(4, 70_000), raw(5, 20)]
    reader = CarReader()
    found = reader.feed(b"".join(car_pieces(blocks, blocks[0].cid)))
    reader.finish()
    assert found == blocks
    assert reader.roots == (blocks[0].cid,)


def test_large_blocks_are_not_copied() -> None:
    large = raw(1, 1 << 20)
    assert any(piece is large.data for piece in car_pieces([large], large.cid))
