"""Recordings through many chains, scored, each by itself kept on disk: what `sepdiar eval compounding` and `overlap` share."""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, dataclass
from itertools import islice
from multiprocessing import get_context
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from sepdiar import corpora
from sepdiar.config import Config
from sepdiar.conversation import Conversation, Recording, canonical_json
from sepdiar.evaluation.compounding import scores
from sepdiar.evaluation.compounding.branches import Branches, Workshop
from sepdiar.evaluation.compounding.cells import Cell, configured
from sepdiar.evaluation.compounding.scores import Scored
from sepdiar.evaluation.compounding.truths import Ready, ready
from sepdiar.evaluation.embedded.systems import weights
from sepdiar.events import Event, Listener, silence
from sepdiar.metrics.result import need
from sepdiar.pipeline import Take

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


def prepared(folder: str | Path, layout: str | None, place: Path, limit: int | None) -> list[Ready]:
    """The recordings of a corpus, or the first of them, made ready below `place`; two of one name are told apart by folders."""
    need("pyannote.metrics", "score")
    need("meeteval", "wer")
    truths = list(islice(corpora.read(folder, layout or ""), limit))
    many = Counter(truth.name for truth in truths)
    names = [truth.name if many[truth.name] == 1 else _placed(truth, Path(folder)) for truth in truths]
    return [ready(truth, place, name) for truth, name in zip(truths, names, strict=True)]


def _placed(truth: corpora.Truth, folder: Path) -> str:
    inner = truth.folder.resolve().relative_to(folder.resolve()).parts
    return "-".join([*(inner[:-1] if inner[-1:] == (truth.name,) else inner), truth.name])


def measured(
    asked: Asked, all_cells: Sequence[Cell], truths: Sequence[Ready], place: Path, workers: int | None, listen: Listener
) -> dict[str, list[Scored]]:
    """What every cell made of every recording, in their order, by cell; `place` keeps a file for each recording that is done."""
    listen(Event("run.started", "", {"inputs": len(truths), "out": str(place), "noun": "recording", "stages": []}))
    rows = dict(_rows(asked, all_cells, truths, place, workers or 1, listen))
    listen(Event("run.finished"))
    return {cell.name: [rows[truth.name][cell.name] for truth in truths] for cell in all_cells}


def _rows(
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
