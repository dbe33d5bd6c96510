"""Words and tables for people: sizes, times, and names that cannot move the cursor."""

from __future__ import annotations

import codecs
import unicodedata
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

_UNITS = ("B", "kB", "MB", "GB", "TB", "PB")


def size(size_bytes: int) -> str:
    """A size as people read it, in decimal units: ``1.2 MB``."""
    amount = float(size_bytes)
    for unit in _UNITS:
        if amount < 1000 or unit == _UNITS[-1]:
            break
        amount /= 1000
    return f"{size_bytes} B" if unit == "B" else f"{amount:.1f} {unit}"


def printable(text: str) -> str:
    """Text from anybody, made safe for a terminal (SN-05): escapes instead of controls.

    Bidirectional controls are escaped too, so that ``gpj.exe`` cannot pose as ``exe.jpg``.
    """
    return "".join(c if _shows(c) else c.encode("unicode_escape").decode("ascii") for c in text)


def printable_lines(text: str) -> str:
    """``printable`` for text of several lines: line ends are ours and stay."""
    return "\n".join(printable(line) for line in text.split("\n"))


def _shows(character: str) -> bool:
    return character == " " or unicodedata.category(character)[0] not in {"C", "Z"}


class TerminalText:
    """Shows text of anybody's on a terminal: its lines stay, whatever else moves it is escaped."""

    def __init__(self, write: Callable[[bytes], object]) -> None:
        self._write = write
        self._decoder = codecs.getincrementaldecoder("utf-8")(errors="replace")

    def show(self, pieces: Sequence[bytes | memoryview]) -> None:
        """Show what comes next."""
        for piece in pieces:
            self._show(self._decoder.decode(bytes(piece)))

    def end(self) -> None:
        """Show what an unfinished character at the end leaves."""
        self._show(self._decoder.decode(b"", final=True))

    def _show(self, text: str) -> None:
        lines = text.replace("\r\n", "\n").split("\n")
        shown = ["\t".join(printable(cell) for cell in line.split("\t")) for line in lines]
        self._write("\n".join(shown).encode("utf-8", "backslashreplace"))


def _width(text: str) -> int:
    """Columns a terminal uses: two for wide characters, none for combining marks."""
    total = 0
    for character in text:
        if unicodedata.combining(character):
            continue
        total += 2 if unicodedata.east_asian_width(character) in {"W", "F"} else 1
    return total


def table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Rows in aligned columns under a header; cells are made printable here."""
    cells = [list(header), *([printable(cell) for cell in row] for row in rows)]
    widths = [max(_width(row[column]) for row in cells) for column in range(len(header))]
    return "\n".join(
        "  ".join(cell + " " * (widths[i] - _width(cell)) for i, cell in enumerate(row)).rstrip()
        for row in cells
    )


def facts(pairs: Sequence[tuple[str, str]]) -> str:
    """Name and value, one pair a line, values aligned."""
    widest = max((len(name) for name, _ in pairs), default=0)
    return "\n".join(f"{name + ':':<{widest + 2}}{printable(value)}" for name, value in pairs)


def counted(number: int, what: str, several: str | None = None) -> str:
    """``1 report``, ``2 reports``; ``several`` where it is not ``what`` with an s."""
    return f"{number} {what if number == 1 else several or what + 's'}"
