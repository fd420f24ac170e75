"""What one way makes of a case, scored once and kept; what `results.json` holds."""

from __future__ import annotations

import json
import shutil
import sys
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from sepdiar.audio.source import blocks
from sepdiar.conversation import canonical_json
from sepdiar.environment import for_child
from sepdiar.errors import SepdiarError
from sepdiar.evaluation import machine
from sepdiar.evaluation.embedded.cases import Material
from sepdiar.evaluation.embedded.systems import weights
from sepdiar.evaluation.figures import figures, rates
from sepdiar.evaluation.heard import heard
from sepdiar.evaluation.keys import cache_key
from sepdiar.evaluation.longform.cases import Case, made
from sepdiar.evaluation.longform.work import ORACLE
from sepdiar.formats import read_conversation
from sepdiar.metrics.result import added
from sepdiar.metrics.sides import open_audio
from sepdiar.metrics.truth import Pair, Side, dialogues

SHOWN = (
    "swaps", "swapped", "undecided", "si_sdr_clean", "si_sdr_overlap", "mixture_overlap", "leakage", "clean_same", "kept", "speed"
)  # fmt: skip
STEP = 1 << 15  # of 16 bits, to full scale


@dataclass(frozen=True)
class System:
    """A separator, the way from its windows to channels, and who says who speaks: a diarizer, or the truth."""

    separator: str
    way: str
    diarizer: str = ""

    @property
    def models(self) -> dict[str, str]:
        """The hashes of our own models that it may use."""
        known = weights() if self.separator != ORACLE or self.diarizer else {}
        return known if self.diarizer else {name: sha256 for name, sha256 in known.items() if name != "compact-segmentation"}


def measured(system: System, case: Case, material: Material, folder: Path) -> dict[str, Any]:
    """The rows and the cost of a system on a case; from the case's folder where it was measured before."""
    models = system.models
    key = cache_key(asdict(system), models)
    place = folder / "ways" / f"{system.separator}-{system.way}-{key}"
    if not (place / "scores.json").is_file():
        talks = made(case, material, folder)
        cost = _worked(system, case, talks, place / "made")
        rows = [_row(case, talk, place / "made" / talk.name, cost["processor"] / len(talks)) for talk in talks]
        shutil.rmtree(place / "made")
        (place / "part.json").write_text(canonical_json({"rows": rows, "cost": cost, "models": models}), encoding="utf-8")
        (place / "part.json").replace(place / "scores.json")
    known = json.loads((place / "scores.json").read_text(encoding="utf-8"))
    return {**asdict(system), "case": case.name, **asdict(case), **known}


def collected(entries: Iterable[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Each entry with its figures and the largest difference of the sum from the input, in steps of 16 bits."""
    return [{**entry, **_figures(entry["rows"])} for entry in entries]


def endured(entries: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Swaps over many hours of talk, and where 95 % of the rates an hour lie that could have given so many."""
    rows = [row for entry in entries for row in entry["rows"]]
    total = added(row["counts"] for row in rows)
    low, high = rates(total["swaps"], total["hours"])
    facts = {key: entries[0][key] for key in ("separator", "way", "diarizer", "minutes", "silences", "models")}
    facts |= {key: total[key] for key in ("swaps", "pieces", "undecided")}
    facts |= {"hours": round(total["hours"], 4), "hours_of_recording": round(total["seconds"] / 3600, 4), "recordings": len(rows)}
    memory = max(entry["cost"]["memory"] for entry in entries)
    return {**facts, "low": low, "high": high, "memory": memory, **_figures(rows), "rows": rows}


def _worked(system: System, case: Case, talks: Sequence[Path], out: Path) -> dict[str, float]:
    shutil.rmtree(out, ignore_errors=True)
    out.mkdir(parents=True)
    told = ["--separator", system.separator, "--way", system.way, "--diarizer", system.diarizer, "--seed", str(case.seed)]
    command = [sys.executable, "-m", "sepdiar.evaluation.longform.work", *map(str, talks), *told, "--out", str(out)]
    cost = machine.measured(command, environ=for_child(OMP_NUM_THREADS="1"))
    if cost.code:
        words = [str(event.get("message", "")) for event in cost.events]
        where = f"{system.separator}, {system.way}, {case.name}"
        raise SepdiarError("SD901", f"exit {cost.code}: {' '.join(words)[-500:]}", where=where)
    return {"seconds": round(cost.seconds, 2), "processor": round(cost.processor, 2), "memory": round(cost.largest, 1)}


def _row(case: Case, talk: Path, item: Path, processor: float) -> dict[str, Any]:
    pair = Pair(read_conversation(item / "conversation.json"), item, read_conversation(talk / "conversation.json"), talk)
    sides = list(dialogues(pair))
    counts = added(part for side in sides for part in heard(pair, side))
    counts |= {"recordings": 1.0, "seconds": pair.true.recording.seconds, "processor_seconds": round(processor, 2)}
    counts |= {"hours": case.minutes / 60, "kept_seconds": sum(len(side.span) for side in sides) / pair.true.recording.rate}
    return {"recording": talk.name, "counts": counts, "difference": max(_difference(pair, side) for side in sides)}


def _difference(pair: Pair, side: Side) -> float:
    """The largest difference between the sum of the channels and the input, in steps of 16 bits."""
    mixture, largest = open_audio(pair.folder / pair.true.recording.path), 0.0
    for part, frames in blocks(side.hypothesis):
        heard_there = mixture.read(part.shift(side.span.start))[:, 0]
        largest = max(largest, float(np.abs(frames.sum(axis=1, dtype=np.float64) - heard_there).max()))
    return round(largest * STEP, 3)


def _figures(rows: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    found = figures([row["counts"] for row in rows])
    return {"figures": {key: asdict(found[key]) for key in SHOWN}, "difference": max(row["difference"] for row in rows)}
