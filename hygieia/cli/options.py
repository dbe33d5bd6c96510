"""The global options, taken before or after a subcommand's name, and the command classes."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any, TypeVar

import click

from hygieia.cli.invocation import Invocation

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

F = TypeVar("F", bound="Callable[..., Any]")

# Text that shells complete as a path; the command itself says what is wrong with one.
ANY_PATH = click.Path(readable=False, allow_dash=True)


def known_words(table: str) -> Callable[[click.Context, click.Parameter, str], list[str]]:
    """Have shells complete the built-in words of ``hygieia.vault.words``; others are taken too."""

    def complete(_context: click.Context, _parameter: click.Parameter, begun: str) -> list[str]:
        from hygieia.vault import words

        return [word for word in getattr(words, table) if word.startswith(begun)]

    return complete


def invocation_of(context: click.Context) -> Invocation:
    """The call's one Invocation, made at the outermost context."""
    root = context.find_root()
    if root.obj is None:
        root.obj = Invocation()
    found: Invocation = root.obj
    return found


def _keep(context: click.Context, parameter: click.Parameter, value: object) -> None:
    """Store a global option when it was given, so that either place of it counts."""
    if value is None or parameter.name is None:
        return
    invocation = invocation_of(context)
    if parameter.name == "json":
        invocation.json = True
    elif parameter.name == "quiet":
        invocation.quiet = True
    elif parameter.name == "no_color":
        invocation.given["color"] = False
    else:
        invocation.given[parameter.name] = value


def _global_options() -> list[click.Option]:
    def option(*names: str, **fields: Any) -> click.Option:  # noqa: ANN401  (click's own keywords)
        return click.Option(names, expose_value=False, is_eager=True, callback=_keep, **fields)

    def flag(name: str, text: str) -> click.Option:
        return option(name, is_flag=True, flag_value=True, default=None, help=text)

    return [
        option("--server", metavar="URL", help="The vault server to talk to."),
        option("--profile", metavar="NAME", help="Which account on this machine."),
        flag("--json", "Print one JSON document."),
        flag("--quiet", "Print results only, no progress and no messages."),
        flag("--no-color", "No colours (NO_COLOR is respected too)."),
        option(
            "--password-file",
            type=ANY_PATH,
            metavar="FILE",
            help="Read the password from FILE; - is stdin.",
        ),
    ]


class GlobalOptions(click.Command):
    """Any command of ours: it also takes the global options after its own name."""

    def get_params(self, ctx: click.Context) -> list[click.Parameter]:
        """Our own parameters, the global options, then click's ``--help``."""
        own = super().get_params(ctx)
        return [*own[:-1], *_global_options(), *own[-1:]] if own else list(_global_options())

    def collect_usage_pieces(self, ctx: click.Context) -> list[str]:
        """Usage without the noise of the global options."""
        return ["[OPTIONS]", *[piece for p in self.params for piece in p.get_usage_pieces(ctx)]]


class LazyGroup(GlobalOptions, click.Group):
    """A group whose subcommands live in modules that are imported only when they run.

    ``lazy`` maps a command's name to (module, attribute, one line of help).
    """

    def __init__(
        self,
        *args: Any,  # noqa: ANN401  (click's own keywords)
        lazy: dict[str, tuple[str, str, str]] | None = None,
        **fields: Any,  # noqa: ANN401  (click's own keywords)
    ) -> None:
        super().__init__(*args, **fields)
        self.lazy = lazy or {}

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Every subcommand in the order a newcomer meets them."""
        return [*self.lazy, *super().list_commands(ctx)]

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import the module of one subcommand."""
        if cmd_name not in self.lazy:
            return super().get_command(ctx, cmd_name)
        module, attribute, _ = self.lazy[cmd_name]
        command: click.Command = getattr(importlib.import_module(module), attribute)
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """List the subcommands from the table, importing none of them."""
        del ctx  # click passes it; the table needs none
        rows: list[tuple[str, str]] = [(name, text) for name, (_, _, text) in self.lazy.items()]
        rows += [
            (name, command.get_short_help_str())
            for name, command in self.commands.items()
            if not command.hidden
        ]
        with formatter.section("Commands"):
            formatter.write_dl(rows)

    def collect_usage_pieces(self, ctx: click.Context) -> list[str]:
        """Usage of a group: options, then one of its commands."""
        return ["[OPTIONS]", *super().collect_usage_pieces(ctx)[1:], "COMMAND [ARGS]..."]

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Find the subcommand; for a misspelt one, name the nearest."""
        name = args[0] if args else ""
        if name and not name.startswith("-") and name not in self.list_commands(ctx):
            ctx.fail(f"There is no command {name!r}.{_nearest(name, self.list_commands(ctx))}")
        return super().resolve_command(ctx, args)


def _nearest(name: str, known: Sequence[str]) -> str:
    import difflib  # only needed after a typing error

    close = difflib.get_close_matches(name, known, n=1)
    return f" Did you mean {close[0]!r}?" if close else ""


def command(name: str) -> Callable[[F], click.Command]:
    """Declare a subcommand that takes the global options; it is handed the Invocation first."""

    def decorate(function: F) -> click.Command:
        return click.command(name, cls=GlobalOptions)(pass_invocation(function))

    return decorate


def pass_invocation(function: F) -> F:
    """Hand the call's Invocation to a command's function as its first argument."""
    import functools

    @functools.wraps(function)
    def wrapped(*args: Any, **fields: Any) -> Any:  # noqa: ANN401  (click's own keywords)
        return function(invocation_of(click.get_current_context()), *args, **fields)

    return wrapped  # type: ignore[return-value]  # functools.wraps keeps the signature click reads
