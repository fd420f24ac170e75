"""What each speaker says in an overlap, read and not separated: what a chain would do if its separator made no mistake."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
from scipy.optimize import linear_sum_assignment

from sepdiar.audio.source import Audio, Samples
from sepdiar.conversation import Conversation, Span, Track, intersected
from sepdiar.corpora import Truth
from sepdiar.corpora.simulated import own
from sepdiar.errors import SepdiarError
from sepdiar.formats.segments import speech


class Oracle:
    """The tracks of a truth, for experiments that ask what the separator costs.

    `tracks` is a folder with a conversation.json for each recording, at any depth, and beside it the audio of its tracks, as
    `sepdiar simulate` writes them. A recording is looked up by its SHA-256, or else by its id or the name of its file.
    """

    origin = "separated"
    uses = ()

    def __init__(self, tracks: str = "") -> None:
        if not tracks:
            raise SepdiarError("SD202", "a folder with truths is needed", where="separate.oracle.tracks")
        self._place = tracks
        self._truths: dict[str, Truth] = {}
        hashes = []
        for truth in own(Path(tracks)):
            value = truth.conversation
            hashes += sorted({track.sha256 for track in value.tracks})
            for name in (value.recording.sha256, value.recording.id, Path(value.recording.path).stem):
                self._truths.setdefault(name, truth)
        self.model, self.model_sha256 = "tracks", hashlib.sha256("".join(hashes).encode()).hexdigest()

    def of(self, conversation: Conversation) -> Known:
        """The sources of one recording; SD601 where no truth has its tracks."""
        recording = conversation.recording
        for name in (recording.sha256, recording.id, Path(recording.path).stem):
            if name and name in self._truths:
                truth = self._truths[name]
                if not truth.conversation.tracks:
                    break
                if truth.conversation.recording.rate != recording.rate:
                    rates = f"tracks at {truth.conversation.recording.rate} Hz, the recording at {recording.rate} Hz"
                    raise SepdiarError("SD601", rates, where=recording.path)
                return Known(truth, paired(conversation, truth.conversation))
        raise SepdiarError("SD601", f"no tracks of it in {self._place}", where=recording.path)

    def separate(self, audio: Audio, stretch: Span, speakers: Sequence[str]) -> Mapping[str, Samples]:
        """Refused: nothing can be known of sound without a name, and the stage asks `of` first."""
        raise SepdiarError("SD202", "sources are known by the name of a recording", where="separator oracle")


@dataclass(frozen=True)
class Known:
    """The tracks of one recording, and whose each of the chain's speakers is."""

    truth: Truth
    pairs: Mapping[str, str]
    origin = "separated"

    def separate(self, audio: Audio, stretch: Span, speakers: Sequence[str]) -> Mapping[str, Samples]:
        """What is truly said; silence for a speaker who is nobody's."""
        return {speaker: self._said(self.pairs.get(speaker, ""), stretch) for speaker in speakers}

    def _said(self, name: str, stretch: Span) -> Samples:
        said: Samples = np.zeros(len(stretch), np.float32)
        for track in self._tracks.get(name, ()):
            if part := stretch & track.span:
                frames = self._audio[track.file].read(part.shift(-track.span.start))[:, track.channel]
                said[part.start - stretch.start :][: len(frames)] += frames
        return said

    @cached_property
    def _tracks(self) -> Mapping[str, list[Track]]:
        tracks: dict[str, list[Track]] = {}
        for track in self.truth.conversation.tracks:
            tracks.setdefault(track.speaker, []).append(track)
        return tracks

    @cached_property
    def _audio(self) -> Mapping[str, Audio]:
        from sepdiar.metrics.sides import open_audio

        return {name: open_audio(self.truth.folder / name) for name in {track.file for track in self.truth.conversation.tracks}}


def paired(made: Conversation, true: Conversation) -> dict[str, str]:
    """The true speaker of each of the chain's: one to one for the most time in common, who is left over as whom they are like."""
    found, said = speech(made.turns), speech(true.turns)
    common = np.array([[sum(map(len, intersected(own, theirs))) for theirs in said.values()] for own in found.values()])
    if not common.size:
        return {}
    names = list(found), list(said)
    return {names[0][i]: names[1][j] for i, j in _assigned(common) if common[i, j]}


def _assigned(common: np.ndarray[tuple[int, int], np.dtype[np.int64]]) -> Iterator[tuple[int, int]]:
    one_to_one = dict(zip(*(side.tolist() for side in linear_sum_assignment(common, maximize=True)), strict=True))
    for i, row in enumerate(common):
        kept = i in one_to_one and row[one_to_one[i]]
        yield i, one_to_one[i] if kept else int(row.argmax())
