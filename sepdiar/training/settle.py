"""Where on the way from the weights that a training began with to those that it ended with a model is best, on dev.

Often it is not the end. What is found is left as a training leaves it, so that it can be exported, or be the start of another.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from sepdiar.errors import SepdiarError
from sepdiar.networks import weights
from sepdiar.store.disk import digest, refusals
from sepdiar.store.lock import Lock
from sepdiar.training.begin import blend
from sepdiar.training.export import checked
from sepdiar.training.material import gathered
from sepdiar.training.recipe import RECIPE, SUMMARY, facts_of, read
from sepdiar.training.state import BEST, NEWEST, replace_whole
from sepdiar.training.task import make


@dataclass(frozen=True)
class Way:
    """From the weights in `start` to the best of the training in `run`, or so far from the best to its `newest`; `data`, `noise`
    and `rooms` are as they were for that."""

    run: Path
    start: Path
    data: Path
    cache: Path | None = None
    noise: Path | None = None
    rooms: Path | None = None
    newest: float = 0.0


@torch.no_grad()
def settle(way: Way, out: Path, shares: Sequence[float], tell: Callable[[str], None] = lambda line: None) -> dict[str, Any]:
    """Of the weights at each share of the way the best into `out`; returns its summary."""
    if (out / "state.pt").exists():
        raise SepdiarError("SD205", "a training is in it", where=str(out), hint="Choose another OUT.")
    _, summary = checked(way.run)
    summary |= {"start": digest(way.start), "ended": summary["sha256"]}
    summary |= {"newest": way.newest} if way.newest else {}
    recipe, text = read(way.run / RECIPE)
    with refusals(out):
        out.mkdir(parents=True, exist_ok=True)
        with Lock(out / "lock"):
            material = gathered(way.data, way.cache or way.run / "speech", way.noise, way.rooms)
            task = make(summary["task"], recipe, *material)
            place, best = out / "tried.safetensors", dict[str, float]()
            end = way.run / BEST
            if way.newest:
                blend(way.run / BEST, way.run / NEWEST, way.newest, end := out / "end.safetensors")
            for share in sorted(set(shares)):
                blend(way.start, end, share, place)
                figures = {key: float(value) for key, value in task.evaluate(weights.read(place.read_bytes()).eval()).items()}
                tell(f"{share:g} of the way  " + "  ".join(f"{key} {value:.4g}" for key, value in figures.items()))
                if not best or next(iter(figures.values())) >= next(iter(best.values())):
                    best = figures
                    replace_whole(out / BEST, place.read_bytes())
                    summary["blend"] = share
            for tried in (place, out / "end.safetensors"):
                tried.unlink(missing_ok=True)
            summary |= {"dev": facts_of(material.dev), "figures": best, "sha256": digest(out / BEST)}
            replace_whole(out / RECIPE, text.encode())
            replace_whole(out / SUMMARY, (json.dumps(summary, indent=2) + "\n").encode())
    return summary
