"""Where on the way from the weights that a training began with to those that it ended with a model is best, on dev.

Often it is not the end. What is found is left as a training leaves it, so that it can be exported, or be the start of another.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from pathlib import Path

import torch

from sepdiar.networks import weights
from sepdiar.store.disk import digest
from sepdiar.training import material
from sepdiar.training.begin import blend
from sepdiar.training.export import summary_of
from sepdiar.training.recipe import RECIPE, SUMMARY, read
from sepdiar.training.state import replace_whole
from sepdiar.training.task import Figures, make

BEST = "best.safetensors"


@torch.no_grad()
def settle(
    run: Path, start: Path, data: Path, out: Path, shares: Sequence[float], cache: Path | None, tell: Callable[[str], None]
) -> dict[str, object]:
    """Of the weights at each share of the way from `start` to the best of `run` the best into `out`; returns its summary."""
    summary = summary_of(run)
    recipe, text = read(run / RECIPE)
    train, dev = material.speech(data, cache or out / "speech")
    task = make(summary["task"], recipe, train, dev)
    out.mkdir(parents=True, exist_ok=True)
    found: list[tuple[float, float, Figures]] = []
    for share in shares:
        place = out / f"{share:g}.safetensors"
        blend(start, run / BEST, share, place)
        figures = {key: float(value) for key, value in task.evaluate(weights.read(place.read_bytes()).eval()).items()}
        found.append((next(iter(figures.values())), share, dict(figures)))
        tell(f"{share:g} of the way  " + "  ".join(f"{key} {value:.4g}" for key, value in figures.items()))
    _, share, best = max(found, key=lambda one: one[:2])
    replace_whole(out / BEST, (out / f"{share:g}.safetensors").read_bytes())
    for other in shares:
        (out / f"{other:g}.safetensors").unlink(missing_ok=True)
    summary |= {"figures": best, "sha256": digest(out / BEST), "blend": share}
    replace_whole(out / RECIPE, text.encode())
    replace_whole(out / SUMMARY, (json.dumps(summary, indent=2) + "\n").encode())
    return summary
