"""What the global options say, and the one way results, messages and questions leave a command."""

from __future__ import annotations

import contextlib
import json
import signal
import sys
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

import click

from hygieia.cli.text import printable_lines
from hygieia.errors import CredentialsError, HygieiaError, UsageError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    # config takes longer to import than --help may: it is imported when first asked.
    from hygieia.config import ClientSettings  # noqa: TC004  (a dataclass does not read its annotations)

STANDARD_INPUT = "-"
_MAX_SECRET_FILE_BYTES = 4096


@dataclass(slots=True)
class Invocation:
    """The global options of one call, gathered before and after the subcommand's name.

    ``given`` are those that stand for settings of the environment and are stronger.
    """

    json: bool = False
    quiet: bool = False
    given: dict[str, Any] = field(default_factory=dict)
    _settings: ClientSettings | None = None
    _asked: dict[str, str] = field(default_factory=dict, repr=False)

    @property
    def settings(self) -> ClientSettings:
        """The environment's settings under the options given; read when first needed."""
        if self._settings is None:
            from hygieia.config import client_settings

            self._settings = replace(client_settings(), **self.given)
        return self._settings

    # -- results and messages --------------------------------------------------------------

    def result(self, document: dict[str, Any], human: str | Callable[[], str]) -> None:
        """Print the one result: a JSON document with ``--json``, else text for people."""
        if self.json:
            _print_json(document)
            return
        text = human if isinstance(human, str) else human()
        if text:
            click.echo(printable_lines(text) if sys.stdout.isatty() else text)

    def done(self, document: dict[str, Any], sentence: str) -> None:
        """End a command whose only result is that it worked: said as a message, not printed."""
        if self.json:
            _print_json(document)
        else:
            self.message(sentence)

    def incomplete(
        self, document: dict[str, Any], human: str | Callable[[], str], error: HygieiaError
    ) -> NoReturn:
        """Print what was done of it and what was not, in one document, and end with its code."""
        self.result(document | {"error": _error_json(error)}, human)
        if not self.json:
            self.show_error(error)
        raise click.exceptions.Exit(error.exit_code)

    def message(self, text: str) -> None:
        """Say something to the person on standard error; ``--quiet`` leaves it out."""
        if not self.quiet:
            click.echo(printable_lines(text), err=True)

    def warn(self, text: str) -> None:
        """Say what must not be missed: on standard error, with ``--quiet`` too."""
        click.echo(f"hygieia: {printable_lines(text)}", err=True)

    def show_error(self, error: HygieiaError) -> None:
        """Say what went wrong and what to do next, in a line each or in one JSON document."""
        if self.json:
            _print_json({"error": _error_json(error)})
            return
        self.warn(str(error))
        if error.hint:
            click.echo(f"  {printable_lines(error.hint)}", err=True)

    @property
    def shows_progress(self) -> bool:
        """Whether a moving progress bar has somewhere to move."""
        return not self.quiet and not self.json and sys.stderr.isatty()

    # -- questions -------------------------------------------------------------------------

    @property
    def interactive(self) -> bool:
        """Whether a person sits at a terminal and no file answers for her."""
        return self.settings.password_file is None and sys.stdin.isatty() and sys.stderr.isatty()

    def password(self, question: str = "Password", *, confirm: bool = False) -> str:
        """Take the password from the file given, else ask for it at the terminal.

        Raises:
            CredentialsError: there is neither a file nor a terminal to ask at.
        """
        if self.settings.password_file is not None:
            return self.secret_from_file(self.settings.password_file)
        return self.ask_secret(question, confirm=confirm)

    def ask_secret(
        self,
        question: str,
        *,
        confirm: bool = False,
        optional: bool = False,
        option: str = "--password-file",
    ) -> str:
        """Ask at the terminal without echo; the same question is asked once a call.

        Args:
            question: what to ask for.
            confirm: ask twice, until both answers are the same.
            optional: take an empty answer too.
            option: the option that gives it where there is no terminal.
        """
        if question in self._asked:
            return self._asked[question]
        if not self.interactive:
            raise CredentialsError(
                f"There is no terminal to ask at: {question}.",
                hint=f"Give it with {option} FILE (- is standard input).",
            )
        with _interruptible():
            answer: str = click.prompt(
                printable_lines(question),
                hide_input=True,
                confirmation_prompt=confirm,
                default="" if optional else None,
                show_default=False,
                err=True,
            )
        self._asked[question] = answer
        return answer

    def forget_answer(self, question: str) -> None:
        """Ask this question anew the next time: its answer would not do."""
        self._asked.pop(question, None)

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
        if not text:
            raise UsageError(f"The file {name!r} is empty: it should hold a password or code.")
        self._asked[name] = text
        return text

    def refuse_two_from_standard_input(self, *names: str | None) -> None:
        """Standard input gives one thing: raise UsageError when it is named for two."""
        if [self.settings.password_file, *names].count(STANDARD_INPUT) > 1:
            raise UsageError(
                "Only one thing can come from standard input: give the others in files."
            )

    def type_to_confirm(self, text: str) -> str | None:
        """Have the person type something; None where there is no terminal."""
        if not self.interactive:
            return None
        with _interruptible():
            return str(click.prompt(f"Type {printable_lines(text)} to go on", err=True))


def _print_json(document: dict[str, Any]) -> None:
    # ASCII: whatever a file is called, it moves no cursor and needs no encoding.
    click.echo(json.dumps(document, separators=(",", ":")))


def _error_json(error: HygieiaError) -> dict[str, str | None]:
    return {"code": error.code, "message": str(error), "hint": error.hint}


def _read_limited(name: str) -> bytes:
    if name == STANDARD_INPUT:
        return sys.stdin.buffer.read(_MAX_SECRET_FILE_BYTES + 1)
    with Path(name).open("rb") as file:
        return file.read(_MAX_SECRET_FILE_BYTES + 1)


@contextlib.contextmanager
def _interruptible() -> Iterator[None]:
    """Let Ctrl-C end a question at once: an event loop below would hear it only after the answer."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)
