"""What a measuring command shows: its tables on the terminal; and below `--out` results.json, a picture, and README.md."""

from __future__ import annotations

import importlib.util
import json
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from sepdiar.evaluation.speed_table import BEGIN, END, put

WIDE = 200  # columns, where the tables go to a file


@dataclass(frozen=True)
class Sheet:
    """A table under a title."""

    title: str
    heads: Sequence[str]
    rows: Sequence[Sequence[str]]

    def markdown(self) -> str:
        """As a README shows it."""
        lines = (self.heads, ["---"] * len(self.heads), *self.rows)
        return "\n".join([f"**{self.title}**", "", *(f"| {' | '.join(cells)} |" for cells in lines), ""])

    def terminal(self) -> Table:
        """As a terminal shows it."""
        table = Table(title=self.title, title_justify="left")
        for place, head in enumerate(self.heads):
            table.add_column(head, justify="right" if place else "left")
        for row in self.rows:
            table.add_row(*row)
        return table


def head(title: str, unit: str) -> str:
    """What a column is called, with its unit where it has one."""
    return f"{title}, {unit}" if unit else title


def cell(one: Mapping[str, Any]) -> str:
    """A value, and its interval where there is one.

    >>> cell({"value": 7.61, "low": 5.2, "high": 10.03}), cell({"value": 0.0, "low": 0.0, "high": 0.0})
    ('7.6 (5.2 to 10.0)', '0')
    """
    spread = one["low"] is not None and one["low"] < one["high"]
    return number(one["value"]) + (f" ({number(one['low'])} to {number(one['high'])})" if spread else "")


def number(value: float | None) -> str:
    """A value as a table shows it, a small one never as nothing.

    >>> number(None), number(0.0), number(0.004), number(7.25), number(134.2)
    ('-', '0', '0.004', '7.2', '134')
    """
    if value is None:
        return "-"
    if abs(value) >= 100:
        return f"{value:.0f}"
    return f"{value:.1f}" if abs(value) >= 0.05 else f"{value:.1g}"


def show(sheets: Sequence[Sheet], notes: Sequence[str]) -> None:
    """The tables and the notes on the terminal."""
    console = Console()
    if not console.is_terminal:
        console.width = WIDE
    for sheet in sheets:
        console.print(sheet.terminal())
    print(*notes, sep="\n")


def results_before(out: Path | None) -> dict[str, Any]:
    """What a former command wrote there, or nothing."""
    place = out / "results.json" if out else None
    return dict(json.loads(place.read_text(encoding="utf-8"))) if place and place.is_file() else {}


def write(
    out: Path, results: Mapping[str, Any], sheets: Sequence[Sheet], notes: Sequence[str], picture: str, title: str = ""
) -> None:
    """results.json, and what stands between the marks of README.md, which gets a `title` where it is made.

    `picture` is Markdown, "" where none could be drawn.
    """
    if title and not (out / "README.md").is_file():
        (out / "README.md").write_text(f"# {title}\n\n{BEGIN}\n{END}\n", encoding="utf-8")
    (out / "results.json").write_text(json.dumps(results, indent=1, sort_keys=True) + "\n", encoding="utf-8")
    put("\n".join([*([picture, ""] if picture else []), *(sheet.markdown() for sheet in sheets), *notes]), out / "README.md")
    if results.get("cases") and not picture and importlib.util.find_spec("matplotlib") is None:
        print("no picture: it needs matplotlib (pip install 'sepdiar[eval]')", file=sys.stderr)
