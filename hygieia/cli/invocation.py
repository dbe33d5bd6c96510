"""What the global options say, and the one way results, messages and questions leave a command."""

from __future__ import annotations

import json
import os
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from hygieia.errors import CredentialsError, HygieiaError, UsageError

if TYPE_CHECKING:
    from collections.abc import Callable

DEFAULT_SERVER = "http://localhost:8460"
DEFAULT_PROFILE = "default"
STANDARD_INPUT = "-"
_MAX_SECRET_FILE_BYTES = 4096


@dataclass(slots=True)
class Invocation:
    """The global options of one call, gathered before and after the subcommand's name."""

    server: str | None = None
    profile: str = DEFAULT_PROFILE
    json: bool = False
    quiet: bool = False
    color: bool = True
    password_file: str | None = None
    _asked: dict[str, str] = field(default_factory=dict, repr=False)

    def result(self, document: dict[str, Any], human: str | Callable[[], str]) -> None:
        """Print the one result: a JSON document with ``--json``, else text for people."""
        if self.json:
            click.echo(json.dumps(document, ensure_ascii=False, separators=(",", ":")))
            return
        text = human if isinstance(human, str) else human()
        if text:
            click.echo(text)

    def message(self, text: str) -> None:
        """Say something to the person on standard error; ``--quiet`` leaves it out."""
        if not self.quiet:
            click.echo(text, err=True)

    def warn(self, text: str) -> None:
        """Say what must not be missed: on standard error, with ``--quiet`` too."""
        click.echo(f"hygieia: {text}", err=True)

    @property
    def interactive(self) -> bool:
        """Whether a person sits at a terminal and no file answers for her."""
        return self.password_file is None and sys.stdin.isatty() and sys.stderr.isatty()

    @property
    def shows_progress(self) -> bool:
        """Whether a moving progress bar has somewhere to move."""
        return not self.quiet and not self.json and sys.stderr.isatty()

    def password(self, question: str = "Password", *, confirm: bool = False) -> str:
        """Take the password from the file given, else ask for it at the terminal.

        Raises:
            CredentialsError: there is neither a file nor a terminal to ask at.
        """
        if self.password_file is not None:
            return self.secret_from_file(self.password_file)
        return self.ask_secret(question, confirm=confirm)

    def ask_secret(self, question: str, *, confirm: bool = False) -> str:
        """Ask at the terminal without echo; the same question is asked once a call."""
        if question in self._asked:
            return self._asked[question]
        if not self.interactive:
            raise CredentialsError(
                f"{question} is needed and there is no terminal to ask at.",
                hint="Give it with --password-file FILE (or - for standard input).",
            )
        answer = str(click.prompt(question, hide_input=True, confirmation_prompt=confirm, err=True))
        self._asked[question] = answer
        return answer

    def secret_from_file(self, name: str) -> str:
        """Read a secret from a file or standard input, without one final LF or CRLF."""
        if name in self._asked:
            return self._asked[name]
        try:
            raw = _read_limited(name)
        except OSError as error:
            reason = error.strerror or "unknown reason"
            raise UsageError(f"The file {name!r} cannot be read: {reason}.") from None
        if len(raw) > _MAX_SECRET_FILE_BYTES:
            raise UsageError(f"The file {name!r} is too large to hold a password or code.")
        try:
            text = raw.decode("utf-8")
        except UnicodeDecodeError:
            raise UsageError(f"The file {name!r} is not UTF-8 text.") from None
        text = text.removesuffix("\n").removesuffix("\r") if text.endswith("\n") else text
        self._asked[name] = text
        return text

    def confirm(self, question: str) -> bool:
        """Ask yes or no at a terminal; without one the answer is no."""
        if not self.interactive:
            return False
        return click.confirm(question, err=True)

    def show_error(self, error: HygieiaError) -> None:
        """Say what went wrong and what to do next, in one line or one JSON document."""
        if self.json:
            fields = {"code": error.code, "message": str(error), "hint": error.hint}
            click.echo(json.dumps({"error": fields}, ensure_ascii=False, separators=(",", ":")))
            return
        click.echo(f"hygieia: {error}", err=True)
        if error.hint:
            click.echo(f"  {error.hint}", err=True)


def _read_limited(name: str) -> bytes:
    if name == STANDARD_INPUT:
        return sys.stdin.buffer.read(_MAX_SECRET_FILE_BYTES + 1)
    with Path(name).open("rb") as file:
        return file.read(_MAX_SECRET_FILE_BYTES + 1)


def color_wanted() -> bool:
    """Whether the environment allows colour (https://no-color.org)."""
    return not os.environ.get("NO_COLOR")
