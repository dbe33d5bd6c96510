"""The table: what was measured, what it came to, what was aimed at."""

from __future__ import annotations

from dataclasses import dataclass, field

HEAD = ("what", "measured", "target", "ratio")


@dataclass(frozen=True)
class Row:
    """One line. ``ratio``: measured over what it is compared with, 1 being equal."""

    what: str
    measured: str
    target: str = ""
    ratio: float | None = None
    missed: bool = False

    def cells(self) -> tuple[str, str, str, str]:
        ratio = "" if self.ratio is None else f"{self.ratio:.2f}"
        return self.what, self.measured, self.target + (" (missed)" if self.missed else ""), ratio


@dataclass
class Table:
    """Prints each row as it comes, and all of them at the end."""

    rows: list[Row] = field(default_factory=list)

    def add(
        self,
        what: str,
        measured: str,
        target: str = "",
        *,
        ratio: float | None = None,
        met: bool = True,
    ) -> None:
        row = Row(what, measured, target, ratio, not met)
        self.rows.append(row)
        print("  ".join(cell for cell in row.cells() if cell), flush=True)

    def at_most(
        self, what: str, value: float, unit: str, target: float, *, ratio: float | None = None
    ) -> None:
        """A row whose target is an upper bound in its own unit."""
        shown = f"{value:,.0f} {unit}" if value >= 100 else f"{value:.1f} {unit}"
        self.add(what, shown, f"at most {target:,g} {unit}", ratio=ratio, met=value <= target)

    def seconds(self, what: str, value: float, floor: float, target: float | None = None) -> None:
        """A row in seconds, with its ratio to the floor."""
        ratio = value / floor
        bound = "" if target is None else f"at most {target:g} x floor"
        self.add(what, f"{value:.2f} s", bound, ratio=ratio, met=target is None or ratio <= target)

    def as_markdown(self) -> str:
        lines = [HEAD, ("---", "---:", "---:", "---:"), *(row.cells() for row in self.rows)]
        return "\n".join("| " + " | ".join(line) + " |" for line in lines)
