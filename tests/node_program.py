"""A JavaScript program under Node that answers questions, a line of JSON each (tests/node)."""

from __future__ import annotations

import base64
import json
import subprocess
from pathlib import Path
from types import TracebackType
from typing import Any, ClassVar, Self

NODE_FOLDER = Path(__file__).parent / "node"


class NodeRefused(Exception):
    """The program refused what it was asked."""


class NodeProgram:
    """The running program ``script``; use it as a context."""

    script: ClassVar[str]

    def __enter__(self) -> Self:
        self._program = subprocess.Popen(
            ["node", self.script],
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
        """Octets among the values of ``request`` travel as base64. Raises ``NodeRefused``."""
        encoded = {
            name: base64.b64encode(value).decode() if isinstance(value, bytes) else value
            for name, value in request.items()
        }
        assert self._program.stdin is not None
        assert self._program.stdout is not None
        self._program.stdin.write(json.dumps({"ask": question, **encoded}) + "\n")
        self._program.stdin.flush()
        answer: dict[str, Any] = json.loads(self._program.stdout.readline())
        if "error" in answer:
            raise NodeRefused(answer["error"])
        return answer
