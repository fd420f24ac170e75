"""Recordings made ready: the mixture that a chain is given, and a truth that the oracles of all stages find."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from sepdiar.assemble.flac import write_flac
from sepdiar.audio.source import Samples, blocks
from sepdiar.conversation import Conversation, Span, Stretch, Track
from sepdiar.corpora import Truth
from sepdiar.corpora.simulated import TRUTH as CONVERSATION
from sepdiar.errors import SepdiarError
from sepdiar.formats import rttm
from sepdiar.formats.segments import of_conversation
from sepdiar.metrics.sides import open_tracks
from sepdiar.simulation.sound import PEAK
from sepdiar.store.disk import digest

MIXTURE = "mixture.flac"


@dataclass(frozen=True)
class Ready:
    """A recording that a chain can be given, and the folder in which its truth lies under the names that the oracles read."""

    name: str
    mixture: Path
    folder: Path
    true: Conversation


def ready(truth: Truth, place: Path, name: str = "") -> Ready:
    """The recording of a truth, made ready below `place` under a name that can be a file's.

    Where the corpus has no such file, the tracks are added up: they are then written again beside the mixture, all with the same
    gain where their sum would clip, so that the mixture is exactly their sum.
    """
    value = truth.conversation
    if not value.turns:
        raise SepdiarError("SD602", "a truth without turns", where=value.recording.path or str(truth.folder))
    name = re.sub(r"[^\w.+-]+", "_", name or value.recording.id).strip(".") or "recording"
    folder = place / name
    folder.mkdir(parents=True, exist_ok=True)
    if value.recording.path:
        mixture = (truth.folder / value.recording.path).resolve()
        if not mixture.is_file():
            raise SepdiarError("SD101", where=str(mixture))
        tracks = tuple(replace(track, file=str((truth.folder / track.file).resolve())) for track in value.tracks)
    else:
        mixture, tracks = folder / MIXTURE, _mixed_down(truth, folder)
    recording = replace(value.recording, id=name, path=str(mixture), sha256=digest(mixture), channels=1)
    true = replace(value, recording=recording, tracks=tracks)
    (folder / "truth.rttm").write_text(rttm.dumps(of_conversation(true)), encoding="utf-8")
    (folder / CONVERSATION).write_text(true.to_json() + "\n", encoding="utf-8")
    return Ready(name, mixture, folder, true)


def _mixed_down(truth: Truth, folder: Path) -> tuple[Track, ...]:
    value = truth.conversation
    rate, whole, audio = value.recording.rate, Span(0, value.recording.samples), open_tracks(value, truth.folder)
    peak = max(float(np.abs(frames.sum(axis=1)).max(initial=0.0)) for _, frames in blocks(audio))
    gain, scale = np.float32(min(1.0, PEAK / peak) if peak else 1.0), np.float32(1 << (audio.bits - 1))

    def rounded() -> Iterator[Samples]:
        return (np.asarray(np.rint(frames * gain * scale) / scale, np.float32) for _, frames in blocks(audio))

    tracks = []
    for number, track in enumerate(value.tracks):
        file = folder / f"track-{number}.flac"
        write_flac(file, rate, audio.bits, (frames[:, number] for frames in rounded()), channels=1)
        tracks.append(Track(track.speaker, str(file), 0, whole, (Stretch(whole, "recorded"),), digest(file)))
    write_flac(folder / MIXTURE, rate, audio.bits, (frames.sum(axis=1) for frames in rounded()), channels=1)
    return tuple(tracks)
