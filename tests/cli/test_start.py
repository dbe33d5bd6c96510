"""What a command loads before it does anything, and how shells learn our commands."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from hygieia import __version__
from hygieia.cli.main import COMMANDS
from tests.cli.shell import NO_KEYRING, by, run
from tests.running import Person

HEAVY = {"aiohttp", "argon2", "cryptography", "keyring", "pgpy", "pydantic", "rich", "zxcvbn"}

LOADED_BY = """
import io, json, sys, contextlib
from hygieia.cli.main import main
sys.argv = ["hygieia", *json.loads(sys.argv[1])]
out = io.StringIO()
with contextlib.redirect_stdout(out), contextlib.suppress(SystemExit):
    main()
print(json.dumps([sorted(sys.modules), out.getvalue()]))
"""


INTERRUPTED_AT = """
import os, signal, sys
class CtrlC:
    def find_spec(self, name, *_):
        if name == where:
            os.kill(os.getpid(), signal.SIGINT)
    def getsignal(self, _):
        os.kill(os.getpid(), signal.SIGINT)
where = sys.argv.pop(1)
signal.signal(signal.SIGINT, signal.default_int_handler)  # what starts tests may ignore it
if where == "signal.getsignal":
    signal.getsignal = CtrlC().getsignal
sys.meta_path.insert(0, CtrlC())
from hygieia.cli.start import main
main()
"""


def loaded_by(*arguments: str, environ: dict[str, str] | None = None) -> tuple[set[str], str]:
    """The top-level packages that a command loaded, and what it printed."""
    done = subprocess.run(
        [sys.executable, "-c", LOADED_BY, json.dumps(arguments)],
        env={**os.environ, **NO_KEYRING, **(environ or {})},
        capture_output=True,
        text=True,
        check=True,
    )
    modules, out = json.loads(done.stdout.splitlines()[-1])
    return {name.partition(".")[0] for name in modules}, out


@pytest.mark.parametrize(
    "arguments", [["--help"], ["--version"], ["put", "--help"], ["recover", "-h"], ["kit", "-h"]]
)
def test_help_and_version_load_nothing_heavy(arguments: list[str]) -> None:
    loaded, out = loaded_by(*arguments)
    assert out
    assert not loaded & HEAVY


def test_a_command_that_cannot_be_understood_loads_nothing_heavy() -> None:
    loaded, _ = loaded_by("put", "--bogus")
    assert not loaded & HEAVY


def test_whoami_loads_what_it_needs_and_no_more(ana: Person) -> None:
    environ = {
        "HYGIEIA_HOME": str(ana.home),
        "HYGIEIA_PASSWORD_FILE": str(ana.password_file),
    }
    loaded, out = loaded_by("whoami", environ=environ)
    assert "Fingerprint" in out
    assert not loaded & {"keyring", "pgpy", "pydantic", "rich", "segno", "zxcvbn"}


def test_version_names_the_program_and_its_version() -> None:
    assert run("--version").out == f"hygieia, version {__version__}\n"


def test_help_names_every_command_and_each_explains_itself() -> None:
    listed = run("--help").out
    from click.testing import CliRunner

    from hygieia.cli.main import hygieia

    for name in COMMANDS:
        assert f"  {name} " in listed
        explained = CliRunner().invoke(hygieia, [name, "--help"])
        assert explained.exit_code == 0
        for option in ("--json", "--server", "--profile", "--password-file", "--quiet"):
            assert option in explained.output


def test_every_option_and_argument_is_explained() -> None:
    import click

    from hygieia.cli.main import hygieia

    def silent(group: click.Command, path: str) -> list[str]:
        context = click.Context(group, info_name=path)
        found = [
            f"{path} {p.opts[0]}"
            for p in group.get_params(context)
            if isinstance(p, click.Option) and not p.help
        ]
        if isinstance(group, click.Group):
            for name in group.list_commands(context):
                command = group.get_command(context, name)
                assert command is not None
                assert command.help, f"{path} {name}"
                found += silent(command, f"{path} {name}")
        return found

    assert silent(hygieia, "hygieia") == []


def test_without_a_command_the_help_is_shown_and_it_is_a_usage_error() -> None:
    done = run()
    assert done.code == 2
    assert "Commands:" in done.err
    assert done.out == ""


def test_a_misspelt_command_is_told_the_nearest() -> None:
    done = run("singup")
    assert done.code == 2
    assert "Did you mean 'signup'?" in done.err


def test_an_error_is_one_line_and_a_hint_whatever_click_makes_of_it() -> None:
    done = run("completion")
    assert done.code == 2
    assert len(done.err.splitlines()) == 2
    assert "bash, zsh, fish" in done.err


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completion_for_each_shell(shell: str) -> None:
    done = run("completion", shell)
    assert done.code == 0
    assert "_HYGIEIA_COMPLETE" in done.out


@pytest.mark.parametrize(
    ("words", "current", "expected"),
    [
        ("hygieia", "wh", "whoami"),
        ("hygieia kit", "te", "test"),
        ("hygieia admin", "acc", "accounts"),
        ("hygieia admin accounts", "inv", "invite"),
        ("hygieia put", "--cat", "--category"),
        ("hygieia sessions", "e", "end"),
    ],
)
def test_completion_knows_commands_below_commands_and_options(
    words: str, current: str, expected: str
) -> None:
    environ = {
        **os.environ,
        "_HYGIEIA_COMPLETE": "bash_complete",
        "COMP_WORDS": f"{words} {current}",
        "COMP_CWORD": str(len(words.split())),
    }
    assert f"plain,{expected}\n" in run(environ=environ).out


def test_every_command_takes_the_global_options_after_its_name(ana: Person) -> None:
    before = by(ana, "--json", "--quiet", "ls")
    after = by(ana, "ls", "--quiet", "--json")
    assert before.json == after.json == {"reports": [], "next": None}
    assert before.err == after.err == ""


def test_settings_are_looked_at_without_opening_anything(tmp_path: Path) -> None:
    kept = {k: v for k, v in os.environ.items() if not k.startswith("HYGIEIA_")}
    data = {"HYGIEIA_DATA_DIR": str(tmp_path / "data")}
    fine = run("serve", "--check", environ=kept | data)
    assert (fine.code, fine.out) == (0, "")
    wrong = run("serve", "--check", environ=kept | data | {"HYGIEIA_QUOTA_BYTES": "much"})
    assert wrong.code == 2
    assert "HYGIEIA_QUOTA_BYTES" in wrong.err
    assert not (tmp_path / "data").exists()


def test_the_entry_point_loads_nothing_before_it_can_answer_ctrl_c() -> None:
    program = (
        "import sys; bare = set(sys.modules); import hygieia.cli.start; "
        "print(*sorted(set(sys.modules) - bare))"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    assert done.stdout.split() == ["hygieia", "hygieia.cli", "hygieia.cli.start"]


@pytest.mark.parametrize(
    "where",
    ["signal.getsignal", "hygieia.cli.main", "click", "hygieia.cli.commands.account"],
)
def test_ctrl_c_while_a_command_is_still_loading_ends_it_quietly(where: str) -> None:
    def interrupted(*arguments: str) -> subprocess.CompletedProcess[str]:
        program = [sys.executable, "-c", INTERRUPTED_AT, where, *arguments]
        return subprocess.run(program, capture_output=True, text=True, timeout=120, check=False)

    done = interrupted("whoami")
    words = "interrupted; run again to resume."
    assert (done.returncode, done.stdout) == (130, "")
    assert done.stderr.strip() == f"hygieia: {words}"
    done = interrupted("whoami", "--json")
    assert (done.returncode, done.stderr.strip()) == (130, "")
    assert json.loads(done.stdout) == {
        "error": {"code": "interrupted", "message": words, "hint": None}
    }
