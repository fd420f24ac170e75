"""What is measured: simulated dialogues of some minutes, as they are or with minutes of silence in between."""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np

from sepdiar import __version__
from sepdiar.assemble.flac import write_flac
from sepdiar.audio.source import BLOCK, Audio, Samples, blocks
from sepdiar.conversation import Conversation, Provenance, Span, Turn, mark_overlaps, merged
from sepdiar.evaluation.embedded.cases import Material
from sepdiar.formats import read_conversation
from sepdiar.metrics.sides import open_audio
from sepdiar.simulation import simulate
from sepdiar.simulation.truth import FILES, truth_of, write_truth

OVERLAP = 0.2
SEED = 11
EVERY = 5.0  # minutes of talk for one silence, at least one
SILENCES = (30.0, 180.0)  # seconds: shortest and longest
AUDIO = (FILES["mixture"], FILES["channels"])

Part = tuple[Span, int]
"""A part of the talk, and how many samples of silence follow it."""


@dataclass(frozen=True)
class Case:
    """`dialogues` of so many minutes of talk each, with or without long silences."""

    minutes: float
    silences: bool = False
    dialogues: int = 1
    seed: int = SEED

    @property
    def name(self) -> str:
        """What its folder and its rows are called.

        >>> Case(2).name, Case(60, silences=True, seed=7).name
        ('2min', '60min-silences-seed7')
        """
        silences, seed = "-silences" if self.silences else "", f"-seed{self.seed}" if self.seed != SEED else ""
        return f"{self.minutes:g}min{silences}{seed}"


def cases(lengths: Sequence[float], dialogues: Sequence[int]) -> list[Case]:
    """Every length plain and with silences; `dialogues` says how many of each length, the last also of those behind it.

    >>> [(case.name, case.dialogues) for case in cases([2, 10], [5, 1])]
    [('2min', 5), ('2min-silences', 5), ('10min', 1), ('10min-silences', 1)]
    """
    counts = [*dialogues, *[dialogues[-1]] * len(lengths)]
    pairs = zip(lengths, counts, strict=False)
    return [Case(minutes, silences, count) for minutes, count in pairs for silences in (False, True)]


def made(case: Case, material: Material, folder: Path) -> list[Path]:
    """The folder of each dialogue of a case, made where it is not there, as `simulate` leaves it."""
    if not (folder / "manifest.jsonl").is_file():
        discard(folder)
        folder.mkdir(parents=True, exist_ok=True)
        with TemporaryDirectory(dir=folder.parent) as place:
            talk = Path(place) / "talk"
            settings = {"dialogues": case.dialogues, "seconds": 60 * case.minutes, "overlap": OVERLAP, "seed": case.seed}
            simulate(material.manifest, talk, split=material.split, **settings)  # type: ignore[arg-type]
            for number, one in enumerate(sorted(talk.glob("dialogue-*"))):
                if case.silences:
                    interrupt(one, folder / one.name, [case.seed, number])
                else:
                    one.replace(folder / one.name)
            (talk / "manifest.jsonl").replace(folder / "manifest.jsonl")
    return sorted(file.parent for file in folder.glob("*/conversation.json"))


def discard(folder: Path) -> None:
    """Delete the audio of a case, or what there is of it, and keep what is known of it."""
    for dialogue in folder.glob("dialogue-*"):
        shutil.rmtree(dialogue)
    (folder / "manifest.jsonl").unlink(missing_ok=True)


def interrupt(talk: Path, folder: Path, seed: Sequence[int]) -> None:
    """The dialogue in `talk` with digital silence in between, as a dialogue in `folder`; the first silence is the longest."""
    true, channels = read_conversation(talk / FILES["conversation"]), open_audio(talk / FILES["channels"])
    parts = list(pauses(true, np.random.default_rng(seed)))
    folder.mkdir()
    for name in AUDIO:
        audio = open_audio(talk / name)
        write_flac(folder / name, audio.rate, audio.bits, _interrupted(audio, parts), audio.channels)
    samples = channels.samples + sum(silence for _, silence in parts)
    names = [track.speaker for track in sorted(true.tracks, key=lambda track: track.channel)]
    provenance = Provenance("interrupt", __version__, parameters={"silences": len(parts) - 1})
    write_truth(folder, truth_of(folder, channels.rate, samples, names, _moved(true.turns, parts), provenance))


def pauses(true: Conversation, rng: np.random.Generator) -> Iterator[Part]:
    """The talk in parts of about equal length, cut where nobody speaks."""
    rate, samples = true.recording.rate, true.recording.samples
    count = max(1, round(samples / (60 * EVERY * rate)))
    lengths = [SILENCES[1], *rng.uniform(*SILENCES, count - 1)]
    ends = np.array([span.end for span in merged(turn.span for turn in true.turns)][:-1])
    begin = 0
    for number, seconds in enumerate(lengths, start=1):
        cut = int(ends[np.abs(ends - samples * number // (count + 1)).argmin()])
        yield Span(begin, cut), round(seconds * rate)
        begin = cut
    yield Span(begin, samples), 0


def _interrupted(audio: Audio, parts: Sequence[Part]) -> Iterator[Samples]:
    for span, silence in parts:
        yield from (frames for _, frames in blocks(audio, span))
        for start in range(0, silence, BLOCK):
            yield np.zeros((min(BLOCK, silence - start), audio.channels), np.float32)


def _moved(turns: Sequence[Turn], parts: Sequence[Part]) -> tuple[Turn, ...]:
    """The turns on the clock of the interrupted talk, without their words."""
    moved, later = [], 0
    for span, silence in parts:
        moved += [Turn(turn.speaker, turn.span.shift(later)) for turn in turns if span.start <= turn.span.start < span.end]
        later += silence
    return mark_overlaps(moved)
