"""The picture of `eval/longform/`: swaps and separation of each way, over the length of the talk."""

from __future__ import annotations

import importlib.util
from collections.abc import Mapping
from pathlib import Path
from typing import Any

SHOWN = (("swaps", "swaps an hour"), ("si_sdr_overlap", "SI-SDR in overlap, dB"), ("clean_same", "clean speech kept, %"))
COLOURS = {"ours": "#0072b2", "everywhere": "#56b4e9", "stock": "#e69f00"}
WIDTH = 0.26


def plot(results: Mapping[str, Any], path: Path) -> bool:
    """Draw every case, a column for each separator; False where matplotlib is missing."""
    if importlib.util.find_spec("matplotlib") is None:
        return False
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    cases = results["cases"]
    separators, names = (list(dict.fromkeys(one[key] for one in cases)) for key in ("separator", "case"))
    figure = Figure(figsize=(1.6 + 3.6 * len(separators), 6.6), layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.subplots(len(SHOWN), len(separators), sharex=True, sharey="row", squeeze=False)
    for row, (key, title) in enumerate(SHOWN):
        axes[row, 0].set_ylabel(title)
        for column, separator in enumerate(separators):
            axis = axes[row, column]
            mine = [one for one in cases if one["separator"] == separator]
            for place, way in enumerate(COLOURS):
                own = {one["case"]: one["figures"][key]["value"] or 0.0 for one in mine if one["way"] == way}
                where = [names.index(name) + (place - 1) * WIDTH for name in own]
                bars = axis.bar(where, list(own.values()), WIDTH, color=COLOURS[way], label=way)
                axis.bar_label(bars, [f"{value:.0f}" for value in own.values()], fontsize=6)
            axis.set_xticks(range(len(names)), [name.replace("-", "\n") for name in names], fontsize=7)
            axis.set_title(separator if row == 0 else "", fontsize=10)
            axis.spines[["top", "right"]].set_visible(False)
    figure.legend(*axes[0, 0].get_legend_handles_labels(), loc="outside lower center", ncols=3, frameon=False, fontsize=9)
    figure.savefig(path, dpi=90, metadata={"Software": None})
    return True
