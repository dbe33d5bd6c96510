"""The JavaScript implementations under Node, asked as one program (tests/node/ipld.mjs)."""

from __future__ import annotations

import base64
import json
import subprocess
from pathlib import Path
from types import TracebackType
from typing import Any, Self

NODE_FOLDER = Path(__file__).parents[2] / "node"


class OracleError(Exception):
    """The oracle refused what it was asked."""


class Oracle:
    """A running oracle; use it as a context."""

    def __enter__(self) -> Self:
        self._program = subprocess.Popen(
            ["node", "ipld.mjs"],
            cwd=NODE_FOLDER,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._program.communicate(timeout=30)

    def ask(self, question: str, **request: object) -> dict[str, Any]:
        assert self._program.stdin is not None
        assert self._program.stdout is not None
        self._program.stdin.write(json.dumps({"ask": question, **request}) + "\n")
        self._program.stdin.flush()
        answer: dict[str, Any] = json.loads(self._program.stdout.readline())
        if "error" in answer:
            raise OracleError(answer["error"])
        return answer


def to_base64(data: bytes) -> str:
    return base64.b64encode(data).decode()


def from_base64(text: str) -> bytes:
    return base64.b64decode(text)
