"""The entry point: which subcommands there are, and how a call ends (docs/guide/command-line.md)."""

from __future__ import annotations

import io
import os
import signal
import sys
import traceback
from typing import NoReturn

import click

from hygieia import __version__
from hygieia.cli import INTERRUPTED, INTERRUPTED_WORDS
from hygieia.cli.invocation import Invocation
from hygieia.cli.options import LazyGroup
from hygieia.errors import Failed, HygieiaError, UsageError
from hygieia.memory import use_one_heap

SWITCH_INTERVAL_SECONDS = 0.0005
_C = "hygieia.cli.commands"


class Interrupted(HygieiaError):
    """The person stopped the command. No part of the API: only a command has someone to stop it."""

    code = "interrupted"
    exit_code = INTERRUPTED


COMMANDS: dict[str, tuple[str, str, str]] = {
    "signup": (f"{_C}.account", "signup", "Make keys and an account, and save the recovery kit."),
    "login": (f"{_C}.account", "login", "Sign in on this machine."),
    "logout": (f"{_C}.account", "logout", "End this machine's session."),
    "whoami": (f"{_C}.account", "whoami", "Show who is signed in, and the space used."),
    "passwd": (f"{_C}.account", "passwd", "Change the password."),
    "sessions": (f"{_C}.account", "sessions", "List or end sessions."),
    "delete-account": (f"{_C}.account", "delete_account", "Delete the account and its reports."),
    "put": (f"{_C}.put", "put", "Encrypt and store files, folders or standard input."),
    "ls": (f"{_C}.reading", "ls", "List reports, newest first."),
    "info": (f"{_C}.reading", "info", "Show everything about one report."),
    "get": (f"{_C}.reading", "get", "Fetch, verify and decrypt reports."),
    "cat": (f"{_C}.reading", "cat", "Write one report to standard output."),
    "versions": (f"{_C}.reading", "versions", "List a report's versions."),
    "update": (f"{_C}.changing", "update", "Store a new version of a report."),
    "edit": (f"{_C}.changing", "edit", "Change a report's title or category."),
    "rm": (f"{_C}.changing", "rm", "Move reports to the trash for 30 days."),
    "restore": (f"{_C}.changing", "restore", "Take reports out of the trash."),
    "subjects": (f"{_C}.subjects", "subjects", "Whose records you keep besides your own."),
    "contacts": (f"{_C}.contacts", "contacts", "The people you share with."),
    "share": (f"{_C}.sharing", "share", "Let people read reports."),
    "unshare": (f"{_C}.sharing", "unshare", "Stop sharing reports with people."),
    "rekey": (f"{_C}.rekeying", "rekey", "Encrypt reports anew, closed to former readers."),
    "shared": (f"{_C}.sharing", "shared", "List what others share with you."),
    "delegate": (f"{_C}.delegations", "delegate", "Let somebody read what you store from now on."),
    "delegations": (f"{_C}.delegations", "delegations", "List what you gave and were given."),
    "undelegate": (f"{_C}.delegations", "undelegate", "End what you gave somebody."),
    "copies": (f"{_C}.copies", "copies", "Show where copies of your reports are."),
    "log": (f"{_C}.log", "log", "Show who did what in your account, and check it."),
    "give-back": (f"{_C}.giving_back", "give_back", "Give back what a lost key closed."),
    "kit": (f"{_C}.kit", "kit", "Write the recovery kit, or test one."),
    "recover": (f"{_C}.recover", "recover", "Restore a vault from kit and gateways, no server."),
    "reset-password": (f"{_C}.recover", "reset_password", "Set a new password with kit and code."),
    "doctor": (f"{_C}.doctor", "doctor", "Check server, gateways, clock and versions."),
    "serve": (f"{_C}.serve", "serve", "Run the vault server."),
    "admin": (f"{_C}.admin", "admin", "Look after a server, on its own machine."),
    "completion": (f"{_C}.completion", "completion", "Print shell completion for bash, zsh, fish."),
}


