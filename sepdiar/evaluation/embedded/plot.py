"""The picture of `eval/embedded/`: errors and separation over the share of overlap, a line for each system."""

from __future__ import annotations

import importlib.util
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

SHOWN = (("der", "DER, %"), ("onsets", "onsets within 50 ms, %"), ("si_sdr_overlap", "SI-SDR in overlap, dB"))
COLOURS = {
    "masking-mfcc": "#999999",
    "masking-compact": "#e69f00",
    "separate-all": "#cc79a7",
    "embedded": "#0072b2",
    "oracle-masking": "#d0d0d0",
    "oracle": "#009e73",
}


def plot(results: Mapping[str, Any], path: Path) -> bool:
    """Draw the simulated dialogues of the first length, a column a sound; False where there are none, or no matplotlib."""
    cases: Sequence[Mapping[str, Any]] = [case for case in results["cases"] if "overlap" in case]
    if not cases or importlib.util.find_spec("matplotlib") is None:
        return False
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    cases = [case for case in cases if case["group"] == cases[0]["group"]]
    sounds = list(dict.fromkeys(case["sound"] for case in cases))
    figure = Figure(figsize=(max(5.6, 1.2 + 2.6 * len(sounds)), 7.2), layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.subplots(len(SHOWN), len(sounds), sharex=True, sharey="row", squeeze=False)
    systems = list(dict.fromkeys(case["system"] for case in cases))
    for row, (key, title) in enumerate(SHOWN):
        for column, sound in enumerate(sounds):
            axis = axes[row, column]
            for place, system in enumerate(systems):
                own = [case for case in cases if (case["system"], case["sound"]) == (system, sound)]
                points = [
                    (100 * case["overlap"], case["figures"][key]) for case in own if case["figures"][key]["value"] is not None
                ]
                _line(axis, points, (place - len(systems) / 2) * 0.35, system)
            axis.set_xticks(sorted({100 * case["overlap"] for case in cases}))
            axis.grid(alpha=0.3)
            axis.spines[["top", "right"]].set_visible(False)
            axis.set_title(sound if row == 0 else "", fontsize=10)
            axis.set_xlabel("overlap, %" if row == len(SHOWN) - 1 else "")
        axes[row, 0].set_ylabel(title)
    handles, labels = axes[0, 0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=3, frameon=False, fontsize=9)
    figure.savefig(path, dpi=90, metadata={"Software": None})
    return True


def _line(axis: Any, points: Sequence[tuple[float, Mapping[str, float]]], shift: float, system: str) -> None:
    """A line with intervals, a little to the side of the next one's."""
    places = [place + shift for place, _ in points]
    values = [one["value"] for _, one in points]
    spread = [
        [one["value"] - one["low"] if one["low"] is not None else 0.0 for _, one in points],
        [one["high"] - one["value"] if one["high"] is not None else 0.0 for _, one in points],
    ]
    style = {"color": COLOURS.get(system), "label": system, "marker": "o", "markersize": 3.5, "linewidth": 1.4, "elinewidth": 0.9}
    axis.errorbar(places, values, yerr=[[max(0.0, one) for one in side] for side in spread], **style)
