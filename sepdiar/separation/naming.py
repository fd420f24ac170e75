"""Tracks that were separated before anybody knew who speaks, given to the speakers once a diarizer has said who speaks when.

The same evidence decides as for windows of a separator, and the same joins are made: the tracks are heard again by windows, and a
track that changes from one speaker to the other, as it may where both were silent for long, is found out and mended.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

import numpy as np

from sepdiar.audio.source import Audio, Samples
from sepdiar.conversation import Span
from sepdiar.events import Listener
from sepdiar.pipeline import Sources, Take
from sepdiar.separation.decide import Account
from sepdiar.separation.evidence import Heard
from sepdiar.separation.join import Joiner, Loaded, Pack, Place
from sepdiar.separation.plan import everything, overlapped
from sepdiar.separation.stage import written

WINDOW = 8.0  # seconds that are looked at together
CONTEXT = 3.0  # seconds on each side of a stretch: who speaks there alone tells whose track it is


class Tracks:
    """Two tracks of one recording, in the place of a separator."""

    def __init__(self, audio: Sequence[Audio]) -> None:
        self.audio, self.rate, self.window = audio, audio[0].rate, WINDOW

    def split(self, mixtures: Samples) -> Samples:
        """They are made already: nothing is separated again."""
        raise NotImplementedError

    def read(self, span: Span) -> Samples:
        """Both, one below the other."""
        return np.stack([track.read(span)[:, 0] for track in self.audio])


class Namer(Joiner):
    """Hears tracks where a joiner lets a separator hear the mixture."""

    def __init__(self, tracks: Tracks) -> None:
        super().__init__(tracks, "tracks", context=CONTEXT)
        self._tracks = tracks

    def _loaded(self, audio: Audio, pack: Pack) -> Loaded:
        both = np.concatenate([self._tracks.read(span) for _, span in pack[1]], axis=1)
        return Loaded(pack, both, both)

    def _split(self, rate: int, batch: Sequence[Loaded]) -> Iterator[list[tuple[Place, Heard]]]:
        for one in batch:
            places = one.pack[1]
            ends = np.cumsum([len(span) for _, span in places])
            sources = np.split(one.heard, ends[:-1], axis=1)
            yield [(place, Heard.of(place[1], own, rate)) for place, own in zip(places, sources, strict=True)]


def named(take: Take, stage: str, emit: Listener) -> Take:
    """The take with its tracks as the sources of its speakers; without sources where only one speaks."""
    tracks, turns, audio = take.sources, take.conversation.turns, take.sound
    if tracks is None or len(take.conversation.speakers) < 2:
        return replace(take, sources=None)
    stretches = everything(turns, audio.samples) if tracks.everywhere else overlapped(turns)
    pieces = Namer(Tracks(tuple(tracks.audio.values()))).sources(audio, turns, stretches, Account())
    made = written(take, take.conversation.speakers, pieces, stage, emit)
    return replace(take, sources=Sources(tracks.origin, made, tracks.everywhere))
