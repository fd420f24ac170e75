"""The function behind `sepdiar eval compounding`."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, dataclass
from itertools import islice
from multiprocessing import get_context
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from sepdiar import corpora
from sepdiar.config import Config, words_to_keys
from sepdiar.config import setting as parsed
from sepdiar.conversation import Conversation, Recording, canonical_json
from sepdiar.evaluation import machine
from sepdiar.evaluation.compounding import scores
from sepdiar.evaluation.compounding.branches import Branches, Workshop
from sepdiar.evaluation.compounding.cells import Cell, cells, configured, possible, roles, ways
from sepdiar.evaluation.compounding.plot import plot
from sepdiar.evaluation.compounding.results import collected
from sepdiar.evaluation.compounding.scores import Scored
from sepdiar.evaluation.compounding.sheets import notes, sheets
from sepdiar.evaluation.compounding.truths import Ready, names, ready
from sepdiar.evaluation.embedded.systems import weights
from sepdiar.evaluation.page import write
from sepdiar.events import Event, Listener, silence
from sepdiar.metrics.result import need
from sepdiar.pipeline import Take

PICTURE = "waterfall.png"
PACKAGES = ("sepdiar", "numpy", "scipy", "soundfile", "soxr", "pyannote.metrics", "meeteval")


@dataclass(frozen=True)
class Asked:
    """What the user chose, from which every process makes the same chains."""

    recipe: str | None
    config: str | None
    flags: Mapping[str, Any]

    def of(self, cell: Cell) -> Config:
        """The configuration of a cell."""
        return configured(cell, self.recipe, Path(self.config) if self.config else None, self.flags)


def compounding(
    oracle_dir: str | Path,
    out: str | Path,
    *,
    layout: str | None = None,
    recipe: str | Path | None = None,
    config: str | Path | None = None,
    separator: str | None = None,
    diarizer: str | None = None,
    recognizer: str | None = None,
    device: str | None = None,
    settings: Iterable[str] = (),
    limit: int | None = None,
    workers: int | None = None,
    listen: Listener = silence,
) -> dict[str, Any]:
    """What each stage of a chain costs on recordings whose truth is known, alone and together.

    `oracle_dir` is a corpus that `sepdiar.corpora` can read, its `layout` told by what is in it where it is not named. Each of
    separation, diarization and recognition is the system's or the truth's: eight cells, and beside them the same chain in
    another order and the baselines. `out` gets results.json, README.md, a picture, and a file for each recording that is done:
    called again, it continues. `limit` is how many recordings, the first ones. The answer is what results.json holds.
    """
    need("pyannote.metrics", "score")
    need("meeteval", "wer")
    named = words_to_keys(separator=separator, diarizer=diarizer, recognizer=recognizer, device=device)
    asked = Asked(str(recipe) if recipe else None, str(config) if config else None, named | dict(map(parsed, settings)))
    base = asked.of(Cell("system", "", {}))
    place = Path(out)
    truths = [ready(truth, place / "truth") for truth in islice(corpora.read(oracle_dir, layout or ""), limit)]
    names(truths)
    there = roles(base)
    eight = list(cells(there, place / "truth"))
    others = list(possible(ways(base), asked.of))
    able = [one for one in others if isinstance(one, Cell)]
    listen(Event("run.started", "", {"inputs": len(truths), "out": str(place), "noun": "recording", "stages": []}))
    rows = dict(_measured(asked, [*eight, *able], truths, place / "recordings", workers or 1, listen))
    listen(Event("run.finished"))
    by_cell = {cell.name: [rows[truth.name][cell.name] for truth in truths] for cell in (*eight, *able)}
    results = collected(there, eight, able, by_cell, [truth.name for truth in truths])
    results |= {"left_out": [one for one in others if isinstance(one, str)], "machine": machine.facts(PACKAGES)}
    results |= {"settings": {key: value for key, value in base.values.items() if key != "about"}}
    results |= {"seconds": round(sum(truth.true.recording.seconds for truth in truths), 3)}
    drawn = plot(results, place / PICTURE)
    picture = f"![From the truth to the system, stage by stage]({PICTURE})" if drawn else ""
    write(place, results, list(sheets(results)), notes(results), picture, "What each stage costs, and what they cost together")
    return results


def _measured(
    asked: Asked, all_cells: Sequence[Cell], truths: Sequence[Ready], place: Path, workers: int, listen: Listener
) -> Iterator[tuple[str, dict[str, Scored]]]:
    place.mkdir(parents=True, exist_ok=True)
    keys = {truth.name: _key(asked, all_cells, truth) for truth in truths}
    done = {name: known for name, key in keys.items() if (known := _read(place / f"{name}.json", key))}
    yield from done.items()
    left = [truth for truth in truths if truth.name not in done]
    jobs = ((asked, list(all_cells), truth) for truth in left)
    for truth, made in zip(left, _each(jobs, min(workers, len(left) or 1), listen), strict=True):
        facts = {"key": keys[truth.name], "cells": {name: asdict(one) for name, one in made.items()}}
        (place / "part.json").write_text(canonical_json(facts), encoding="utf-8")
        (place / "part.json").replace(place / f"{truth.name}.json")
        listen(Event("item.done", truth.name, {"audio_seconds": truth.true.recording.seconds}))
        yield truth.name, made


def _each(jobs: Iterable[tuple[Asked, list[Cell], Ready]], workers: int, listen: Listener) -> Iterator[dict[str, Scored]]:
    if workers == 1:
        yield from (_one(job, listen) for job in jobs)
        return
    with ProcessPoolExecutor(workers, mp_context=get_context("spawn")) as pool:
        yield from pool.map(_one, jobs)


_WORKSHOP = Workshop()  # of this process: models are loaded once


def _one(job: tuple[Asked, list[Cell], Ready], listen: Listener = silence) -> dict[str, Scored]:
    """One recording in all cells."""
    asked, all_cells, truth = job
    who, sound, found = dict[Any, Scored](), dict[Any, dict[str, float]](), dict[str, Scored]()
    with TemporaryDirectory(prefix="sepdiar-") as scratch:
        branches = Branches(_take(truth, Path(scratch)), _WORKSHOP, listen)
        for cell in all_cells:
            steps = _WORKSHOP.steps(asked.of(cell), "transcribe")
            channels = steps[:-1] if steps[-1].stage == "transcribe" else steps
            if channels not in who:
                made = branches.after(channels)
                who[channels], sound[channels] = scores.who(truth, made), scores.sound(truth, made)
            words = scores.words(truth, branches.after(steps)) if channels != steps else {}
            one = who[channels]
            found[cell.name] = Scored({**one.counts, **words}, one.cases, one.failure, sound[channels])
    return found


def _take(truth: Ready, scratch: Path) -> Take:
    (scratch / "item").mkdir()
    (scratch / "scratch").mkdir()
    recording = Recording(truth.name, str(truth.mixture), truth.true.recording.sha256)
    return Take(Conversation(recording), truth.mixture, scratch / "item", scratch / "scratch")


def _key(asked: Asked, all_cells: Sequence[Cell], truth: Ready) -> str:
    """What the scores of a recording depend on: its truth, its sound, every chain with versions and models."""
    chains = [asked.of(cell).facts() for cell in all_cells]
    turns = [(turn.speaker, turn.span.start, turn.span.end, [word.text for word in turn.words]) for turn in truth.true.turns]
    known = [chains, weights(), turns, truth.true.recording.sha256, [track.sha256 for track in truth.true.tracks]]
    return hashlib.sha256(canonical_json(known).encode()).hexdigest()


def _read(file: Path, key: str) -> dict[str, Scored]:
    if not file.is_file():
        return {}
    try:
        known = json.loads(file.read_text(encoding="utf-8"))
    except ValueError:
        return {}
    return {name: Scored(**one) for name, one in known["cells"].items()} if known.get("key") == key else {}
