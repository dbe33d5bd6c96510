"""The JavaScript implementations of IPLD under Node, asked as one program."""

from __future__ import annotations

import base64

from tests.node_program import NodeProgram


class Oracle(NodeProgram):
    """A running oracle; use it as a context."""

    script = "ipld.mjs"


def to_base64(data: bytes) -> str:
    return base64.b64encode(data).decode()


def from_base64(text: str) -> bytes:
    return base64.b64decode(text)
