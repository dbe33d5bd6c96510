"""Words and tables for people, whatever a file is called."""

from __future__ import annotations

import pytest

from hygieia.cli.text import TerminalText, facts, printable, printable_lines, size, table


@pytest.mark.parametrize(
    ("size_bytes", "shown"),
    [(0, "0 B"), (999, "999 B"), (1000, "1.0 kB"), (1_234_567, "1.2 MB"), (10**16, "10.0 PB")],
)
def test_sizes_are_decimal(size_bytes: int, shown: str) -> None:
    assert size(size_bytes) == shown


@pytest.mark.parametrize("text", ["plain", "Ärztin 医者", "a b", "👩"])
def test_ordinary_text_stays_as_it_is(text: str) -> None:
    assert printable(text) == text


@pytest.mark.parametrize(
    "unwanted",
    ["\x1b", "\x9b", "\x07", "\n", "\r", "\x00", "\u202e", "\u200b", "\u2028", "\ud800", "\ufeff"],
)
def test_what_moves_the_cursor_or_hides_is_escaped(unwanted: str) -> None:
    shown = printable(f"a{unwanted}b")
    assert shown.isprintable()
    assert shown.startswith("a\\")
    assert shown.endswith("b")


def test_our_own_line_ends_stay() -> None:
    assert printable_lines("one\ntwo\r\x1b") == "one\ntwo\\r\\x1b"


def test_columns_line_up_under_wide_characters_and_marks() -> None:
    rows = table(("A", "B"), [("医者", "x"), ("e\u0301", "y"), ("long", "z")]).splitlines()
    assert rows == ["A     B", "医者  x", "e\u0301     y", "long  z"]


def test_a_cell_cannot_begin_a_line_of_its_own() -> None:
    assert len(table(("A",), [("one\ntwo",)]).splitlines()) == 2
    assert len(facts([("Title", "one\ntwo")]).splitlines()) == 1


def test_text_on_a_terminal_keeps_lines_and_tabs_and_nothing_else_that_moves() -> None:
    written: list[bytes] = []
    shown = TerminalText(written.append)
    for piece in (b"one\r\nt", b"wo\tthree \xe2", b"\x82\xac \x1b[2J", b"\xff", b" \xe2"):
        shown.show([piece])
    shown.end()
    text = b"".join(written).decode()
    assert text == "one\ntwo\tthree € \\x1b[2J\ufffd \ufffd"
