"""The picture of LibriCSS: word error rate against overlap, ours beside the published ones."""

from __future__ import annotations

import importlib.util
from collections.abc import Sequence
from pathlib import Path

from sepdiar.evaluation.meetings.pages import Table

NAME = "overlap.png"


def overlap_curve(tables: Sequence[Table], conditions: Sequence[str], out: Path) -> str:
    """Draw OUT/overlap.png, our figures over the conditions with their intervals; Markdown, "" where it cannot be drawn."""
    drawn = [table for table in tables if any(one.value is not None for row in table.rows for one in row.cells.values())]
    if not drawn or importlib.util.find_spec("matplotlib") is None:
        return ""
    from matplotlib.figure import Figure as Picture

    picture = Picture(figsize=(4.2 * len(drawn), 3.4), layout="constrained")
    for axes, table in zip(picture.subplots(1, len(drawn), squeeze=False)[0], drawn, strict=True):
        for row in table.rows:
            known = [(name, one) for name in conditions if (one := row.cells[name]).value is not None]
            places, values = [conditions.index(name) for name, _ in known], [one.value or 0.0 for _, one in known]
            low = [value - (value if one.low is None else one.low) for value, (_, one) in zip(values, known, strict=True)]
            high = [(value if one.high is None else one.high) - value for value, (_, one) in zip(values, known, strict=True)]
            axes.errorbar(
                places, values, yerr=[low, high], marker="o", capsize=2, label=row.system.rpartition(": ")[2].removeprefix("- ")
            )
        axes.set_xticks(range(len(conditions)), conditions)
        axes.set_ylim(bottom=0)
        axes.set_ylabel("%")
        axes.set_title(table.name)
        axes.legend(fontsize="small")
    picture.savefig(out / NAME, dpi=110)
    return f"![ours, by condition]({NAME})"
