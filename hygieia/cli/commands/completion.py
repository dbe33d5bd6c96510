"""``hygieia completion``: the script that teaches a shell our commands."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click
from click.shell_completion import get_completion_class

from hygieia.cli.options import command

if TYPE_CHECKING:
    from hygieia.cli.invocation import Invocation

SHELLS = ("bash", "zsh", "fish")
# A new ~/.zshrc has not loaded zsh's completion yet, without which there is no compdef.
_REGISTERED = "    compdef _hygieia_completion hygieia\n"
_LOADED = "    (( $+functions[compdef] )) || { autoload -Uz compinit && compinit -u }\n"


@command("completion")
@click.argument("shell", type=click.Choice(SHELLS), metavar="SHELL")
def completion(_invocation: Invocation, shell: str) -> None:
    """Print a completion script. For bash: hygieia completion bash >> ~/.bashrc."""
    from hygieia.cli.main import hygieia  # the group imports this module lazily

    kind = get_completion_class(shell)
    if kind is None:  # pragma: no cover  (click knows these three)
        raise click.UsageError(f"There is no completion for {shell}.")
    script = kind(hygieia, {}, "hygieia", "_HYGIEIA_COMPLETE").source()
    click.echo(script.replace(_REGISTERED, _LOADED + _REGISTERED) if shell == "zsh" else script)
