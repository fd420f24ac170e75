"""What the tables of benches have in common: the ratio of two calls, and what a figure was measured on."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from sepdiar.evaluation.bench.order import OURS

Cell = Mapping[str, Any]


def ratio(cell: Cell, cells: Sequence[Cell], shared: Sequence[str], key: str = "seconds") -> float | None:
    """How many times as long as ours a package's call takes, where both were measured; `key` is what is compared.

    Ours is the cell that has what is `shared` in common with it.
    """
    ours = next((one for one in cells if one["way"] == OURS and all(one[same] == cell[same] for same in shared)), None)
    if cell["way"] == OURS or ours is None or "seconds" not in ours or "seconds" not in cell:
        return None
    return float(cell[key] / ours[key]) if ours[key] else None


def growth(cells: Sequence[Cell], name: str) -> Iterator[str]:
    """A line for each that was measured at several lengths: memory of the longest recording against the shortest.

    `name` is the key of what a cell is of.
    """
    for who in dict.fromkeys((cell[name], cell["device"], cell.get("context")) for cell in cells):
        mine = [one for one in cells if (one[name], one["device"], one.get("context"), one["way"]) == (*who, OURS)]
        ours = [one for one in mine if "seconds" in one]
        if len(ours) > 1:
            short, *_, long = sorted(ours, key=lambda one: float(one["minutes"]))
            times = long["peak_mib"] / short["peak_mib"]
            lengths = f"at {long['minutes']:g} min that it takes at {short['minutes']:g}"
            yield f"- {who[0]}, {who[1]}: ours takes {times:.2f} x the memory {lengths}"


def figures(cell: Cell) -> tuple[str, str, str]:
    """Seconds on the clock and of the processor, and times real time."""
    return f"{cell['seconds']:.1f}", f"{cell['processor']:.1f}", f"{cell['audio'] / cell['seconds']:.3g}"


def machines(cells: Sequence[Cell]) -> list[str]:
    """A line for each machine, with how busy it was with other things before a cell, and for each version of a package."""
    loads: dict[str, list[float]] = {}
    for one in cells:
        if "on" in one:
            loads.setdefault(one["on"], []).append(one["load"])
    busy = {on: dict.fromkeys(f"{load:g}" for load in (min(known), max(known))) for on, known in loads.items()}
    about = dict.fromkeys(one["package"] for one in cells if one.get("package"))
    return [*(f"- {on}, load {' to '.join(known)} before" for on, known in busy.items()), *(f"- {one}" for one in about)]


def table(heads: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    """The lines of a table."""
    return [f"| {' | '.join(cells)} |" for cells in (heads, ["---"] * len(heads), *rows)]
