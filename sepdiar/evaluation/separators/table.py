"""The tables of `eval/speed/separators.md`, from separators.json alone."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from sepdiar.evaluation.bench import table
from sepdiar.evaluation.bench.order import OURS
from sepdiar.evaluation.bench.table import Cell, figures, growth, machines

GOAL = 5.0  # times the package's call, on dialogues of 15 % overlap
# what a cell has in common with the one it is held against
SHARED = ("separator", "minutes", "device", "batch", "threads", "context", "asked")


def tables(results: Mapping[str, Any]) -> str:
    """Markdown: every cell with its ratio, the goal, the floors, and what it was measured on."""
    cells: Sequence[Cell] = results["cells"]
    heads = (
        "separator",
        "recording",
        "device",
        "call",
        "seconds",
        "of the processor",
        "times real time",
        "heard by the network",
        "peak MiB",
        "ours",
    )
    lines = table.table(heads, [_row(cell, cells) for cell in cells])
    floors = [_least(one) for one in results["floors"]]
    if floors:
        least = ("separator", "device", "at once", "operations", "bytes", "least ms", "limited by", "takes ms", "times the least")
        lines += ["", *table.table(least, floors)]
    lines += ["", *goals(cells)]
    return "\n".join([*lines, "", *machines([*cells, *results["floors"]])])


def ratio(cell: Cell, cells: Sequence[Cell], key: str = "seconds") -> float | None:
    """How many times as long as ours a package's call takes, where both were measured; `key` is what is compared."""
    return table.ratio(cell, cells, SHARED, key)


def goals(cells: Sequence[Cell]) -> Iterator[str]:
    """A line for each pair that was measured, and for memory of the longest recording against the shortest."""
    for cell in cells:
        found = ratio(cell, cells)
        if found is not None:
            verdict = "holds" if found >= GOAL else "**does not hold**"
            what = f"{cell['separator']}, {cell['minutes']:g} min, ours against {cell['way']}"
            yield f"- {verdict}: {what}: {found:.3g} x, goal {GOAL:g} x"
    yield from growth(cells, "separator")


def _row(cell: Cell, cells: Sequence[Cell]) -> Sequence[str]:
    how = (
        f"batch {cell['batch']}, {cell['precision']}, {cell['context']:g} s of context"
        if cell["way"] == OURS
        else f"threads {cell['threads']}"
    )
    named = (cell["separator"], f"{cell['minutes']:g} min", cell["device"], f"{cell['way']} ({how})")
    if "seconds" not in cell:
        return *named, f"not run: {cell['not_run']}", "", "", "", "", ""
    found = ratio(cell, cells)
    heard = f"{100 * cell['heard_seconds'] / cell['audio']:.0f} %" if "heard_seconds" in cell else "100 %"
    told = (*figures(cell), heard, f"{cell['peak_mib']:.0f}")
    work = ratio(cell, cells, "processor")
    return *named, *told, f"{found:.3g} x faster ({work:.3g} x less of the processor)" if found and work else ""


def _least(one: Cell) -> Sequence[str]:
    named = (one["separator"], one["device"])
    if "seconds" not in one:
        return *named, f"not run: {one['not_run']}", *[""] * 6
    first, least = max((one[key], key) for key in ("by_operations", "by_bytes"))[::-1]
    at_once = f"{one['at_once']} x {one['window']:g} s, {one['precision']}"
    figures = (
        f"{one['operations'] / 1e9:.3g} G",
        f"{one['bytes'] / 1e9:.3g} GB",
        f"{1e3 * least:.3g}",
        first.removeprefix("by_"),
    )
    return *named, at_once, *figures, f"{1e3 * one['seconds']:.3g}", f"{one['seconds'] / least:.2f}"
