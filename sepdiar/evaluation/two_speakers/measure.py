"""A separator over the mixtures of a benchmark; what is done is kept below `--out`, and a killed command goes on from there."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import soundfile

from sepdiar.audio.source import Samples
from sepdiar.conversation import canonical_json
from sepdiar.errors import SepdiarError
from sepdiar.evaluation.two_speakers.layouts import Mixture
from sepdiar.evaluation.two_speakers.scores import Score, scored
from sepdiar.evaluation.two_speakers.separators import heard
from sepdiar.events import Event, Listener
from sepdiar.separation import Blind
from sepdiar.separation.band import brought_to
from sepdiar.store.disk import refusals, write_whole

KEPT = "mixtures.jsonl"


def measured(
    blind: Blind,
    mixtures: Sequence[Mixture],
    rate: int,
    scored_rate: int,
    asked: Mapping[str, Any],
    out: Path,
    listen: Listener,
) -> list[Score]:
    """The score of each mixture. `asked` is all that the scores depend on: those kept for anything else are refused, SD205."""
    with refusals(out):
        out.mkdir(parents=True, exist_ok=True)
        kept = _kept(out / KEPT, asked)
        with (out / KEPT).open("a", encoding="utf-8") as file:
            for number, mixture in enumerate(mixtures, start=1):
                if mixture.name not in kept:
                    sources, both = read(mixture, rate)
                    sounds = sources, both, heard(blind, both, rate, mixture.name)
                    count = round(len(both) * scored_rate / rate)
                    kept[mixture.name] = scored(mixture.name, *(brought_to(sound, rate, scored_rate, count) for sound in sounds))
                    file.write(canonical_json(asdict(kept[mixture.name])) + "\n")
                    file.flush()
                listen(Event("stage.progress", mixture.name, {"stage": "separate", "fraction": number / len(mixtures)}))
    return [kept[mixture.name] for mixture in mixtures]


def read(mixture: Mixture, rate: int) -> tuple[Samples, Samples]:
    """The two sources, one below the other, and the mixture; SD603 where they do not belong together."""
    sounds = [_sound(path, rate) for path in (*mixture.sources, mixture.file)]
    if len({len(sound) for sound in sounds}) > 1:
        lengths = ", ".join(str(len(sound)) for sound in sounds)
        raise SepdiarError("SD603", f"the sources and the mixture have {lengths} samples", where=str(mixture.file))
    return np.stack(sounds[:2]), sounds[2]


def _sound(path: Path, rate: int) -> Samples:
    try:
        sound, found = soundfile.read(path, dtype="float32", always_2d=True)
    except soundfile.LibsndfileError as error:
        raise SepdiarError("SD112", str(error), where=str(path)) from error
    if found != rate or sound.shape[1] != 1 or not len(sound):
        what = f"{sound.shape[1]} channels of {len(sound)} samples at {found} Hz, not one at {rate} Hz"
        raise SepdiarError("SD603", what, where=str(path))
    samples: Samples = sound[:, 0]
    return samples


def _kept(path: Path, asked: Mapping[str, Any]) -> dict[str, Score]:
    """What was scored before; the first line of the file says of what. A last line that was cut off is taken away."""
    head = canonical_json(asked)
    lines = list(_whole(path))
    if lines and lines[0] != head:
        other = [key for key, value in json.loads(lines[0]).items() if asked.get(key) != value]
        raise SepdiarError("SD205", f"another {', '.join(other)} then", where=str(path), hint="Choose another --out.")
    write_whole(path, "".join(f"{line}\n" for line in lines or [head]), path.with_suffix(".new"))
    scores = (Score(**json.loads(line)) for line in lines[1:])
    return {score.name: score for score in scores}


def _whole(path: Path) -> Iterator[str]:
    if path.is_file():
        for line in path.read_text(encoding="utf-8").splitlines(keepends=True):
            if line.endswith("\n"):
                yield line[:-1]
