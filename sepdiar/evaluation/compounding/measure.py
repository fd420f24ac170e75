"""Recordings through many chains, scored, each by itself kept on disk: what `sepdiar eval compounding` and `overlap` share."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, replace
from itertools import islice
from multiprocessing import get_context
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from sepdiar import corpora
from sepdiar.config import Config
from sepdiar.conversation import Conversation, Recording, canonical_json
from sepdiar.environment import without_tokens
from sepdiar.evaluation import machine
from sepdiar.evaluation.compounding import scores
from sepdiar.evaluation.compounding.branches import Branches, Step, Workshop
from sepdiar.evaluation.compounding.cells import Asked, Cell
from sepdiar.evaluation.compounding.scores import Scored
from sepdiar.evaluation.compounding.truths import Ready, ready
from sepdiar.evaluation.keys import cache_key
from sepdiar.events import Event, Listener, silence
from sepdiar.metrics.result import need
from sepdiar.pipeline import Take

PACKAGES = ("sepdiar", "numpy", "scipy", "soundfile", "soxr", "pyannote.metrics", "meeteval")


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


def facts(chain: Config, truths: Sequence[Ready]) -> dict[str, Any]:
    """What was measured, how much of it, and on which machine."""
    return {
        "settings": {key: value for key, value in chain.values.items() if key != "about"},
        "seconds": round(sum(truth.true.recording.seconds for truth in truths), 3),
        "machine": machine.facts(PACKAGES),
    }


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
    chains = [asked.of(cell).facts() for cell in all_cells]
    keys = {truth.name: _key(chains, truth) for truth in truths}
    done = {name: known for name, key in keys.items() if (known := _read(place / f"{name}.json", key))}
    yield from done.items()
    left = [truth for truth in truths if truth.name not in done]
    for truth, made in zip(left, _each(asked, all_cells, left, min(workers, len(left) or 1), listen), strict=True):
        row = {"key": keys[truth.name], "cells": {name: asdict(one) for name, one in made.items()}}
        (place / "part.json").write_text(canonical_json(row), encoding="utf-8")
        (place / "part.json").replace(place / f"{truth.name}.json")
        listen(Event("item.done", truth.name, {"audio_seconds": truth.true.recording.seconds}))
        yield truth.name, made


def _each(
    asked: Asked, all_cells: Sequence[Cell], truths: Sequence[Ready], workers: int, listen: Listener
) -> Iterator[dict[str, Scored]]:
    if workers == 1:
        yield from map(Bench(asked, all_cells, listen).scored, truths)
        return
    with without_tokens(), ProcessPoolExecutor(workers, get_context("spawn"), _remember, (asked, all_cells)) as pool:
        yield from pool.map(_scored, truths)


class Bench:
    """All cells for one recording after another: models are loaded once."""

    def __init__(self, asked: Asked, all_cells: Sequence[Cell], listen: Listener = silence) -> None:
        self._workshop, self._listen = Workshop(), listen
        self._chains = {cell.name: self._workshop.steps(asked.of(cell), "transcribe") for cell in all_cells}

    def scored(self, truth: Ready) -> dict[str, Scored]:
        """One recording in all cells."""
        made: dict[tuple[Step, ...], Scored] = {}
        found: dict[str, Scored] = {}
        with TemporaryDirectory(prefix="sepdiar-") as scratch:
            branches = Branches(_take(truth, Path(scratch)), self._workshop, self._listen)
            for name, steps in self._chains.items():
                channels = steps[:-1] if steps[-1].stage == "transcribe" else steps
                if channels not in made:
                    made[channels] = scores.channels(truth, branches.after(channels))
                words = scores.words(truth, branches.after(steps)) if channels != steps else {}
                found[name] = replace(made[channels], counts={**made[channels].counts, **words})
        return found


_bench: Bench | None = None  # of a process that was started to work


def _remember(asked: Asked, all_cells: Sequence[Cell]) -> None:
    global _bench
    _bench = Bench(asked, all_cells)


def _scored(truth: Ready) -> dict[str, Scored]:
    if _bench is None:
        raise RuntimeError("no cells to score it in")
    return _bench.scored(truth)


def _take(truth: Ready, scratch: Path) -> Take:
    (scratch / "item").mkdir()
    (scratch / "scratch").mkdir()
    recording = Recording(truth.name, str(truth.mixture), truth.true.recording.sha256)
    return Take(Conversation(recording), truth.mixture, scratch / "item", scratch / "scratch")


def _key(chains: Sequence[Mapping[str, Any]], truth: Ready) -> str:
    """What the scores of a recording depend on: its truth, its sound, every chain with versions and models."""
    turns = [(turn.speaker, turn.span.start, turn.span.end, [word.text for word in turn.words]) for turn in truth.true.turns]
    return cache_key(chains, turns, truth.true.recording.sha256, [track.sha256 for track in truth.true.tracks])


def _read(file: Path, key: str) -> dict[str, Scored]:
    if not file.is_file():
        return {}
    try:
        known = json.loads(file.read_text(encoding="utf-8"))
    except ValueError:
        return {}
    return {name: Scored(**one) for name, one in known["cells"].items()} if known.get("key") == key else {}
