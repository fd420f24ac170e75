"""What a user has on the disk to train on: a manifest, or folders of the usual forms; noise and rooms to augment with."""

from __future__ import annotations

import hashlib
import re
from pathlib import Path
from typing import NamedTuple

import numpy as np

from sepdiar.audio.source import Samples
from sepdiar.errors import SepdiarError
from sepdiar.simulation.manifest import Utterance, read_manifest
from sepdiar.simulation.sound import audio_files
from sepdiar.simulation.speech import channels_of, load
from sepdiar.training.corpus import FEWEST, RATE, Corpus, decoded

Rows = tuple[Utterance, ...]

MANIFEST = "manifest.tsv"
HELD_OUT = 0.05  # of the speakers, where nothing says which are for dev
MOST_NOISE = 3600.0  # seconds that are kept in memory
_LIBRISPEECH = re.compile(r"(?P<speaker>\d+)-(?P<chapter>\d+)-\d+")
_VCTK = re.compile(r"wav\d+.*")
_SECOND_MICROPHONE = re.compile(r".*_mic[2-9]")


class Material(NamedTuple):
    """What a task is made of: speech to train and to choose on, and what it is augmented with."""

    train: Corpus
    dev: Corpus
    noises: tuple[Samples, ...]
    rooms: tuple[Samples, ...]


def gathered(data: Path, cache: Path, noise: Path | None, responses: Path | None) -> Material:
    """All of it from its places; where there is no place there is nothing of that kind."""
    return Material(*speech(data, cache), noises(noise) if noise else (), rooms(responses) if responses else ())


def speech(data: Path, cache: Path) -> tuple[Corpus, Corpus]:
    """The corpora to train and to choose on, decoded into `cache`; no speaker is in both."""
    train, dev = splits(data)
    return decoded(train, "train", cache), decoded(dev, "dev", cache)


def splits(data: Path) -> tuple[Rows, Rows]:
    """The utterances to train and to choose on.

    `data` is a manifest or a folder: with a manifest.tsv; as LibriSpeech (SPLIT/SPEAKER/CHAPTER/SPEAKER-CHAPTER-UTT.flac; train-*
    and dev-* keep their parts, test-* is left alone); as VCTK (wav48*/SPEAKER/*, of several microphones the first); or SPEAKER/*.
    Where nothing says dev, one speaker of twenty is held out, at least two, always the same.
    """
    data = data / MANIFEST if (data / MANIFEST).is_file() else data
    found = _in_folders(data) if data.is_dir() else _in_manifest(data)
    train, dev = found.get("train", ()), found.get("dev", ())
    if not dev:
        train, dev = _held_out(train, data)
    if both := sorted({row.speaker for row in train} & {row.speaker for row in dev}):
        raise SepdiarError("SD403", f"both to train and to choose on: {', '.join(both[:5])}", where=str(data))
    for name, rows in (("train", train), ("dev", dev)):
        if (count := len({row.speaker for row in rows})) < FEWEST:
            raise SepdiarError("SD202", f"split {name} has {count} speakers and needs {FEWEST}", where=str(data))
    return train, dev


def noises(folder: Path) -> tuple[Samples, ...]:
    """The recordings below a folder at 16 kHz: an hour of them at most, the first by name."""
    kept: list[Samples] = []
    room = round(MOST_NOISE * RATE)
    for file in audio_files(folder, "noise"):
        samples = load(file, RATE)[:room]
        room -= len(samples)
        if samples.any():
            kept.append(samples)
        if not room:
            break
    return tuple(kept)


def rooms(folder: Path) -> tuple[Samples, ...]:
    """The responses below a folder at 16 kHz, one a channel, from the direct sound on, which is 1."""
    kept: list[Samples] = []
    for file in audio_files(folder, "room"):
        for response in channels_of(file, RATE).T:
            begin = int(np.argmax(np.abs(response)))
            if response[begin]:
                kept.append(np.ascontiguousarray(response[begin : begin + 2 * RATE] / response[begin]))
    return tuple(kept)


def _in_manifest(path: Path) -> dict[str, Rows]:
    """By split; all is train where nothing says what it is for."""
    rows = read_manifest(path)
    named = sorted({row.split for row in rows} - {""})
    if named and "train" not in named:
        raise SepdiarError("SD202", f"no utterance of split 'train'; there are: {', '.join(named)}", where=str(path))
    return {split: tuple(row for row in rows if row.split == split) for split in named} if named else {"train": rows}


def _in_folders(data: Path) -> dict[str, Rows]:
    found: dict[str, list[Utterance]] = {}
    for file in audio_files(data, "speech"):
        folders, name = file.relative_to(data).parts[:-1], file.stem
        split = "train"
        if (match := _LIBRISPEECH.fullmatch(name)) and file.parts[-3:-1] == match.group("speaker", "chapter"):
            speaker = match["speaker"]
            split = next((part.split("-")[0] for part in folders[:-2] if re.match(r"(train|dev|test)-", part)), split)
        elif at := [i for i, part in enumerate(folders[:-1]) if _VCTK.fullmatch(part)]:
            speaker = folders[at[0] + 1]
        elif folders:
            speaker = folders[0]
        else:
            continue
        if not _SECOND_MICROPHONE.fullmatch(name):
            id = file.relative_to(data).with_suffix("").as_posix()
            found.setdefault(split, []).append(Utterance(id, speaker, file.resolve(), ""))
    if not found:
        raise SepdiarError(
            "SD206",
            "no folder of a speaker",
            where=str(data),
            hint="Put each speaker's files into a folder, or write a manifest.tsv.",
        )
    return {split: tuple(rows) for split, rows in found.items()}


def _held_out(rows: Rows, data: Path) -> tuple[Rows, Rows]:
    """Train and dev, by the hash of the speaker's name: one more speaker moves hardly any other."""
    names = sorted({row.speaker for row in rows}, key=lambda name: hashlib.sha256(name.encode()).digest())
    if len(names) < 2 * FEWEST:
        raise SepdiarError(
            "SD202", f"{len(names)} speakers; {FEWEST} to train and {FEWEST} to choose on are needed", where=str(data)
        )
    dev = names[: max(FEWEST, round(HELD_OUT * len(names)))]
    return tuple(row for row in rows if row.speaker not in dev), tuple(row for row in rows if row.speaker in dev)
