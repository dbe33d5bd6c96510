"""Says of every attack how it ended, for ``make attack``: a pytest plugin, loaded there by name.

One heading a file, its attack in one sentence, and under it what was tried and whether it held.
"""

from __future__ import annotations

import re
from collections import Counter
from pathlib import Path

import pytest

HELD, BROKEN = "held", "BROKEN"


class Saying:
    """Prints as tests end; pytest's own dots and names are left out."""

    def __init__(self, config: pytest.Config) -> None:
        terminal = config.pluginmanager.get_plugin("terminalreporter")
        assert isinstance(terminal, pytest.TerminalReporter)
        self._terminal = terminal
        self._attack = ""
        self._tried: Counter[tuple[str, str]] = Counter()
        self.ways: Counter[str] = Counter()
        self.attacks: set[str] = set()

    def pytest_report_teststatus(self, report: pytest.TestReport) -> tuple[str, str, str] | None:
        """Counted once a test, shown by us."""
        if report.failed or (report.passed and report.when == "call"):
            return report.outcome, "", ""
        return ("", "", "") if report.passed else None

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Take note of how one way of an attack ended."""
        if report.when != "call" and not report.failed:
            return
        file, _, test = report.nodeid.partition("::")
        if file != self._attack:
            self._finish()
            self._attack = file
        name = re.sub(r"\[.*", "", test.split("::")[-1]).removeprefix("test_").replace("_", " ")
        outcome = HELD if report.passed else BROKEN
        self._tried[name, outcome] += 1
        self.ways[outcome] += 1
        self.attacks.add(file)

    def pytest_sessionfinish(self) -> None:
        """Say the last one, and all of it in one line."""
        self._finish()
        self._terminal.write_line("")
        ways = f"{self.ways.total()} ways of {len(self.attacks)} attacks"
        broken = self.ways[BROKEN]
        self._terminal.write_line(
            f"{ways}: {f'{broken} BROKE THROUGH' if broken else 'all held'}.",
            red=bool(broken),
            green=not broken,
            bold=True,
        )

    def _finish(self) -> None:
        if not self._tried:
            return
        self._terminal.write_line("")
        self._terminal.write_line(_sentence(self._attack), bold=True)
        for (name, outcome), times in self._tried.items():
            count = f" ({times} ways)" if times > 1 else ""
            self._terminal.write_line(f"  {outcome:<7} {name}{count}", red=outcome == BROKEN)
        self._tried.clear()


def _sentence(file: str) -> str:
    """The first line of a test file's docstring: the attack, under its id."""
    first = Path(file).read_text("utf-8").split("\n", 1)[0]
    return first.strip('"').rstrip()


@pytest.hookimpl(trylast=True)
def pytest_configure(config: pytest.Config) -> None:
    """Stand beside the terminal reporter once it is there."""
    config.pluginmanager.register(Saying(config), "saying")
