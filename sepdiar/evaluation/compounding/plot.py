"""The picture of `sepdiar eval compounding`: from the truth to the system, what each stage adds to the error."""

from __future__ import annotations

import importlib.util
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

SHOWN = ("der", "onsets", "si_sdr_overlap", "cpwer")
COLOURS = {"diarization": "#0072b2", "separation": "#e69f00", "recognition": "#009e73"}
WHOLE, TOGETHER = "#666666", "#cc79a7"
ABOVE: dict[str, Any] = {"ha": "center", "va": "bottom", "fontsize": 8, "xytext": (0, 2), "textcoords": "offset points"}


def plot(results: Mapping[str, Any], path: Path) -> bool:
    """Draw a waterfall for each of four figures; False where matplotlib is missing."""
    if importlib.util.find_spec("matplotlib") is None:
        return False
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    shown = [key for key in SHOWN if key in results["costs"]]
    if not shown:
        return False
    figure = Figure(figsize=(3.1 * len(shown) + 0.4, 4.2), layout="constrained")
    FigureCanvasAgg(figure)
    for axis, key in zip(figure.subplots(1, len(shown), squeeze=False)[0], shown, strict=True):
        _waterfall(axis, results, key)
    figure.savefig(path, dpi=100, metadata={"Software": None})
    return True


def _waterfall(axis: Any, results: Mapping[str, Any], key: str) -> None:
    unit, cost = results["units"][key], results["costs"][key]
    cells = {one["name"]: one["figures"][key]["value"] for one in results["cells"]}
    sign = 1.0 if unit["better"] == "less" else -1.0
    roles: Sequence[str] = sorted(results["roles"], key=list(COLOURS).index)
    steps = [(role, cost[f"alone {role}"], COLOURS[role]) for role in roles] + [("only\ntogether", cost["combined"], TOGETHER)]
    at = cells["oracle"]
    axis.bar(0, at, color=WHOLE)
    for place, (_, one, colour) in enumerate(steps, 1):
        change = sign * one["value"]
        spread = None
        if one["low"] is not None:
            edges = sorted(sign * one[edge] for edge in ("low", "high"))
            spread = [[max(0.0, change - edges[0])], [max(0.0, edges[1] - change)]]
        axis.bar(place, change, bottom=at, color=colour)
        axis.errorbar(place, at + change, yerr=spread, color="#222222", elinewidth=0.9, capsize=2)
        axis.annotate(f"{round(change, 1) + 0.0:+.1f}", (place, max(at, at + change)), **ABOVE)
        at += change
    axis.bar(len(steps) + 1, cells["system"], color=WHOLE)
    for place, value in ((0, cells["oracle"]), (len(steps) + 1, cells["system"])):
        axis.annotate(f"{value:.1f}", (place, max(value, 0)), **ABOVE)
    labels = ["truth", *(name for name, _, _ in steps), "system"]
    axis.set_xticks(range(len(labels)), labels, fontsize=8, rotation=35, ha="right", rotation_mode="anchor")
    axis.set_title(f"{unit['title']}, {unit['unit']}", fontsize=10)
    axis.use_sticky_edges = False
    axis.margins(y=0.12)
    axis.spines[["top", "right"]].set_visible(False)
