"""The tables of `eval/speed/backends.md`, from backends.json alone."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from sepdiar.evaluation.bench import table
from sepdiar.evaluation.bench.order import OURS
from sepdiar.evaluation.bench.table import Cell, figures, growth, machines

GOALS = {"pyannote-3.1": 2.0, "pyannote-community-1": 2.0}  # times the package's call; ours shall be no slower anywhere
SHARED = ("backend", "minutes", "device", "threads")
HEADS = ("backend", "recording", "device", "call", "seconds", "of the processor", "times real time", "peak MiB", "answer", "ours")


def tables(results: Mapping[str, Any]) -> str:
    """Markdown: every cell with its ratio, the goals, and what it was measured on."""
    cells: Sequence[Cell] = results["calls"]
    lines = table.table(HEADS, [_row(cell, cells) for cell in cells])
    return "\n".join([*lines, "", *goals(cells), "", *machines(cells)])


def goals(cells: Sequence[Cell]) -> Iterator[str]:
    """A line for each pair that was measured, by the processor's seconds, and for memory of the longest recording."""
    for cell in cells:
        if (found := times(cell, cells)) is not None:
            goal = GOALS.get(cell["backend"], 1.0)
            verdict = "holds" if found >= goal else "**does not hold**"
            said = f"; {cell['answer']}" if "answer" in cell else ""
            what = f"{cell['backend']}, {cell['minutes']:g} min, ours against {cell['way']}"
            yield f"- {verdict}: {what}: {found:.3g} x, goal {goal:g} x{said}"
    yield from growth(cells, "backend")


def times(cell: Cell, cells: Sequence[Cell]) -> float | None:
    """How many times as long as ours a package's call takes: of the processor, on a GPU on the clock."""
    return table.ratio(cell, cells, SHARED, "processor" if cell["device"] == "cpu" else "seconds")


def _row(cell: Cell, cells: Sequence[Cell]) -> Sequence[str]:
    way = cell["way"] if cell["way"] == OURS else f"{cell['way']} (threads {cell['threads']})"
    named = (cell["backend"], f"{cell['minutes']:g} min", cell["device"], way)
    if "seconds" not in cell:
        return *named, f"not run: {cell['not_run']}", *[""] * 5
    clock, work = (table.ratio(cell, cells, SHARED, key) for key in ("seconds", "processor"))
    found = f"{clock:.3g} x faster ({work:.3g} x less of the processor)" if clock and work else ""
    return *named, *figures(cell), f"{cell['peak_mib']:.0f}", cell.get("answer", ""), found
