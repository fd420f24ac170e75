"""What is measured: simulated dialogues of two, and a call that was recorded with one speaker a channel."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from sepdiar import __version__, api
from sepdiar.audio.source import blocks
from sepdiar.conversation import Provenance, canonical_json
from sepdiar.evaluation.keys import cache_key
from sepdiar.metrics.sides import open_audio
from sepdiar.simulation import simulate
from sepdiar.simulation.sound import Booth, audio_files, write_audio
from sepdiar.simulation.truth import sha256, truth_of, write_truth

SOUNDS = ("clean", "noisy", "reverberant")
RECORDINGS = "recordings"
SEED = 3


@dataclass(frozen=True)
class Case:
    """Dialogues of one kind: how they sound, the share of overlap, the length of each, how many."""

    sound: str
    overlap: float
    minutes: float
    dialogues: int = 1
    seed: int = SEED

    @property
    def name(self) -> str:
        """What its folder and its rows are called.

        >>> Case("noisy", 0.2, 30).name, Case("clean", 0.1, 0.5, seed=7).name
        ('noisy-20-30min', 'clean-10-0.5min-seed7')
        """
        return f"{self.sound}-{100 * self.overlap:g}-{self.minutes:g}min{f'-seed{self.seed}' if self.seed != SEED else ''}"


@dataclass(frozen=True)
class Material:
    """What dialogues are made of: speech of one speaker a file, impulse responses of rooms, noise."""

    manifest: Path
    split: str | None = None
    rooms: Path | None = None
    noise: Path | None = None

    @property
    def sounds(self) -> tuple[str, ...]:
        """Those that can be made of it."""
        there = {"clean": True, "noisy": self.noise is not None, "reverberant": self.rooms is not None}
        return tuple(sound for sound in SOUNDS if there[sound])

    def facts(self) -> dict[str, Any]:
        """What the dialogues depend on beside their case, without a path."""
        return {
            "manifest": self.manifest.name,
            "manifest_sha256": sha256(self.manifest),
            "split": self.split,
            "rooms": len(audio_files(self.rooms, "impulse response")) if self.rooms else 0,
            "noise": [file.name for file in audio_files(self.noise, "noise")] if self.noise else [],
        }


def cases(sounds: Sequence[str], overlaps: Sequence[float], lengths: Mapping[float, int], long_overlap: float) -> list[Case]:
    """Every sound and overlap at the first length, at the others the one overlap: a number of dialogues for each length.

    >>> [case.name for case in cases(["clean"], [0.1, 0.2], {2: 4, 30: 1}, 0.2)]
    ['clean-10-2min', 'clean-20-2min', 'clean-20-30min']
    """
    made = []
    for place, (minutes, dialogues) in enumerate(lengths.items()):
        shares = overlaps if place == 0 else [long_overlap]
        made += [Case(sound, share, minutes, dialogues) for sound in sounds for share in shares if dialogues]
    return made


@dataclass(frozen=True)
class Job:
    """What is to be processed: the name and the group of its rows, what is known of it, and its folder, there once it is made."""

    name: str
    group: str
    kind: Mapping[str, Any]
    folder: Path
    make: Callable[[], None]


def simulated(case: Case, material: Material, scratch: Path) -> Job:
    """The dialogues of a case: truths as `simulate` writes them, and `recordings` to process."""
    key = cache_key(material.facts(), case.dialogues)
    folder = scratch / key / case.name

    def make() -> None:
        if not (folder / "manifest.jsonl").is_file():
            simulate(
                material.manifest,
                folder,
                dialogues=case.dialogues,
                seconds=60 * case.minutes,
                overlap=case.overlap,
                seed=case.seed,
                split=material.split,
                rooms=material.rooms if case.sound == "reverberant" else None,
                noise=material.noise if case.sound == "noisy" else None,
            )
        offer(folder)

    return Job(case.name, f"{case.minutes:g} min", asdict(case), folder, make)


def call(file: Path, scratch: Path) -> Job:
    """A recorded call: its channels are the truth, their sum is the recording.

    Who speaks when is what the activity detector of the diarizer `mfcc` hears in each channel alone.
    """
    folder = scratch / f"call-{sha256(file)[:12]}"

    def make() -> None:
        if not (folder / "manifest.jsonl").is_file():
            line = _mix(file, folder / "dialogue-0000")
            (folder / "manifest.jsonl").write_text(canonical_json(line) + "\n", encoding="utf-8")
        offer(folder)

    return Job("call", "a recorded call", {"sound": "call"}, folder, make)


def recordings(folder: Path) -> list[Path]:
    """The mixtures of a case, each under the name of its dialogue."""
    return sorted((folder / RECORDINGS).glob("*.flac"))


def discard(job: Job) -> None:
    """Delete what was made of a job, and keep what is known of it."""
    for part in (*job.folder.glob("dialogue-*"), job.folder / RECORDINGS):
        shutil.rmtree(part, ignore_errors=True)
    (job.folder / "manifest.jsonl").unlink(missing_ok=True)


def _mix(file: Path, place: Path) -> dict[str, Any]:
    place.mkdir(parents=True, exist_ok=True)
    audio, turns = open_audio(file), api.diarize(file, diarizer="mfcc", recipe="masking").turns
    with TemporaryDirectory(dir=place) as temporary:
        booth = Booth(Path(temporary), audio.rate, audio.samples)
        for part, frames in blocks(audio):
            for channel in (0, 1):
                booth.add(channel, part.start, frames[:, channel])
        write_audio(booth, place / "channels.flac", place / "mixture.flac")
    made = Provenance("call", __version__, parameters={"turns": "mfcc"})
    return write_truth(place, truth_of(place, audio.rate, audio.samples, ("LEFT", "RIGHT"), turns, made))


def offer(folder: Path) -> None:
    """Put the mixtures of simulated dialogues, each under the name of its dialogue, where `recordings` looks for them."""
    (folder / RECORDINGS).mkdir(exist_ok=True)
    for mixture in sorted(folder.glob("*/mixture.flac")):
        target = folder / RECORDINGS / f"{mixture.parent.name}.flac"
        if not target.exists():
            try:
                os.link(mixture, target)
            except OSError:  # a file system without links
                shutil.copyfile(mixture, target)