@click.group(
    cls=LazyGroup,
    lazy=COMMANDS,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    epilog="Start with: hygieia signup you@example.org",
)
@click.version_option(__version__, prog_name="hygieia")
def hygieia() -> None:
    """An end-to-end-encrypted vault for health records on IPFS."""


def main() -> NoReturn:
    """Run the command and end the process with the promised exit code."""
    use_one_heap()
    # Threads hash and encrypt beside the event loop: it must not wait 5 ms for each turn.
    sys.setswitchinterval(SWITCH_INTERVAL_SECONDS)
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            # A terminal in an old encoding shows \u escapes; it does not stop the command.
            stream.reconfigure(errors="backslashreplace")
    interruptible = signal.getsignal(signal.SIGINT) is not signal.SIG_IGN
    try:
        if interruptible:
            signal.signal(signal.SIGINT, signal.default_int_handler)
        code = run(sys.argv[1:], Invocation())
    except KeyboardInterrupt:  # in the moment before or after
        code = Interrupted.exit_code
    if interruptible:
        # The command is over: what it said stands.
        signal.signal(signal.SIGINT, signal.SIG_IGN)
    sys.exit(code)


def run(arguments: list[str], invocation: Invocation) -> int:
    """Run one call.

    Args:
        arguments: what stands after the command's name.
        invocation: where results and messages go.

    Returns:
        The exit code (docs/guide/command-line.md).
    """
    try:
        returned = hygieia.main(
            arguments, prog_name="hygieia", standalone_mode=False, obj=invocation
        )
    except click.exceptions.NoArgsIsHelpError as error:
        click.echo(error.format_message(), err=True)
        return UsageError.exit_code
    except click.ClickException as error:
        # Parsing may have stopped before it came to --json.
        invocation.json = invocation.json or "--json" in arguments
        return _usage_error(error, invocation)
    except HygieiaError as error:
        invocation.show_error(error)
        return error.exit_code
    except (KeyboardInterrupt, click.Abort):
        invocation.json = invocation.json or "--json" in arguments
        invocation.show_error(Interrupted(INTERRUPTED_WORDS))
        return Interrupted.exit_code
    except BrokenPipeError:
        # The reader of our output went away (as `| head` does): nothing more to say to it.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return HygieiaError.exit_code
    except OSError as error:
        # strerror is the system's own sentence; the file's name may be anybody's and stays out.
        invocation.show_error(
            Failed(f"This machine refused: {error.strerror or 'no reason given'}.")
        )
        return Failed.exit_code
    except Exception as error:  # noqa: BLE001  (the last line of defence: no stack trace for people)
        return _unexpected(error, invocation)
    return returned if isinstance(returned, int) else 0


def _usage_error(error: click.ClickException, invocation: Invocation) -> int:
    context = error.ctx if isinstance(error, click.UsageError) else None
    hint = f"See: {context.command_path if context else 'hygieia'} --help"
    # click lists choices in lines of their own; an error is one line.
    message = " ".join(error.format_message().split())
    invocation.show_error(UsageError(message, hint=hint))
    return UsageError.exit_code


def _unexpected(error: Exception, invocation: Invocation) -> int:
    """Name the kind and place of a defect; its text may hold data and stays out."""
    frames = traceback.extract_tb(error.__traceback__)
    ours = [frame for frame in frames if "hygieia" in frame.filename] or frames
    place = f"{os.path.basename(ours[-1].filename)}:{ours[-1].lineno}" if ours else "?"  # noqa: PTH119  (pathlib is not loaded for this alone)
    invocation.show_error(
        HygieiaError(
            f"A defect in hygieia stopped this ({type(error).__name__} at {place}).",
            hint="Nothing was half-written. Please report this line.",
        )
    )
    return HygieiaError.exit_code
