"""The rules of moshi-finetune's reader, applied to what is on disk: whatever breaks one trains on nothing, or on the wrong thing.

The reader itself is silent about most of them.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np
import soundfile

from sepdiar.formats.moshi import LABELS, MANIFEST
from sepdiar.formats.validate import Problem
from sepdiar.schema import parse

RULES = {
    "manifest": f"{MANIFEST} is there and names at least one file: the reader waits for ever on an empty one",
    "manifest.line": "each line is an object with a path and a duration in seconds",
    "manifest.once": "no file is named twice: it would be trained on twice",
    "manifest.only": "nothing else ends in jsonl: given a folder, the reader takes every such file for a manifest",
    "path.inside": "paths are relative to the manifest, and stay below it",
    "audio.there": "the file exists: the reader leaves out what it cannot find, and trains on the rest",
    "audio.opens": "it can be decoded, to its last sample",
    "audio.channels": "exactly two channels: the model's speaker, and the user",
    "audio.finite": "every sample is a number",
    "audio.long": "at most 4 hours: the reader's annotator refuses more",
    "audio.short": "at least 1,000 bytes: the annotator leaves out smaller files",
    "duration": "the manifest's duration is the file's: chunks beyond the end train on padding, missing ones on nothing",
    "sidecar.there": "the words are in a file of the same stem, with .json",
    "sidecar.form": 'an object with "alignments": a list of [word, [start, end], label]',
    "sidecar.conditions": '"text_conditions", where it is there, is an object',
    "words.sorted": "by start: the reader bisects",
    "words.length": "a word ends after it starts: others are dropped",
    "words.inside": "words lie within the file",
    "words.text": "a word has letters: empty ones become padding",
    "words.label": f"the model's words are labelled {LABELS[0]}, exactly: others are dropped",
}
TOLERANCE = 0.02  # seconds; a frame of the model has 0.08
LONGEST, SMALLEST = 4 * 3600, 1000
BLOCK = 1 << 18


def validate_moshi(folder: Path, format: str = "moshi") -> list[Problem]:
    """Every broken rule of a folder with a `data.jsonl`, in the order of its lines."""
    return list(_folder(folder))


def _folder(folder: Path) -> Iterator[Problem]:
    manifest = folder / MANIFEST
    for other in sorted(folder.rglob("*jsonl")):
        if other != manifest:
            yield Problem("manifest.only", str(other.relative_to(folder)), "ends in jsonl")
    try:
        lines = manifest.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        yield Problem("manifest", MANIFEST, str(error))
        return
    if not lines:
        yield Problem("manifest", MANIFEST, "no line in it")
    seen: set[str] = set()
    labels: set[str] = set()
    for number, text in enumerate(lines, 1):
        line = _line(text)
        where = f"{MANIFEST}:{number}"
        if line is None:
            yield Problem("manifest.line", where, text[:80])
            continue
        path, declared = line
        if path in seen:
            yield Problem("manifest.once", where, path)
        elif not _is_inside(folder, path):
            yield Problem("path.inside", where, path)
        else:
            yield from _dialogue(folder, path, declared, labels)
        seen.add(path)
    if labels and LABELS[0] not in labels:
        yield Problem("words.label", MANIFEST, f"every word is labelled {' or '.join(sorted(labels))}")


def _line(text: str) -> tuple[str, float] | None:
    try:
        line = parse(text)
        path, duration = line["path"], line["duration"]
    except (ValueError, TypeError, KeyError):
        return None
    return (path, float(duration)) if isinstance(path, str) and path and _is_time(duration) and duration > 0 else None


def _is_time(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and abs(value) <= sys.float_info.max


def _is_inside(folder: Path, path: str) -> bool:
    parts = PurePosixPath(path)
    if parts.is_absolute() or ".." in parts.parts or "://" in path or "\0" in path:
        return False
    try:
        return (folder / path).resolve().is_relative_to(folder.resolve())
    except ValueError:
        return False  # half of a surrogate pair, which no disk can name


def _is_file(path: Path) -> bool:
    try:
        return path.is_file()
    except OSError:
        return False  # a name that is longer than a disk takes


def _dialogue(folder: Path, path: str, declared: float, labels: set[str]) -> Iterator[Problem]:
    audio = folder / path
    if not _is_file(audio):
        yield Problem("audio.there", path, "no such file")
        return
    if (size := audio.stat().st_size) < SMALLEST:
        yield Problem("audio.short", path, f"{size} bytes")
    seconds = declared
    try:
        info = soundfile.info(os.fsencode(audio))
        seconds = info.frames / info.samplerate
        if info.channels != 2:
            yield Problem("audio.channels", path, f"{info.channels}")
        if seconds > LONGEST:
            yield Problem("audio.long", path, f"{seconds / 3600:.2f} hours")
        if abs(seconds - declared) > TOLERANCE:
            yield Problem("duration", path, f"{declared:g} s declared, {seconds:g} s there")
        yield from _samples(audio, path)
    except soundfile.LibsndfileError as error:
        yield Problem("audio.opens", path, error.error_string)
    yield from _sidecar(folder, str(PurePosixPath(path).with_suffix(".json")), seconds, labels)


def _samples(audio: Path, path: str) -> Iterator[Problem]:
    with soundfile.SoundFile(os.fsencode(audio)) as file:
        floating = file.subtype in ("FLOAT", "DOUBLE")
        file.seek(0 if floating else max(0, file.frames - 1))  # integers are always numbers; to reach the last one is enough
        read = file.tell()
        for frames in file.blocks(BLOCK, dtype="float32"):
            read += len(frames)
            if not np.isfinite(frames).all():
                yield Problem(
                    "audio.finite", path, f"NaN or infinity within {BLOCK} samples before {read / file.samplerate:.2f} s"
                )
                return
        if read != file.frames:
            yield Problem("audio.opens", path, f"{read} of {file.frames} samples")


def _sidecar(folder: Path, path: str, seconds: float, labels: set[str]) -> Iterator[Problem]:
    try:
        data = parse((folder / path).read_text(encoding="utf-8"))
    except (FileNotFoundError, IsADirectoryError):
        yield Problem("sidecar.there", path, "no such file")
        return
    except ValueError as error:
        yield Problem("sidecar.form", path, f"not JSON: {error}")
        return
    rows = data.get("alignments") if isinstance(data, dict) else None
    if not isinstance(rows, list):
        yield Problem("sidecar.form", path, 'no list "alignments"')
        return
    if not isinstance(data.get("text_conditions") or {}, dict):
        yield Problem("sidecar.conditions", path, type(data["text_conditions"]).__name__)
    words = [row for row in rows if _is_alignment(row)]
    if len(words) < len(rows):
        bad = next(row for row in rows if not _is_alignment(row))
        yield Problem("sidecar.form", path, json.dumps(bad)[:80])
    labels.update(label for _, _, label in words)
    yield from _words(path, words, seconds)


def _is_alignment(row: Any) -> bool:
    match row:
        case [str(), [start, end], str()]:
            return _is_time(start) and _is_time(end)
    return False


def _words(path: str, words: list[Any], seconds: float) -> Iterator[Problem]:
    for (_, (before, _), _), (text, (start, _), _) in pairwise(words):
        if start < before:
            yield Problem("words.sorted", path, f"{text!r} at {start:g} s stands behind one at {before:g} s")
            break
    for text, (start, end), label in words:
        if end <= start:
            yield Problem("words.length", path, f"{text!r} from {start:g} to {end:g} s")
        if start < 0 or end > seconds + TOLERANCE:
            yield Problem("words.inside", path, f"{text!r} from {start:g} to {end:g} s of {seconds:g} s")
        if not text.strip():
            yield Problem("words.text", path, f"{text!r} at {start:g} s")
        if label != LABELS[0] and label.strip().upper() == LABELS[0]:
            yield Problem("words.label", path, f"{text!r} is labelled {label!r}")
